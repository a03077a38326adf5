"""Comparison of static and recurrent networks: the same data and budget, several seeds, one report."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

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
from rnnbp.comparison.workers import start_workers
from rnnbp.data import SequenceDataset
from rnnbp.gradients import BPTT, GradientAlgorithm
from rnnbp.losses import Loss, natural_loss
from rnnbp.models import Sequential, matched
from rnnbp.optimizers import Adam, Cosine
from rnnbp.optimizers.schedules import Schedule
from rnnbp.runtime import check_sendable, choice, in_order, positive_int
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
    workers: int = 1,
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
    workers : int, default 1
        Number of processes that train in parallel, one run and one thread each. More than one needs models,
        optimizers and schedule that another process can import: functions at the top level of a module, no lambdas.
    checkpoints : str or Path, optional
        Folder to which each run writes a checkpoint after each epoch, and from which a second call with the same
        arguments resumes.
    progress : bool or str, default True
        Show a bar of the runs; a string is its label.

    Returns
    -------
    Report
        `.table`, `.curves`, `.runs`, `.verdict`, `.plot()`, `.to_html(path)`, `.to_csv(folder)`.

    Raises
    ------
    ValueError
        If there is no model or no seed, the test set has classes that the training set has not, a model does not fit
        the data or the checkpoint of its run, or cannot be sent to a worker.
    TrainingDivergedError
        If a loss or gradient is not finite; it names the model and the run.

    Examples
    --------
    >>> import rnnbp
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
    _check_factories(models, optimizer, optimizers or {}, schedule)
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
    if positive_int("workers", workers) > 1:
        start_workers()
        check_sendable("schedule", schedule)
        for name, pair in factories.items():
            check_sendable(f"model {name!r} or its optimizer", pair)
    test = matched("test", test, train.classes)
    _check_models_are_new(models, chosen[0])
    runs = list(_training_runs(recipe, factories, chosen, train, test, positive_int("folds", folds)))

    def shown(run: TrainingRun, result: Result) -> dict[str, float]:
        return {} if result.row is None else {f"{run.name} {recipe.loss.metric}": result.row["test"]}

    places = _longest_first(runs) if workers > 1 else range(len(runs))
    begun = [runs[place] for place in places]
    label = progress if isinstance(progress, str) else "run"
    results = in_order(TrainingRun.perform, begun, workers, progress=bool(progress), label=label, shown=shown)
    in_place = [result for _, result in sorted(zip(places, results, strict=True), key=itemgetter(0))]
    optimizers_used = {name: make() for name, make in by_model.items()}
    described = settings(train, test, recipe, seeds=chosen, folds=folds, optimizers=optimizers_used)
    table = pd.DataFrame([result.row for result in in_place if result.row is not None])
    curves = pd.concat([result.curve for result in in_place], ignore_index=True)
    first = {
        run.name: run.model_of(result)
        for run, result in zip(runs, in_place, strict=True)
        if run.test is not None and run.seed == chosen[0]
    }
    return Report(table, curves, recipe.loss.metric, described, first)


def _check_factories(models: Any, optimizer: Any, optimizers: Mapping[str, Any], schedule: Any) -> None:
    """Raise unless models, optimizers and schedule are given as factories, called once per run."""
    if not isinstance(models, Mapping):
        raise ValueError(f'models must be a dict of names and functions, {{"lstm": make}}, got {models!r}')
    if not models:
        raise ValueError("models must be at least one, got none")
    for name, make in models.items():
        if isinstance(make, Sequential) or make is Sequential or not callable(make):
            raise ValueError(
                f"models[{name!r}] must be a function that makes a new model for each seed, got {make!r}: "
                f"{{{name!r}: lambda seed: rnnbp.Sequential(..., seed=seed)}}"
            )
    for name in optimizers:
        choice("optimizers", name, models)
    given = {"optimizer": optimizer} | {f"optimizers[{name!r}]": make for name, make in optimizers.items()}
    for name, make in given.items():
        if make is not None and not callable(make):
            raise ValueError(
                f"{name} must be a function that makes a new optimizer for each run, got {make!r}: "
                "lambda: rnnbp.Adam(0.01)"
            )
    if isinstance(schedule, Schedule) or not callable(schedule):
        raise ValueError(
            f"schedule must be a function that makes one of the number of epochs, got {schedule!r}: "
            "lambda epochs: rnnbp.Cosine(epochs)"
        )


def _check_models_are_new(models: Mapping[str, MakeModel], seed: int) -> None:
    """Raise if a factory returns the same model again, in which a run would continue the training of the last one."""
    for name, make in models.items():
        if new_model(make, seed) is new_model(make, seed):
            raise ValueError(
                f"models[{name!r}] must make a new model at each call, and returns the same one, which would be "
                f"trained further by each run: {{{name!r}: lambda seed: rnnbp.Sequential(..., seed=seed)}}"
            )


def _training_runs(
    recipe: Recipe,
    factories: Mapping[str, tuple[MakeModel, MakeOptimizer]],
    seeds: list[int],
    train: SequenceDataset,
    test: SequenceDataset,
    folds: int,
) -> Iterator[TrainingRun]:
    """Yield the cross-validation runs of every model, then the runs that are evaluated on the test set."""
    splits = list(enumerate(_splits(train, folds)))
    for name, pair in factories.items():
        for fold, (rest, validation) in splits:
            seed = seeds[fold % len(seeds)]
            yield TrainingRun(recipe, name, f"fold {fold}", *pair, seed, rest, validation=validation)
    for seed in seeds:
        for name, pair in factories.items():
            yield TrainingRun(recipe, name, f"seed {seed}", *pair, seed, train, test=test)


def _longest_first(runs: Sequence[TrainingRun]) -> list[int]:
    """Return the places of runs, those of large recurrent models first, so that all workers end at about one time."""
    models = {run.name: new_model(run.make, run.seed) for run in runs}
    costs = {name: (model.recurrent, model.params.size) for name, model in models.items()}
    return sorted(range(len(runs)), key=lambda place: costs[runs[place].name], reverse=True)


def _splits(data: SequenceDataset, folds: int) -> list[tuple[SequenceDataset, SequenceDataset]]:
    """Return the (rest, fold) splits of the cross-validation; with one fold the first of five."""
    return _folds(data, folds) if folds > 1 else _folds(data, 5)[:1]


def _folds(data: SequenceDataset, folds: int) -> list[tuple[SequenceDataset, SequenceDataset]]:
    """Return the (rest, fold) splits of a dataset, stratified by class.

    Where there are fewer sequences than folds, the sequences are cut.
    """
    if len(data) < folds:
        if not data.per_step:
            raise ValueError(f"train must have at least one sequence for each of the {folds} folds, got {len(data)}")
        data = data.cut(-(-int(data.lengths.sum()) // folds))
    order = np.random.default_rng(0).permutation(len(data))
    if isinstance(data.targets, np.ndarray) and data.targets.ndim == 1:
        order = order[np.argsort(data.targets[order], kind="stable")]
    fold_of = np.empty(len(data), int)
    fold_of[order] = np.arange(len(data)) % folds
    return [
        (data.subset(np.flatnonzero(fold_of != k)), data.subset(np.flatnonzero(fold_of == k))) for k in range(folds)
    ]
