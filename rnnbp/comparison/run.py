"""Comparison of static and recurrent networks: the same data and budget, several seeds, one report."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

import pandas as pd

from rnnbp.comparison.factories import check_factories, check_models_are_new
from rnnbp.comparison.failures import failures
from rnnbp.comparison.folds import splits
from rnnbp.comparison.report import Report
from rnnbp.comparison.report_settings import settings
from rnnbp.comparison.training_run import (
    MakeModel,
    MakeOptimizer,
    Recipe,
    Result,
    TrainingRun,
    checkpoint_folder,
    chosen_seeds,
    new_model,
)
from rnnbp.data import SequenceDataset
from rnnbp.gradients import BPTT, GradientAlgorithm
from rnnbp.kernels import using
from rnnbp.kernels.selection import fastest_allowed
from rnnbp.losses import Loss, natural_loss
from rnnbp.models import Sequential, matched
from rnnbp.optimizers import Adam, Cosine
from rnnbp.optimizers.schedules import Schedule
from rnnbp.runtime import Outcome, failure, flag, job_count, positive_int, run_all
from rnnbp.training import check_dataset


def compare(
    models: Mapping[str, MakeModel],
    train: SequenceDataset,
    test: SequenceDataset,
    *,
    seeds: int | Iterable[int] = 5,
    epochs: int = 30,
    batch_size: int = 16,
    loss: Loss | None = None,
    gradient: GradientAlgorithm | None = None,
    optimizer: MakeOptimizer | None = None,
    optimizers: Mapping[str, MakeOptimizer] | None = None,
    schedule: Callable[[int], Schedule] = Cosine,
    folds: int = 3,
    n_jobs: int | None = None,
    checkpoints: str | Path | None = None,
    progress: bool | str = True,
) -> Report:
    """Train every model under the same budget and report.

    Each model is trained once for each seed on the whole training set, for the same number of epochs, and then
    evaluated once on the test set. The best static, reservoir and recurrent model are chosen by cross-validation within
    the training set; the test set plays no part in the choice.

    Parameters
    ----------
    models : mapping of str to callable
        ``make(seed)``, or ``make()``, returns a new Sequential.
    train, test : SequenceDataset
        Classes of the test set are mapped to those of the training set by their names.
    seeds : int or iterable of int, default 5
        Number of seeds (0, 1, ...), or the seeds, of initialization, shuffling and dropout.
    epochs, batch_size : int, default 30 and 16
    loss : Loss, optional
        Default: CrossEntropy() where targets are integers, else MeanSquaredError().
    gradient : GradientAlgorithm, default BPTT()
    optimizer : callable, optional
        Returns a new optimizer for each run. Default: Adam(0.01).
    optimizers : mapping of str to callable, optional
        Optimizers for single models by name, where they differ from `optimizer`.
    schedule : callable, default Cosine
        ``schedule(epochs)`` returns the learning-rate schedule of each run; not used with a `Minimizer` (`LBFGS`,
        `NewtonCG`).
    folds : int, default 3
        Number of folds of the cross-validation, each trained on the others; with 1 one fifth of the training set is
        held out, once, at a third of the cost.
    n_jobs : int, optional
        Number of runs that train at the same time, each in a process of its own, with one thread; -1 for one a core.
        With 1 they train in this process. More need the extra `parallel`. The results have the same bits.
        Default: 1, or what `joblib.parallel_config` sets, with which they train on a Dask cluster or Ray:
        ``with joblib.parallel_config(backend="dask"): rnnbp.compare(...)``.
    checkpoints : str or Path, optional
        Folder to which each run writes a checkpoint after each epoch, and from which a second call with the same
        arguments resumes.
    progress : bool or str, default True
        Show a bar of the runs; a string is its label.

    Returns
    -------
    Report
        `.table`, `.curves`, `.runs`, `.failures`, `.verdict`, `.plot()`, `.to_html(path)`, `.to_csv(folder)`.

    Raises
    ------
    ValueError
        If there is no model or no seed, the test set has classes that the training set has not, a model does not fit
        the data or the checkpoint of its run, or cannot be sent to a worker.
    Exception
        That of the first run, where no run on the whole training set succeeds: `TrainingDivergedError`, whose message
        names the model and the run.

    Warns
    -----
    RuntimeWarning
        For each run that fails, while the others go on: it is in `report.failures` with its traceback, and in none of
        the figures. And where a worker is lost, whose run is repeated.

    Examples
    --------
    >>> import numpy as np, rnnbp
    >>> rng = np.random.default_rng(0)
    >>> data = rnnbp.SequenceDataset([rng.normal(k, 1, (6, 2)) for k in (0, 2) * 12], targets=[0, 1] * 12)
    >>> def static(seed):
    ...     return rnnbp.Sequential(rnnbp.MeanOverTime(), rnnbp.Dense(2, 2), seed=seed)
    >>> def recurrent(seed):
    ...     return rnnbp.Sequential(rnnbp.Elman(2, 4), rnnbp.Last(), rnnbp.Dense(4, 2), seed=seed)
    >>> report = compare({"a": static, "b": recurrent}, data, data, seeds=2, epochs=3, progress=False)
    >>> report.table[["model", "kind", "parameters"]].values.tolist()
    [['a', 'static', 6], ['b', 'recurrent', 42]]
    """
    if not isinstance(progress, str):
        flag("progress", progress)
    check_factories(models, optimizer, {} if optimizers is None else optimizers, schedule)
    for name, data in (("train", train), ("test", test)):
        check_dataset(name, data)
    chosen = chosen_seeds(seeds)
    recipe = Recipe(
        positive_int("epochs", epochs),
        positive_int("batch_size", batch_size),
        natural_loss(train.targets) if loss is None else loss,
        BPTT() if gradient is None else gradient,
        schedule,
        checkpoint_folder(checkpoints),
    )
    by_model = dict.fromkeys(models, optimizer or partial(Adam, 0.01)) | dict(optimizers or {})
    factories = {name: (make, by_model[name]) for name, make in models.items()}
    job_count(n_jobs)
    test = matched("test", test, train.classes)
    check_models_are_new(models, chosen[0])
    runs = list(_training_runs(recipe, factories, chosen, train, test, positive_int("folds", folds)))
    ordered = _longest_first(runs)
    outcomes = run_all(
        partial(_performed, fastest_allowed()),
        ordered,
        n_jobs,
        progress=bool(progress),
        label=progress if isinstance(progress, str) else "run",
        shown=TrainingRun.shown,
    )
    optimizers_used = {name: make() for name, make in by_model.items()}
    described = settings(train, test, recipe, seeds=chosen, folds=folds, optimizers=optimizers_used)
    by_run = dict(zip(map(str, ordered), outcomes, strict=True))
    return _report([(run, by_run[str(run)]) for run in runs], recipe.loss.metric, described)


def _performed(kernels: str, run: TrainingRun) -> Result:
    """Perform a run in any process by the kernels that the calling one uses."""
    with using(kernels):
        return run.perform()


def _report(outcomes: Sequence[tuple[TrainingRun, Outcome]], metric: str, described: dict[str, str]) -> Report:
    """Return the report of runs, of those that failed only as failures."""
    finished = [(run, outcome.result) for run, outcome in outcomes if outcome.error is None]
    tested = [(run, result) for run, result in finished if result.row is not None]
    if not tested:
        raise failure(next(outcome for run, outcome in outcomes if run.test is not None))
    trained: dict[str, Sequential] = {}
    for run, result in tested:
        if run.name not in trained:
            trained[run.name] = run.model_of(result)
    table = pd.DataFrame([result.row for _, result in tested])
    curves = pd.concat([result.curve for _, result in finished], ignore_index=True)
    return Report(table, curves, metric, described, trained, failures(outcomes))


def _training_runs(
    recipe: Recipe,
    factories: Mapping[str, tuple[MakeModel, MakeOptimizer]],
    seeds: list[int],
    train: SequenceDataset,
    test: SequenceDataset,
    folds: int,
) -> Iterator[TrainingRun]:
    """Yield the cross-validation runs of every model, then the runs that are evaluated on the test set."""
    parts = list(enumerate(splits(train, folds)))
    for name, pair in factories.items():
        for fold, (rest, validation) in parts:
            seed = seeds[fold % len(seeds)]
            yield TrainingRun(recipe, name, f"fold {fold}", *pair, seed, rest, validation=validation)
    for seed in seeds:
        for name, pair in factories.items():
            yield TrainingRun(recipe, name, f"seed {seed}", *pair, seed, train, test=test)


def _longest_first(runs: Sequence[TrainingRun]) -> list[TrainingRun]:
    """Return the runs, those of large recurrent models first, so that all workers end at about one time."""
    models = {run.name: new_model(run.make, run.seed) for run in runs}
    costs = {name: (model.recurrent, model.params.size) for name, model in models.items()}
    return sorted(runs, key=lambda run: costs[run.name], reverse=True)
