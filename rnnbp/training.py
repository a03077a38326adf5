"""Trainer: epochs, validation, early stopping, checkpoints, history."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from rnnbp._checks import natural_int, positive_int
from rnnbp.checkpoints import read_checkpoint, write_checkpoint
from rnnbp.clipping import ClipNorm, ClipValue
from rnnbp.data import SequenceBatch, SequenceDataset
from rnnbp.evaluation import Tally, check_task, outputs_of
from rnnbp.gradients import BPTT, Gradient, GradientAlgorithm
from rnnbp.losses.base import Loss
from rnnbp.models import Sequential
from rnnbp.optimizers import Adam, Optimizer
from rnnbp.progress import Progress
from rnnbp.schedules import Schedule
from rnnbp.stopping import Best, EarlyStopping

Row = dict[str, float]
Callback = Callable[["Trainer", Row], bool | None]
Array = np.ndarray


class TrainingDivergedError(ArithmeticError):
    """A loss or gradient was not finite. The model holds the parameters of the last step at which both were."""


class Trainer:
    """One loop for every model, loss, gradient algorithm and optimizer.

    Parameters
    ----------
    model : Sequential
    loss : Loss
    gradient : GradientAlgorithm, default BPTT()
    optimizer : Optimizer, default Adam()
    seed : int, default 0
        Of the order of sequences and of dropout. Same seed, same machine: the same numbers to the bit.
    clip : ClipNorm or ClipValue, optional
        Applied to every gradient before the optimizer's step.
    schedule : Schedule, optional
        Sets the optimizer's learning rate before each epoch.
    callbacks : iterable of callable, default ()
        ``callback(trainer, row)`` after each epoch, `row` being the history's new row; True ends the training.
    stateful : bool, default False
        Begin each batch with the state the last one ended in, for streams that are cut into batches
        (`rnnbp.data.stream_batches`); nothing is shuffled then.

    Attributes
    ----------
    history : DataFrame
        A row an epoch, over all calls of `fit`.

    Raises
    ------
    ValueError
        If an argument is not of its kind.

    Examples
    --------
    >>> import rnnbp
    >>> rng = np.random.default_rng(0)
    >>> data = rnnbp.SequenceDataset([rng.normal(k, 1, (6, 2)) for k in (0, 2) * 10], targets=[0, 1] * 10)
    >>> model = rnnbp.Sequential(rnnbp.Elman(2, 4), rnnbp.Last(), rnnbp.Dense(4, 2))
    >>> trainer = Trainer(model, rnnbp.CrossEntropy(), rnnbp.BPTT(), rnnbp.Adam(0.05))
    >>> history = trainer.fit(data, epochs=10, batch_size=5, progress=False)
    >>> trainer.evaluate(data)["accuracy"]
    1.0
    """

    def __init__(
        self,
        model: Sequential,
        loss: Loss,
        gradient: GradientAlgorithm | None = None,
        optimizer: Optimizer | None = None,
        *,
        seed: int = 0,
        clip: ClipNorm | ClipValue | None = None,
        schedule: Schedule | None = None,
        callbacks: Iterable[Callback] = (),
        stateful: bool = False,
    ) -> None:
        for name, value, kind in (("model", model, Sequential), ("loss", loss, Loss)):
            if not isinstance(value, kind):
                raise ValueError(f"{name} must be a rnnbp {kind.__name__}, got {value!r}")
        self.model, self.loss = model, loss
        self.gradient = BPTT() if gradient is None else gradient
        self.optimizer = Adam() if optimizer is None else optimizer
        for name, value, method in (("gradient", self.gradient, "gradients"), ("optimizer", self.optimizer, "step")):
            if isinstance(value, type) or not hasattr(value, method):
                raise ValueError(f"{name} must be an object with a method {method!r}, got {value!r}")
        self.clip, self.schedule, self.callbacks, self.stateful = clip, schedule, tuple(callbacks), stateful
        self.rng = np.random.default_rng(natural_int("seed", seed))
        self.rows: list[Row] = []
        self.best: Best | None = None
        self._state: Sequence[Any] | None = None
        self._good = model.params.vector.copy()

    @property
    def history(self) -> pd.DataFrame:
        """A row an epoch: epoch, loss, score, the same of the validation set, gradient norm, learning rate, seconds and
        steps (of sequences, repeated ones included)."""
        return pd.DataFrame(self.rows)

    def fit(
        self,
        train: SequenceDataset,
        validation: SequenceDataset | None = None,
        epochs: int = 30,
        batch_size: int = 16,
        *,
        progress: bool = True,
        stopping: EarlyStopping | None = None,
        checkpoint: str | Path | None = None,
    ) -> pd.DataFrame:
        """Train for some epochs more.

        Parameters
        ----------
        train : SequenceDataset
        validation : SequenceDataset, optional
            Evaluated after each epoch.
        epochs : int, default 30
            How many more; the numbers in the history go on from the last call's.
        batch_size : int, default 16
        progress : bool, default True
            Show a bar, in a terminal or a notebook (with the `progress` extra; without it, a line an epoch).
        stopping : EarlyStopping, optional
            When to end before, and whose best parameters to put back.
        checkpoint : str or Path, optional
            Written after each epoch, whole or not at all; `resume` goes on from it.

        Returns
        -------
        DataFrame
            `history`.

        Raises
        ------
        ValueError
            If data, model and loss do not fit each other.
        TrainingDivergedError
            If a loss or gradient is not finite; it names the epoch, the batch and the largest gradient.
        """
        positive_int("epochs", epochs)
        positive_int("batch_size", batch_size)
        for name, data in (("train", train), ("validation", validation)):
            if data is not None:
                check_task(name, data, self.model, self.loss)
        if stopping is not None:
            self.best = self.best or stopping.begin()
        with Progress(epochs, show=progress) as bar:
            for _ in range(epochs):
                row = self._epoch(train, validation, batch_size)
                self.rows.append(row)
                bar.update(row)
                stop = self._after(row, stopping)
                if checkpoint is not None:
                    self.save(checkpoint)
                if stop:
                    break
        if stopping is not None and self.best is not None and self.best.vector is not None:
            self.model.params.vector[:] = self.best.vector
        return self.history

    def _after(self, row: Row, stopping: EarlyStopping | None) -> bool:
        """Tell everyone who listens; True where one of them wants to stop."""
        stop = False
        if stopping is not None:
            assert self.best is not None
            stop = stopping.seen(self.best, row, self.model.params.vector)
        answers = [callback(self, row) for callback in self.callbacks]
        return stop or any(answers)

    def _epoch(self, train: SequenceDataset, validation: SequenceDataset | None, batch_size: int) -> Row:
        epoch = len(self.rows) + 1
        if self.schedule is not None:
            self.optimizer.learning_rate = self.schedule.rate(epoch - 1, self.rows)
        self._state = None
        began = time.perf_counter()
        tally, norms, steps = Tally(self.loss), [], 0
        for number, batch in enumerate(train.batches(batch_size, shuffle=not self.stateful, rng=self.rng)):
            for g, norm in self._steps(batch, f"epoch {epoch}, batch {number}"):
                tally.add(g.outputs, batch, g.loss, g.span)
                norms.append(norm)
                steps += g.cost.steps
        seconds = time.perf_counter() - began
        row: Row = {"epoch": epoch, **tally.result()}
        if validation is not None:
            row |= {f"validation_{name}": value for name, value in self.evaluate(validation).items()}
        rate = float(self.optimizer.learning_rate)
        return row | {
            "gradient_norm": float(np.mean(norms)),
            "learning_rate": rate,
            "seconds": seconds,
            "steps": steps,
        }

    def _steps(self, batch: SequenceBatch, where: str) -> Iterator[tuple[Gradient, float]]:
        """Every gradient of a batch, after the optimizer's step with it, and its norm before clipping."""
        params = self.model.params
        state = self._state if self.stateful else None
        for g in self.gradient.gradients(self.model, batch, self.loss, state, self.rng):
            norm = float(np.linalg.norm(g.vector))
            if not (np.isfinite(g.loss) and np.isfinite(norm)):
                params.vector[:] = self._good
                raise TrainingDivergedError(self._diverged(g, where))
            if self.clip is not None:
                self.clip(g.vector)
            self._good[:] = params.vector
            self.optimizer.step(params, g.vector)
            self._state = g.state
            yield g, norm

    def _diverged(self, g: Gradient, where: str) -> str:
        gradient = self.model.params.like(np.abs(g.vector))
        sizes = {name: float(np.max(value, initial=0.0)) for name, value in gradient.items()}
        worst = max(sizes, key=lambda name: np.inf if np.isnan(sizes[name]) else sizes[name])
        return (
            f"the loss is {g.loss} at {where}, steps {g.span[0]} to {g.span[1]}; the largest gradient is "
            f"{sizes[worst]:.3g}, of parameter {worst!r}. The model holds its last good parameters. A lower "
            "learning_rate or clip=ClipNorm(1.0) may help"
        )

    def evaluate(self, dataset: SequenceDataset, batch_size: int = 256) -> dict[str, float]:
        """The loss and the scores that go with it, dropout off.

        Parameters
        ----------
        dataset : SequenceDataset
        batch_size : int, default 256

        Returns
        -------
        dict of str to float
            'loss', and 'accuracy' for classes or 'r2' for values.

        Raises
        ------
        ValueError
            If the dataset does not fit the model and the loss.
        """
        check_task("dataset", dataset, self.model, self.loss)
        tally = Tally(self.loss)
        for batch in dataset.batches(batch_size):
            outputs = self.model.forward(batch)
            value, _ = self.loss(outputs, batch.targets, batch.lengths if outputs.ndim == 3 else None)
            tally.add(outputs, batch, value, (0, batch.steps))
        return tally.result()

    def predict(self, dataset: SequenceDataset, batch_size: int = 256) -> Array | list[Array]:
        """What the model says, in the dataset's order.

        Parameters
        ----------
        dataset : SequenceDataset
        batch_size : int, default 256

        Returns
        -------
        ndarray (N,) or (N, K), or list of N arrays (T_i,) or (T_i, K)
            Classes as integers (names are in `dataset.classes`), or values; a list where each step has its own.
        """
        return outputs_of(self.model, dataset, batch_size, self.loss.predict)

    def save(self, path: str | Path) -> None:
        """Write a checkpoint: everything that `resume` needs to go on as if nothing had been.

        Parameters
        ----------
        path : str or Path
        """
        write_checkpoint(path, self)

    def resume(self, path: str | Path) -> None:
        """Go on from a checkpoint, in a trainer that was made as the one that wrote it.

        Parameters
        ----------
        path : str or Path

        Raises
        ------
        ValueError
            If the file is no checkpoint, is damaged, or is of another model.
        """
        read_checkpoint(path, self)
