"""Suite of comparisons: tasks x models x seeds, and for each task how far back the best recurrent network reaches."""

import sys
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from traceback import format_exception
from typing import Any

import pandas as pd

from rnnbp.comparison.lag_profile import memory_profile
from rnnbp.comparison.models import factories_of
from rnnbp.comparison.report import Report
from rnnbp.comparison.run import compare
from rnnbp.comparison.suite.folder import Settings, TaskFolder, data_digest
from rnnbp.comparison.suite.model_selection import select_models
from rnnbp.comparison.suite.report import SuiteReport
from rnnbp.comparison.suite.tasks import SUITES, Pair, SuiteTask
from rnnbp.comparison.training_run import MakeModel, MakeOptimizer, checkpoint_folder, chosen_seeds, new_model
from rnnbp.data import LabelSequences, SequenceDataset
from rnnbp.losses import Loss
from rnnbp.models import Sequential
from rnnbp.runtime import file_name, flag, job_count, positive_int, to_config, unknown
from rnnbp.training import TrainingDivergedError

FAILURES = (TrainingDivergedError, MemoryError, ChildProcessError)  # of runs, not of the arguments
Models = Sequence[str] | Mapping[str, Any]


def compare_suite(
    models: Models | None = None,
    tasks: str | Sequence[str] | Mapping[str, SuiteTask | Pair] = "quick",
    seeds: int | Iterable[int] = 5,
    *,
    parameters: int | None = None,
    n_jobs: int | None = None,
    checkpoints: str | Path | None = None,
    progress: bool = True,
) -> SuiteReport:
    """Compare static, reservoir and recurrent networks on several tasks: where does recurrence pay off?

    On each task every model is trained by `rnnbp.compare` with the task's own loss, epochs and batch size. The best
    model of each kind is chosen within the training set, on a held-out fifth or by cross-validation; each test set is
    used once for each trained model. The gradient of the best recurrent network, as trained with the first seed,
    tells how far back the task's data must be remembered (`rnnbp.comparison.memory_profile`, on training data).

    Parameters
    ----------
    models : sequence of str or mapping, optional
        Which models. Default: each task's own.

        - Names: those of the tasks' models, or the kinds static, reservoir and recurrent; every task takes those that
          it has.
        - A mapping of names to `rnnbp.comparison.Baseline`, made for the data of each task, or to the name of a
          task's own model: ``{"mine": Baseline(layers, 32, "recurrent"), "gru": "gru"}``.
        - A mapping of each task's name to such a mapping, which may also have factories ``make(seed)`` as
          `rnnbp.compare` takes them. Models of a factory are trained by Adam(0.01); for `Ridge` to solve for the
          readout of an echo-state network, make it a `Baseline` of the kind "reservoir".
    tasks : {'quick', 'full'}, list of str, or mapping, default 'quick'
        A suite's name; names of some of its tasks, ``["recall", "sunspots"]``; or tasks of one's own by name: each a
        `rnnbp.comparison.SuiteTask`, or a training and a test set.
    seeds : int or iterable of int, default 5
        Number of seeds (0, 1, ...), or the seeds.
    parameters : int, optional
        Choose the width of every `Baseline` so that its number of parameters is as close as possible to this.
    n_jobs : int, optional
        Number of runs that train at the same time, as in `rnnbp.compare`.
    checkpoints : str or Path, optional
        Folder with a folder for each task. A second call with the same arguments does not run finished tasks again,
        resumes the one that was interrupted, and tries failed runs again.
    progress : bool, default True
        Show a bar for each task.

    Returns
    -------
    SuiteReport

    Raises
    ------
    ValueError
        If there is no such suite, task or model, `checkpoints` is of other settings, or what `rnnbp.compare` raises.
    Exception
        That of the first run, where every run of every task fails.

    Warns
    -----
    RuntimeWarning
        For each run that fails, while the others go on, and for each task of which every run fails.

    See Also
    --------
    rnnbp.compare : one task.

    Examples
    --------
    >>> from functools import partial
    >>> from rnnbp.comparison import SuiteTask
    >>> from rnnbp.datasets import load
    >>> parity = SuiteTask(partial(load, "parity", train=20, test=20, steps=5), epochs=2)
    >>> report = compare_suite(["window-mlp", "elman"], {"parity": parity}, seeds=2, progress=False)
    >>> report.reports["parity"].table["model"].tolist()
    ['window-mlp', 'elman']
    >>> report.memory["parity"]["share"].sum().round(6)
    np.float64(1.0)
    """
    chosen = chosen_seeds(seeds)
    if parameters is not None:
        positive_int("parameters", parameters)
    folder = checkpoint_folder(checkpoints)
    job_count(n_jobs)
    flag("progress", progress)
    prepared = _prepared(_tasks(tasks), models, parameters)
    if not prepared:
        raise ValueError(
            "tasks must be at least one whose data is here, got none: the messages above say what is missing"
        )
    folders = {
        name: None if folder is None else TaskFolder(folder / file_name(name), one.settings(chosen, parameters))
        for name, one in prepared.items()
    }
    reports: dict[str, Report] = {}
    memory: dict[str, pd.DataFrame] = {}
    failed: dict[str, Exception] = {}
    for place, (name, one) in enumerate(prepared.items(), 1):
        label = f"{name}, task {place} of {len(prepared)}, run" if progress else False
        try:
            reports[name], profile = _finished(one, folders[name], chosen, n_jobs, label)
        except FAILURES as error:
            warnings.warn(f"task {name!r} failed: {error}", RuntimeWarning, stacklevel=2)
            failed[name] = error
            continue
        if profile is not None:
            memory[name] = profile
    if not reports:
        raise next(iter(failed.values()))
    return SuiteReport(reports, memory, {name: "".join(format_exception(error)) for name, error in failed.items()})


