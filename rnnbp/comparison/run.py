"""Comparison of static and recurrent networks: the same data and budget, several seeds, one report."""

import inspect
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from rnnbp.comparison.report import Report
from rnnbp.comparison.report_settings import settings
from rnnbp.data import SequenceDataset
from rnnbp.gradients import BPTT, GradientAlgorithm
from rnnbp.losses import Loss, natural_loss
from rnnbp.models import Sequential, matched
from rnnbp.optimizers import Adam, Cosine, Minimizer, Optimizer
from rnnbp.optimizers.schedules import Schedule
from rnnbp.runtime import check_sendable, check_target_folder, choice, in_order, positive_int
from rnnbp.training import Trainer, TrainingDivergedError, check_dataset, checkpoint_in

Make = Callable[..., Sequential]
MakeOptimizer = Callable[[], Optimizer]


@dataclass(frozen=True)
class Recipe:
    """Training settings common to every model of a comparison.

    Parameters
    ----------
    epochs, batch_size : int
    loss : Loss
    gradient : GradientAlgorithm
    schedule : callable
        ``schedule(epochs)`` returns a new schedule for each run.
    checkpoints : Path, optional
        Folder for the checkpoints of all runs, from which they resume.
    """

    epochs: int
    batch_size: int
    loss: Loss
    gradient: GradientAlgorithm
    schedule: Callable[[int], Schedule]
    checkpoints: Path | None = None


@dataclass(frozen=True)
class Training:
    """One training run: a model and a seed, on the whole training set or on all folds but one.

    Parameters
    ----------
    recipe : Recipe
    name, run : str
        Name of the model, and of the run: 'seed 0' or 'fold 0'.
    make, optimizer : callable
        Factories of the model and of the optimizer.
    seed : int
    train : SequenceDataset
    held, test : SequenceDataset, optional
        Validation fold, evaluated after each epoch; test set, evaluated once, at the end.
    """

    recipe: Recipe
    name: str
    run: str
    make: Make
    optimizer: MakeOptimizer
    seed: int
    train: SequenceDataset
    held: SequenceDataset | None = None
    test: SequenceDataset | None = None

    def perform(self) -> tuple[dict[str, Any] | None, pd.DataFrame]:
        """Train, and return the row of results if there is a test set, and the learning curve."""
        trainer = self.trained()
        row = None if self.test is None else _row(self, trainer, self.test)
        return row, trainer.history.assign(model=self.name, run=self.run)

    def trained(self) -> Trainer:
        """Return the trainer after training, resumed from the checkpoint where there is one."""
        recipe, optimizer = self.recipe, self.optimizer()
        trainer = Trainer(
            _made(self.make, self.seed),
            recipe.loss,
            recipe.gradient,
            optimizer,
            seed=self.seed,
            schedule=None if isinstance(optimizer, Minimizer) else recipe.schedule(recipe.epochs),
        )
        try:
            trainer.fit_up_to(
                recipe.epochs,
                self.train,
                self.held,
                recipe.batch_size,
                progress=False,
                checkpoint=checkpoint_in(recipe.checkpoints, f"{self.name}, {self.run}"),
            )
        except TrainingDivergedError as error:
            raise TrainingDivergedError(f"{self.name}, {self.run}: {error}") from error
        return trainer


