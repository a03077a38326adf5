"""Trainer of one trial: what `make` returns, with the trial's settings of the training."""

import copy
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from rnnbp.comparison.sweeps.space import FIT_SETTINGS, TRAINER_SETTINGS, Parameters, parameter_names
from rnnbp.data import SequenceDataset
from rnnbp.gradients import BPTT, GradientAlgorithm
from rnnbp.losses import Loss, natural_loss
from rnnbp.models import Sequential
from rnnbp.optimizers import OPTIMIZERS, Adam, FullBatch, Optimizer
from rnnbp.optimizers.schedules import Schedule
from rnnbp.runtime import choice, refuses_by_name
from rnnbp.training import EarlyStopping, Trainer
from rnnbp.training.fit_arguments import check_stopping
from rnnbp.training.trainer_arguments import check_algorithms, check_clip

Make = Callable[..., Sequential | Trainer]
MakeOptimizer = Callable[..., Optimizer]


@dataclass(frozen=True)
class Settings:
    """What all trials of a sweep have in common, where their parameters do not say otherwise.

    Parameters
    ----------
    make : callable
    train, validation : SequenceDataset
    epochs, batch_size : int
    loss : Loss, optional
    gradient : GradientAlgorithm, optional
    optimizer : callable or str, optional
    schedule : callable, optional
    clip : ClipNorm or ClipValue, optional
    stopping : EarlyStopping, optional
    monitor : str, optional
        All as `rnnbp.sweep` takes them.

    Examples
    --------
    >>> import rnnbp
    >>> data = rnnbp.datasets.load("parity", train=8, test=4, steps=3)[0]
    >>> def make(hidden_size, seed):
    ...     return rnnbp.Sequential(rnnbp.Elman(1, hidden_size), rnnbp.Dense(hidden_size, 2), seed=seed)
    >>> settings = Settings(make, data, data, epochs=5, batch_size=4)
    >>> trial = settings.trial({"hidden_size": 3, "learning_rate": 0.1, "epochs": 7}, seed=0)
    >>> trial.epochs, trial.batch_size, trial.trainer.optimizer.learning_rate, trial.monitor
    (7, 4, 0.1, 'validation_accuracy')
    """

    make: Make
    train: SequenceDataset
    validation: SequenceDataset
    epochs: int
    batch_size: int
    loss: Loss | None = None
    gradient: GradientAlgorithm | None = None
    optimizer: MakeOptimizer | str | None = None
    schedule: Callable[[int], Any] | None = None
    clip: Any = None
    stopping: EarlyStopping | None = None
    monitor: str | None = None

    def check(self) -> None:
        """Raise if a setting has the wrong type, before any training."""
        if self.loss is not None and not isinstance(self.loss, Loss):
            raise ValueError(f"loss must be a rnnbp Loss, got {self.loss!r}")
        check_algorithms(BPTT() if self.gradient is None else self.gradient, new_optimizer(self.optimizer))
        check_clip(self.clip)
        check_stopping(self.stopping)
        if isinstance(self.schedule, Schedule) or not (self.schedule is None or callable(self.schedule)):
            raise ValueError(
                f"schedule must be a function that makes one of the number of epochs, got {self.schedule!r}: "
                "rnnbp.Cosine"
            )
        if not (self.monitor is None or isinstance(self.monitor, str)):
            raise ValueError(f"monitor must be the name of a column of the history, got {self.monitor!r}")

    def trial(self, parameters: Parameters, seed: int) -> "Trial":
        """Return the trainer of a trial, not yet trained, with its number of epochs and batch size.

        Raises
        ------
        ValueError
            If `make` returns neither a Sequential nor a new Trainer, or a Trainer beside settings that are its own.
        """
        names = parameter_names(self.make)
        fit = {"epochs": self.epochs, "batch_size": self.batch_size}
        fit |= {name: value for name, value in parameters.items() if name in FIT_SETTINGS}
        available = parameters | {"seed": seed} | (fit if names is not None else {})
        taken = available if names is None else {name: value for name, value in available.items() if name in names}
        made = self.make(**taken)
        own = {name: parameters[name] for name in TRAINER_SETTINGS if name in parameters and name not in taken}
        if isinstance(made, Trainer):
            self._check_trainer(made, own, "seed" in taken)
            trainer = made
        elif isinstance(made, Sequential):
            if "seed" not in taken:
                made.initialize(np.random.default_rng(seed))
            trainer = self._trainer(made, own, fit["epochs"], seed)
        else:
            raise ValueError(f"make must return a Sequential or a Trainer, got {made!r}")
        return Trial(trainer, **fit, monitor=self.monitor or f"validation_{trainer.loss.metric}")

    def _trainer(self, model: Sequential, own: Parameters, epochs: int, seed: int) -> Trainer:
        given = {name: getattr(self, name) for name in ("optimizer", "gradient", "schedule", "clip")} | own
        optimizer = new_optimizer(given["optimizer"], given.get("learning_rate"))
        schedule = given["schedule"]
        return Trainer(
            model,
            natural_loss(self.train.targets) if self.loss is None else self.loss,
            copy.deepcopy(given["gradient"]),
            optimizer,
            seed=seed,
            clip=given["clip"],
            schedule=None if schedule is None or isinstance(optimizer, FullBatch) else schedule(epochs),
        )

    def _check_trainer(self, trainer: Trainer, own: Parameters, seeded: bool) -> None:
        """Raise if a Trainer was made in a way that a trial would not be what its parameters say."""
        settings = ("loss", "optimizer", "gradient", "schedule", "clip")
        given = [name for name in settings if getattr(self, name) is not None]
        if own or given:
            name = [*own, *given][0]
            raise ValueError(
                "make returns a Trainer, which has a loss, an optimizer, a gradient and a schedule of its own, so that "
                f"{name!r} has no effect: let make take it as a parameter"
            )
        if not seeded:
            raise ValueError("make returns a Trainer, and must take the seed: def make(..., seed)")
        if trainer.rows:
            raise ValueError("make must return a new Trainer at each call, and this one was trained before")


@dataclass(frozen=True)
class Trial:
    """Trainer of a trial, with the arguments of its `fit` and the column of its score.

    Attributes
    ----------
    trainer : Trainer
    epochs, batch_size : int
    monitor : str
    """

    trainer: Trainer
    epochs: int
    batch_size: int
    monitor: str


@refuses_by_name
def new_optimizer(make: MakeOptimizer | str | None, learning_rate: float | None = None) -> Optimizer:
    """Return a new optimizer, by its name or by a function that makes it; default: Adam with a learning rate of 0.01.

    Parameters
    ----------
    make : callable or str, optional
    learning_rate : float, optional
        Default: the optimizer's.

    Raises
    ------
    ValueError
        If there is none of the name, or it is an optimizer itself, whose state trials would share.

    Examples
    --------
    >>> new_optimizer("sgd", 0.1).learning_rate, new_optimizer(None).learning_rate
    (0.1, 0.01)
    """
    maker: Any = OPTIMIZERS[choice("optimizer", make, OPTIMIZERS)] if isinstance(make, str) else make
    if maker is None:
        maker = partial(Adam, learning_rate=0.01)
    if not callable(maker):
        raise ValueError(
            f"optimizer must be a name or a function that makes a new optimizer for each trial, got {maker!r}: "
            f"rnnbp.{type(maker).__name__}"
        )
    if learning_rate is None:
        return maker()
    if inspect.isclass(maker) and issubclass(maker, FullBatch):
        raise ValueError(f"learning_rate has no effect with {maker.__name__}, which finds its step sizes itself")
    return maker(learning_rate=learning_rate)