@dataclass(frozen=True)
class Prepared:
    """A task with its data and its model factories."""

    name: str
    task: SuiteTask
    train: SequenceDataset
    test: SequenceDataset
    factories: Mapping[str, MakeModel]
    optimizers: Mapping[str, MakeOptimizer]

    @property
    def loss(self) -> Loss:
        """Loss of the task."""
        return self.task.loss_for(self.train)

    def new_models(self, seed: int) -> dict[str, Sequential]:
        """Return the models, initialized with a seed."""
        return {name: new_model(make, seed) for name, make in self.factories.items()}

    def settings(self, seeds: Sequence[int], parameters: int | None) -> Settings:
        """Return all that the results depend on."""
        models = self.new_models(seeds[0])
        return {
            "seeds": list(map(int, seeds)),
            "parameters": parameters,
            "epochs": self.task.epochs,
            "batch size": self.task.batch_size,
            "folds": self.task.folds,
            "loss": repr(self.loss),
            "models": {name: to_config(model.layers) for name, model in models.items()},
            "precisions": {name: str(model.dtype) for name, model in models.items()},
            "frozen parameters": {name: list(model.frozen) for name, model in models.items()},
            "optimizers": {name: repr(make()) for name, make in self.optimizers.items()},
            "training set": data_digest(self.train),
            "test set": data_digest(self.test),
        }


def _tasks(given: Any) -> dict[str, SuiteTask]:
    """Return the tasks of a suite's name, or those given, pairs of datasets as tasks."""
    if isinstance(given, str):
        if given not in SUITES:
            raise unknown("tasks", given, SUITES)
        return dict(SUITES[given])
    if isinstance(given, list | tuple) and all(isinstance(one, str) for one in given):
        known = SUITES["full"]
        for one in given:
            if one not in known:
                raise unknown("tasks", one, known)
        given = {one: known[one] for one in given}
    if not isinstance(given, Mapping):
        raise ValueError(
            "tasks must be 'quick', 'full', a list of names of their tasks, or a dict of names and tasks, "
            f'{{"mine": (train, test)}}, got {given!r}'
        )
    if not given:
        raise ValueError("tasks must be at least one, got none")
    return {name: _task(name, one) for name, one in given.items()}


def _task(name: str, given: Any) -> SuiteTask:
    if isinstance(given, SuiteTask):
        return given
    if isinstance(given, tuple | list) and len(given) == 2 and all(isinstance(p, SequenceDataset) for p in given):
        train, test = given
        return SuiteTask(lambda: (train, test))
    raise ValueError(
        f"tasks[{name!r}] must be a rnnbp.comparison.SuiteTask, or (train, test), two SequenceDatasets, got {given!r}"
    )


def _prepared(tasks: Mapping[str, SuiteTask], models: Any, parameters: int | None) -> dict[str, Prepared]:
    """Load the data of each task, and make the factories of its models."""
    loaded = {name: pair for name, task in tasks.items() if (pair := _loaded(name, task)) is not None}
    own = {name: tasks[name].models_for(train) for name, (train, _) in loaded.items()}
    prepared = {}
    for name, selected in select_models(own, models).items():
        train, test = loaded[name]
        prepared[name] = Prepared(name, tasks[name], train, test, *factories_of(selected, train, parameters))
    return prepared


def _loaded(name: str, task: SuiteTask) -> Pair | None:
    """Return the training and the test set, or say what is missing."""
    try:
        return task.load()
    except (ImportError, OSError) as error:
        if not task.elsewhere:
            raise
        print(f"{name} is skipped: {error}", file=sys.stderr)
        return None


def _finished(
    one: Prepared, folder: TaskFolder | None, seeds: Sequence[int], n_jobs: int | None, progress: bool | str
) -> tuple[Report, pd.DataFrame | None]:
    """Compare the models of a task, or return what its folder has."""
    done = None if folder is None else folder.finished(one.new_models(seeds[0]))
    if done is not None:
        return done
    task = one.task
    report = compare(
        one.factories,
        one.train,
        one.test,
        seeds=seeds,
        epochs=task.epochs,
        batch_size=task.batch_size,
        loss=one.loss,
        optimizers=one.optimizers,
        folds=task.folds,
        n_jobs=n_jobs,
        checkpoints=None if folder is None else folder.begin(),
        progress=progress,
    )
    about = f"{one.name}: {task.about}" if task.about else one.name
    report = replace(report, settings={"task": about, **report.settings})
    memory = _memory(report, one)
    if folder is not None and report.failures.empty:  # else a second call tries again
        folder.finish(report, memory)
    return report, memory


def _memory(report: Report, one: Prepared) -> pd.DataFrame | None:
    """Return the lag profile of the best recurrent network, if there is one and its targets have a step."""
    best = report.best("recurrent")
    if best is None or isinstance(one.train.targets, LabelSequences):
        return None
    return memory_profile(report.trained[best], one.train, one.loss)