def compare(
    models: Mapping[str, Make],
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
    progress: bool = True,
) -> Report:
    """Train every model under the same budget and report.

    Each model is trained once for each seed on the whole training set, for the same number of epochs, and then
    evaluated once on the test set. The best static and the best recurrent model are chosen by cross-validation within
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
        Number of folds of the cross-validation; at least 2.
    workers : int, default 1
        Number of processes that train in parallel, one run and one thread each. More than one needs models,
        optimizers and schedule that another process can import: functions at the top level of a module, no lambdas.
    checkpoints : str or Path, optional
        Folder to which each run writes a checkpoint after each epoch, and from which a second call with the same
        arguments resumes.
    progress : bool, default True

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
    _check_makers(models, optimizer, optimizers or {}, schedule)
    for name, data in (("train", train), ("test", test)):
        check_dataset(name, data)
    chosen = list(range(positive_int("seeds", seeds))) if isinstance(seeds, int) else list(seeds)
    if not chosen:
        raise ValueError("seeds must hold at least one, got none")
    if positive_int("folds", folds) < 2:
        raise ValueError("folds must be at least 2, got 1")
    for name in optimizers or {}:
        choice("optimizers", name, models)
    recipe = Recipe(
        positive_int("epochs", epochs),
        positive_int("batch_size", batch_size),
        natural_loss(train.targets) if loss is None else loss,
        BPTT() if gradient is None else gradient,
        schedule,
        made_folder(checkpoints),
    )
    tuned = dict.fromkeys(models, optimizer or default_optimizer) | dict(optimizers or {})
    makers = {name: (make, tuned[name]) for name, make in models.items()}
    if positive_int("workers", workers) > 1:
        check_sendable("schedule", schedule)
        for name, pair in makers.items():
            check_sendable(f"model {name!r} or its optimizer", pair)
    test = matched("test", test, train.classes)
    for name, (make, _) in makers.items():
        if _made(make, chosen[0]) is _made(make, chosen[0]):
            raise ValueError(
                f"models[{name!r}] must make a new model at each call, and returns the same one, in which a run would "
                f"meet the training of the runs before: {{{name!r}: lambda seed: rnnbp.Sequential(..., seed=seed)}}"
            )
    trainings = list(_trainings(recipe, makers, chosen, train, test, folds))

    def shown(training: Training, result: tuple[dict[str, Any] | None, pd.DataFrame]) -> dict[str, float]:
        row, _ = result
        return {} if row is None else {f"{row['model']} {recipe.loss.metric}": row["test"]}

    results = in_order(Training.perform, trainings, workers, progress=progress, shown=shown)
    rows, curves = zip(*results, strict=True)
    runs = pd.DataFrame([row for row in rows if row is not None])
    said = settings(
        train,
        test,
        seeds=chosen,
        folds=folds,
        epochs=epochs,
        batch_size=batch_size,
        loss=recipe.loss,
        gradient=recipe.gradient,
        optimizers={name: make() for name, make in tuned.items()},
        schedule=schedule(epochs),
    )
    return Report(runs, pd.concat(curves, ignore_index=True), recipe.loss.metric, said)


def _check_makers(models: Any, optimizer: Any, optimizers: Mapping[str, Any], schedule: Any) -> None:
    """Raise unless models, optimizers and schedule are given as factories, called once per run."""
    if not isinstance(models, Mapping):
        raise ValueError(f'models must be a dict of names and functions, {{"lstm": make}}, got {models!r}')
    if not models:
        raise ValueError("models must hold at least one, got none")
    for name, make in models.items():
        if isinstance(make, Sequential) or make is Sequential or not callable(make):
            raise ValueError(
                f"models[{name!r}] must be a function that makes a new model for each seed, got {make!r}: "
                f"{{{name!r}: lambda seed: rnnbp.Sequential(..., seed=seed)}}"
            )
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


def made_folder(path: str | Path | None) -> Path | None:
    """Create the folder if it does not exist, and return it."""
    if path is None:
        return None
    check_target_folder("checkpoints", path)
    Path(path).mkdir(parents=True, exist_ok=True)
    return Path(path)


def default_optimizer() -> Adam:
    """Return the optimizer that `compare` uses by default.

    Examples
    --------
    >>> default_optimizer().learning_rate
    0.01
    """
    return Adam(0.01)


def _trainings(
    recipe: Recipe,
    makers: Mapping[str, tuple[Make, MakeOptimizer]],
    seeds: list[int],
    train: SequenceDataset,
    test: SequenceDataset,
    folds: int,
) -> Iterator[Training]:
    """Yield the cross-validation runs of every model, then the runs that are evaluated on the test set."""
    splits = list(enumerate(_folds(train, folds)))
    for name, makes in makers.items():
        for fold, (rest, held_out) in splits:
            yield Training(recipe, name, f"fold {fold}", *makes, seeds[fold % len(seeds)], rest, held=held_out)
    for seed in seeds:
        for name, makes in makers.items():
            yield Training(recipe, name, f"seed {seed}", *makes, seed, train, test=test)


def _made(make: Make, seed: int) -> Sequential:
    """Return ``make(seed)``, or the model of ``make()`` initialized with the seed."""
    takes_seed = bool(inspect.signature(make).parameters)
    model = make(seed) if takes_seed else make()
    if not isinstance(model, Sequential):
        raise ValueError(f"models must make a rnnbp Sequential, got {model!r} from {make!r}")
    if not takes_seed:
        model.initialize(np.random.default_rng(seed))
    return model


def _folds(data: SequenceDataset, folds: int) -> list[tuple[SequenceDataset, SequenceDataset]]:
    """Return the (rest, fold) splits of a dataset, stratified by class.

    Where there are fewer sequences than folds, the sequences are cut.
    """
    if len(data) < folds:
        if not data.per_step:
            raise ValueError(f"train must hold at least one sequence for each of the {folds} folds, got {len(data)}")
        data = data.cut(-(-int(data.lengths.sum()) // folds))
    order = np.random.default_rng(0).permutation(len(data))
    if isinstance(data.targets, np.ndarray) and data.targets.ndim == 1:
        order = order[np.argsort(data.targets[order], kind="stable")]
    fold_of = np.empty(len(data), int)
    fold_of[order] = np.arange(len(data)) % folds
    return [
        (data.subset(np.flatnonzero(fold_of != k)), data.subset(np.flatnonzero(fold_of == k))) for k in range(folds)
    ]


def _row(training: Training, trainer: Trainer, test: SequenceDataset) -> dict[str, Any]:
    """Return the results of a run; this is its only evaluation on the test set."""
    history, metric = trainer.history, trainer.loss.metric
    began = time.perf_counter()
    result = trainer.evaluate(test)
    seconds = time.perf_counter() - began
    return {
        "model": training.name,
        "kind": trainer.model.kind,
        "seed": training.seed,
        "parameters": trainer.model.params.size,
        "train": trainer.evaluate(training.train)[metric],
        "test": result[metric],
        "test_loss": result["loss"],
        "seconds": history["seconds"].sum(),
        "gradient_norm": history["gradient_norm"].mean(),
        "inference_ms": 1000 * seconds / len(test),
    }
