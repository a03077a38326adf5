"""Hyperparameter search: every trial trained under the same budget, and scored on the validation set."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from rnnbp.comparison.sweeps.fingerprint import fingerprint
from rnnbp.comparison.sweeps.folder import SweepFolder
from rnnbp.comparison.sweeps.proposals import Search
from rnnbp.comparison.sweeps.report import SweepReport
from rnnbp.comparison.sweeps.rounds import Rounds
from rnnbp.comparison.sweeps.run_result import RunResult
from rnnbp.comparison.sweeps.search_arguments import TRIALS_PER_ROUND, SearchArguments
from rnnbp.comparison.sweeps.space import Parameters, check_names, checked_space, example_point
from rnnbp.comparison.sweeps.training_settings import Make, Settings, Trial
from rnnbp.comparison.training_run import chosen_seeds
from rnnbp.data import SequenceDataset
from rnnbp.gradients import GradientAlgorithm
from rnnbp.losses import Loss, natural_loss
from rnnbp.metrics import check_monitor, history_columns
from rnnbp.models import Sequential, take_over_names
from rnnbp.optimizers import ClipNorm, ClipValue, Optimizer
from rnnbp.runtime import flag, job_count, positive_int
from rnnbp.training import EarlyStopping, check_dataset

Space = Mapping[str, Any] | Sequence[Mapping[str, Any]]


def sweep(
    make: Make,
    space: Space,
    train: SequenceDataset,
    validation: SequenceDataset,
    *,
    trials: int | None = None,
    seeds: int | Iterable[int] = 1,
    epochs: int = 30,
    batch_size: int = 16,
    loss: Loss | None = None,
    gradient: GradientAlgorithm | None = None,
    optimizer: Callable[..., Optimizer] | str | None = None,
    schedule: Callable[[int], Any] | None = None,
    clip: ClipNorm | ClipValue | None = None,
    stopping: EarlyStopping | None = None,
    monitor: str | None = None,
    seed: int = 0,
    sampler: Any = None,
    pruner: Any = None,
    trials_per_round: int = TRIALS_PER_ROUND,
    n_jobs: int | None = None,
    folder: str | Path | None = None,
    retry_failed: bool = False,
    progress: bool = True,
) -> SweepReport:
    """Search hyperparameters: train a model for each trial, and rank the trials by their scores on a validation set.

    A test set is not part of it: the best of many scores on the validation set is optimistic, and what the best model
    is worth shows a set that no trial has seen, ``Trainer.evaluate(test)`` or `rnnbp.compare`.

    Parameters
    ----------
    make : callable
        ``make(**parameters, seed=seed)`` returns a new Sequential, or a new Trainer with a loss, optimizer and so on of
        its own. It takes of the space's names those that are its parameters; without a parameter `seed` the Sequential
        is initialized with the seed.
    space : mapping of str to list or distribution, or sequence of such
        Values of each parameter: a list, or a frozen distribution of scipy.stats, as ``stats.loguniform(1e-4, 1e-1)``
        or ``stats.randint(16, 65)``. Names that `make` does not take are settings of the training: `epochs`,
        `batch_size`, `learning_rate`, `optimizer` (names or functions), `gradient`, `clip`, `schedule` (functions). Of
        several spaces a trial is from one, which makes parameters conditional:
        ``[{"cell": ["lstm"]}, {"cell": ["esn"], "radius": [0.8, 1.0]}]``.
    train, validation : SequenceDataset
        The score is that of the validation set after the last epoch or, with `stopping`, the epoch it restores.
    trials : int, optional
        Number of different random points of the space. Default: the grid of all combinations of lists. With the same
        `folder`, more trials continue a sweep.
    seeds : int or iterable of int, default 1
        Number of seeds (0, 1, ...), or the seeds: each trial is trained with every one, and ranked by its mean score.
    epochs, batch_size : int, default 30 and 16
    loss : Loss, optional
        Default: CrossEntropy() where targets are integers, else MeanSquaredError().
    gradient : GradientAlgorithm, default BPTT()
    optimizer : callable or str, optional
        Returns a new optimizer for each run. Default: Adam with a learning rate of 0.01.
    schedule : callable, optional
        ``schedule(epochs)`` returns the learning-rate schedule of each run, as `rnnbp.Cosine` does. Default: none.
    clip : ClipNorm or ClipValue, optional
        Applied to every gradient, as in `Trainer`.
    stopping : EarlyStopping, optional
        As in `Trainer.fit`.
    monitor : str, optional
        Column of the history that is the score; less is better for losses and error rates, more for others. Default:
        the validation score of the loss, as 'validation_accuracy'.
    seed : int, default 0
        Of the random points.
    sampler : optuna.samplers.BaseSampler, optional
        Proposes the trials in place of the random search, with a seed: ``TPESampler(seed=0)`` (the `optuna` extra).
        Distributions must be uniform, loguniform or randint, or those of Optuna.
    pruner : optuna.pruners.BasePruner, optional
        With a sampler and one seed: ends a run after an epoch in which the pruner, from the trials of earlier rounds,
        gives it no chance.
    trials_per_round : int, default 4
        With a sampler, number of trials that it proposes at once. The trials depend on it, and not on `n_jobs`.
    n_jobs : int, optional
        Number of runs that are trained in parallel, each in a process of its own; -1 for one per core. Results are the
        same bits as with 1. Default: 1, or what `joblib.parallel_config` has set, as a Dask cluster.
    folder : str or Path, optional
        Where each run writes a checkpoint after each epoch, and its result. The same call resumes from it: finished
        runs are not repeated, others continue from their checkpoint. A folder with runs of another sweep is
        refused.
    retry_failed : bool, default False
        Train again the runs that failed, according to `folder`; not with a sampler, whose later proposals depend on
        them.
    progress : bool, default True
        Show a bar of the runs.

    Returns
    -------
    SweepReport
        `.table`, `.ranking`, `.best`, `.best_score`, `.model`, `.curves`, `.plot()`, `.to_csv(folder)`.

    Raises
    ------
    ValueError
        If an argument has the wrong type or value, `make` does not take a parameter, or the folder is of another sweep;
        or if every run failed: with the first one's traceback, and the folder is left empty. The error of a single run
        is in the table; that a run diverges is no error.
    OSError
        If the folder cannot be written to, or another sweep is using it.
    KeyboardInterrupt
        After an interruption, with the attribute `report`, of the runs that had finished.

    Notes
    -----
    A trial of which a run diverged or failed is ranked last; of equal scores the earlier trial is better. A trial that
    a sampler proposes again is not trained again: it has the results of the first one.

    References
    ----------
    J. Bergstra, Y. Bengio (2012), "Random search for hyper-parameter optimization", JMLR 13, 281-305
    T. Akiba et al. (2019), "Optuna: a next-generation hyperparameter optimization framework",
    doi:10.1145/3292500.3330701

    Examples
    --------
    >>> import rnnbp
    >>> import numpy as np
    >>> from scipy import stats
    >>> rng = np.random.default_rng(0)
    >>> data = rnnbp.SequenceDataset([rng.normal(k, 1, (6, 2)) for k in (0, 2) * 12], targets=[0, 1] * 12)
    >>> train, validation = data.split(0.7, seed=0)
    >>> def make(hidden_size, seed):
    ...     return rnnbp.Sequential(rnnbp.Elman(2, hidden_size), rnnbp.Last(), rnnbp.Dense(hidden_size, 2), seed=seed)
    >>> space = {"hidden_size": [2, 8], "learning_rate": stats.loguniform(1e-3, 1e-1)}
    >>> report = rnnbp.sweep(make, space, train, validation, trials=3, epochs=2, progress=False)
    >>> report.table[["trial", "status", "epochs_trained"]].values.tolist()
    [[0, 'ok', 2], [1, 'ok', 2], [2, 'ok', 2]]
    >>> sorted(report.best)
    ['hidden_size', 'learning_rate']
    """
    flag("progress", progress)
    spaces = checked_space(space, optuna=sampler is not None)
    check_names(make, spaces)
    for name, data in (("train", train), ("validation", validation)):
        check_dataset(name, data)
    settings = Settings(
        make,
        train,
        validation,
        positive_int("epochs", epochs),
        positive_int("batch_size", batch_size),
        loss,
        gradient,
        optimizer,
        schedule,
        clip,
        stopping,
        monitor,
    )
    settings.check()
    chosen, jobs, place = chosen_seeds(seeds), job_count(n_jobs), _folder(folder)
    search_arguments = SearchArguments(trials, seed, sampler, pruner, trials_per_round)
    search_arguments.check(len(chosen), place, retry_failed=flag("retry_failed", retry_failed))
    probe = _probe(settings, example_point(spaces), chosen[0])
    settings = replace(settings, monitor=_monitor(settings, probe))
    about = fingerprint(settings, spaces, probe, search_arguments.name)
    with nullcontext() if place is None else place.in_use(about):
        search = search_arguments.search(spaces, str(settings.monitor), place)
        rounds = Rounds(settings, chosen, place, jobs, retry_failed)
        try:
            rounds.run(search, progress=progress)
        except KeyboardInterrupt as interrupt:
            interrupt.report = _report(rounds, search)  # type: ignore[attr-defined]
            interrupt.add_note(rounds.note())
            raise
        _check_not_all_failed(rounds)
    return _report(rounds, search)


def _folder(given: Any) -> SweepFolder | None:
    if given is None:
        return None
    if not isinstance(given, str | Path):
        raise ValueError(f"folder must be the path of a folder, got {given!r}")
    return SweepFolder(Path(given))


def _check_not_all_failed(rounds: Rounds) -> None:
    """Raise if every run failed, and forget the sweep, which another one can then begin in the same folder."""
    runs = rounds.runs
    if all(run.status == "failed" for run in runs):
        if rounds.folder is not None:
            rounds.folder.clear()
        raise ValueError(f"all {len(runs)} runs of the sweep failed, the first with:\n{runs[0].error}")


def _probe(settings: Settings, parameters: Parameters, seed: int) -> Trial | None:
    """Return one trial that is not trained; None if it cannot be made, which is then the result of its run.

    Raises
    ------
    ValueError
        If `make` returns the same model again, which each run would train further.
    """
    try:
        first, second = settings.trial(parameters, seed), settings.trial(parameters, seed)
    except Exception:  # other parameters may do
        return None
    if first.trainer.model is second.trainer.model:
        raise ValueError(
            "make must make a new model at each call, and returns the same one, which each run would train"
        )
    return first


def _monitor(settings: Settings, probe: Trial | None) -> str:
    """Return the column that is the score of every run; raise unless it is one of the history's."""
    if probe is None:
        loss = natural_loss(settings.train.targets) if settings.loss is None else settings.loss
        return settings.monitor or f"validation_{loss.metric}"
    if not probe.trainer.callbacks:  # which may add columns
        check_monitor(probe.monitor, history_columns(probe.trainer.loss.metric, validated=True))
    return probe.monitor


def _report(rounds: Rounds, search: Search) -> SweepReport:
    return SweepReport(
        rounds.trials,
        rounds.runs,
        str(rounds.settings.monitor),
        search.trials * len(rounds.seeds),
        partial(_trained_model, rounds.settings, rounds.folder),
    )


def _trained_model(
    settings: Settings, folder: SweepFolder | None, run: RunResult, parameters: Parameters
) -> Sequential:
    """Return the model of a run, with the parameters after its training."""
    result = run if folder is None else folder.result(run.trial, run.seed, parameters)
    if result is None or result.parameters is None:
        raise ValueError(f"the folder has no result any more of trial {run.trial}, seed {run.seed}")
    trainer = settings.trial(parameters, run.seed).trainer
    model = trainer.model
    model.params.vector[:] = result.parameters
    model.loss, model.stateful = trainer.loss, trainer.stateful
    take_over_names(model, settings.train)
    return model
