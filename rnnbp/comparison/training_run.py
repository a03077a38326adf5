"""One training run of a comparison, as a worker process performs it."""

import inspect
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from rnnbp.data import SequenceDataset
from rnnbp.gradients import GradientAlgorithm
from rnnbp.losses import Loss
from rnnbp.models import Sequential, take_over_names
from rnnbp.optimizers import FullBatch, Optimizer
from rnnbp.optimizers.schedules import Schedule
from rnnbp.runtime import check_target_folder, file_name, positive_int, seed_int
from rnnbp.training import Trainer, TrainingDivergedError, checkpoint_in

MakeModel = Callable[..., Sequential]
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

    Examples
    --------
    >>> from rnnbp.gradients import BPTT
    >>> from rnnbp.losses import CrossEntropy
    >>> from rnnbp.optimizers import Cosine
    >>> Recipe(30, 16, CrossEntropy(), BPTT(), Cosine).epochs
    30
    """

    epochs: int
    batch_size: int
    loss: Loss
    gradient: GradientAlgorithm
    schedule: Callable[[int], Schedule]
    checkpoints: Path | None = None


@dataclass(frozen=True)
class Result:
    """Result of a training run, which a worker process sends back.

    Attributes
    ----------
    row : dict, or None
        Scores on the training and the test set; None for a run on folds.
    curve : DataFrame
        The learning curve, a row for each epoch.
    parameters : ndarray (P,)
        After training.
    """

    row: dict[str, Any] | None
    curve: pd.DataFrame
    parameters: np.ndarray


@dataclass(frozen=True)
class TrainingRun:
    """Training of one model with one seed, on the whole training set or on all folds but one.

    Parameters
    ----------
    recipe : Recipe
    name, run : str
        Name of the model, and of the run: 'seed 0' or 'fold 0'.
    make, optimizer : callable
        Factories of the model and of the optimizer.
    seed : int
    train : SequenceDataset
    validation, test : SequenceDataset, optional
        Fold that is evaluated after each epoch; test set, evaluated once, at the end.

    Examples
    --------
    >>> import rnnbp
    >>> data = rnnbp.datasets.load("parity", train=8, test=4, steps=3)[0]
    >>> recipe = Recipe(2, 4, rnnbp.CrossEntropy(), rnnbp.BPTT(), rnnbp.Cosine)
    >>> def make(seed):
    ...     return rnnbp.Sequential(rnnbp.Elman(1, 2), rnnbp.Dense(2, 2), seed=seed)
    >>> run = TrainingRun(recipe, "elman", "seed 0", make, rnnbp.Adam, 0, data)
    >>> run.perform().curve["epoch"].tolist()
    [1, 2]
    """

    recipe: Recipe
    name: str
    run: str
    make: MakeModel
    optimizer: MakeOptimizer
    seed: int
    train: SequenceDataset
    validation: SequenceDataset | None = None
    test: SequenceDataset | None = None

    def __str__(self) -> str:
        return f"{self.name}, {self.run}"

    def shown(self, result: Result) -> dict[str, float]:
        """Return the test score for the progress bar, where there is one."""
        return {} if result.row is None else {f"{self.name} {self.recipe.loss.metric}": result.row["test"]}

    def perform(self) -> Result:
        """Train, and return the row of results if there is a test set, the learning curve and the parameters."""
        trainer = self.trained()
        row = None if self.test is None else _results(self, trainer, self.test)
        return Result(row, trainer.history.assign(model=self.name, run=self.run), trainer.model.params.vector)

    def model_of(self, result: Result) -> Sequential:
        """Return the trained model of this run's result."""
        model = new_model(self.make, self.seed)
        model.params.vector[:] = result.parameters
        model.loss = self.recipe.loss
        take_over_names(model, self.train)
        return model

    def trained(self) -> Trainer:
        """Return the trainer after training, resumed from the checkpoint where there is one."""
        recipe, optimizer = self.recipe, self.optimizer()
        trainer = Trainer(
            new_model(self.make, self.seed),
            recipe.loss,
            recipe.gradient,
            optimizer,
            seed=self.seed,
            schedule=None if isinstance(optimizer, FullBatch) else recipe.schedule(recipe.epochs),
        )
        try:
            trainer.fit_up_to(
                recipe.epochs,
                self.train,
                self.validation,
                recipe.batch_size,
                progress=False,
                checkpoint=checkpoint_in(recipe.checkpoints, f"{file_name(self.name)}, {self.run}"),
            )
        except TrainingDivergedError as error:
            raise TrainingDivergedError(f"{self}: {error}") from error
        return trainer


def chosen_seeds(seeds: int | Iterable[int]) -> list[int]:
    """Return the seeds of a comparison, of their number 0, 1, ...

    Raises
    ------
    ValueError
        If there is none, one is no integer of 0 or more, or one is given twice: the same run again would count as an
        independent one.

    Examples
    --------
    >>> chosen_seeds(2), chosen_seeds([7, 3])
    ([0, 1], [7, 3])
    """
    if not isinstance(seeds, Iterable) or isinstance(seeds, str | bytes):
        return list(range(positive_int("seeds", seeds)))
    chosen = [seed_int("seeds", one) for one in seeds]
    if not chosen:
        raise ValueError("seeds must be at least one, got none")
    twice = [one for one, count in Counter(chosen).items() if count > 1]
    if twice:
        raise ValueError(f"seeds must differ, got {twice[0]} more than once: the same run is no further evidence")
    return chosen


def new_model(make: MakeModel, seed: int) -> Sequential:
    """Return ``make(seed)``, or the model of ``make()`` initialized with the seed."""
    takes_seed = bool(inspect.signature(make).parameters)
    model = make(seed) if takes_seed else make()
    if not isinstance(model, Sequential):
        raise ValueError(f"models must make a rnnbp Sequential, got {model!r} from {make!r}")
    if not takes_seed:
        model.initialize(np.random.default_rng(seed))
    return model


def _results(run: TrainingRun, trainer: Trainer, test: SequenceDataset) -> dict[str, Any]:
    """Return the results of a run; this is its only evaluation on the test set."""
    history, metric = trainer.history, trainer.loss.metric
    start = time.perf_counter()
    result = trainer.evaluate(test)
    seconds = time.perf_counter() - start
    return {
        "model": run.name,
        "kind": trainer.model.kind,
        "seed": run.seed,
        "parameters": trainer.model.params.size,
        "train": trainer.evaluate(run.train)[metric],
        "test": result[metric],
        "test_loss": result["loss"],
        "seconds": history["seconds"].sum(),
        "gradient_norm": history["gradient_norm"].mean(),
        "inference_ms": 1000 * seconds / len(test),
    }


def checkpoint_folder(path: str | Path | None) -> Path | None:
    """Create the folder for checkpoints if it does not exist, and return it as a Path.

    Parameters
    ----------
    path : str or Path, optional
        Default: no folder, and None is returned.

    Raises
    ------
    OSError
        If it cannot be written to, as in `rnnbp.runtime.check_target_folder`.

    Examples
    --------
    >>> import tempfile
    >>> checkpoint_folder(f"{tempfile.mkdtemp()}/runs").name
    'runs'
    """
    if path is None:
        return None
    check_target_folder("checkpoints", path)
    folder = Path(path)
    folder.mkdir(parents=True, exist_ok=True)
    return folder
