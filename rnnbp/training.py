"""Trainer: epochs, validation, early stopping, checkpoints, history."""

import time
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from rnnbp._checks import natural_int, positive_int
from rnnbp.checkpoints import read_checkpoint, write_checkpoint
from rnnbp.clipping import ClipNorm, ClipValue
from rnnbp.data import SequenceDataset
from rnnbp.epochs import Epoch, by_minimizing, by_steps
from rnnbp.evaluation import Tally, check_task, outputs_of
from rnnbp.gradients import BPTT, GradientAlgorithm
from rnnbp.gradients.base import check_targets
from rnnbp.losses.base import Loss
from rnnbp.models import Sequential
from rnnbp.optimizers import Adam, Minimizer, Optimizer
from rnnbp.progress import Progress
from rnnbp.schedules import Schedule
from rnnbp.stopping import Best, EarlyStopping

Row = dict[str, float]
Callback = Callable[["Trainer", Row], bool | None]
Array = np.ndarray


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
        The optimizer's learning rate is multiplied by it, from batch to batch.
    callbacks : iterable of callable, default ()
        ``callback(trainer, row)`` after each epoch, `row` being the history's new row; True ends the training.
    stateful : bool, default False
        Begin each batch with the state the last one ended in, for streams that are cut into batches
        (`SequenceDataset.from_stream`); nothing is shuffled then.

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
        for name, method in (("gradient", "gradients"), ("optimizer", "step")):
            given = getattr(self, name)
            if isinstance(given, type) or not hasattr(given, method):
                raise ValueError(f"{name} must be an object with a method {method!r}, got {given!r}")
        self.clip, self.schedule, self.callbacks, self.stateful = clip, schedule, tuple(callbacks), stateful
        self.rng = np.random.default_rng(natural_int("seed", seed))
        self.rows: list[Row] = []
        self.best: Best | None = None
        self._rate = float(self.optimizer.learning_rate)
        self._good = model.params.vector.copy()

    @property
    def history(self) -> pd.DataFrame:
        """A row an epoch: epoch, loss, score, the same of the validation set, gradient norm, learning rate, seconds,
        and steps of sequences, repeated ones included.
        """
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
            Each epoch trains on ``train.at_epoch(number)``.
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
        self._good[:] = self.model.params.vector  # which may have changed since the last call
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

    def fit_up_to(
        self,
        epochs: int,
        train: SequenceDataset,
        validation: SequenceDataset | None = None,
        batch_size: int = 16,
        *,
        progress: bool = True,
        checkpoint: str | Path | None = None,
    ) -> pd.DataFrame:
        """Train until there are so many epochs in all; a training that was stopped goes on from its checkpoint.

        Parameters
        ----------
        epochs : int
        train, validation, batch_size, progress
            As `fit` takes them.
        checkpoint : str or Path, optional
            Where there is such a file, `resume` takes it first; then it is written after each epoch.

        Returns
        -------
        DataFrame
            `history`.

        Raises
        ------
        ValueError, TrainingDivergedError
            As `fit` and `resume`.
        """
        if checkpoint is not None and Path(checkpoint).is_file():
            self.resume(checkpoint)
        left = positive_int("epochs", epochs) - len(self.rows)
        if left > 0:
            self.fit(train, validation, left, batch_size, progress=progress, checkpoint=checkpoint)
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
        number = len(self.rows) + 1
        train = train.at_epoch(number)
        epoch = Epoch(self.model, self.loss, self.gradient, self.optimizer, self.rng, self._good, f"epoch {number}")
        began = time.perf_counter()
        with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is found, and said with its place
            if isinstance(self.optimizer, Minimizer):
                result = by_minimizing(epoch, self.optimizer, train, batch_size)
            else:
                batches = train.batches(batch_size, shuffle=not self.stateful, rng=self.rng)
                per_epoch = -(-len(train) // batch_size)

                def set_rate(batch: int) -> None:
                    self._set_rate(number - 1 + batch / per_epoch)

                result = by_steps(epoch, batches, self.clip, set_rate, self.stateful)
            seconds = time.perf_counter() - began
            row: Row = {"epoch": number, **result.scores}
            if validation is not None:
                row |= {f"validation_{name}": value for name, value in self.evaluate(validation).items()}
        return row | {
            "gradient_norm": result.gradient_norm,
            "learning_rate": self.optimizer.learning_rate,
            "seconds": seconds,
            "steps": result.steps,
        }

    def _set_rate(self, epoch: float) -> None:
        if self.schedule is not None:
            self.optimizer.learning_rate = self._rate * self.schedule(epoch, self.rows)

    def evaluate(self, dataset: SequenceDataset, batch_size: int = 256) -> dict[str, float]:
        """The loss and the scores that go with it, dropout off.

        Parameters
        ----------
        dataset : SequenceDataset
        batch_size : int, default 256

        Returns
        -------
        dict of str to float
            'loss', and 'accuracy' for classes, 'r2' for values or 'token_error_rate' for label sequences.

        Raises
        ------
        ValueError
            If the dataset does not fit the model and the loss.
        """
        check_task("dataset", dataset, self.model, self.loss)
        tally = Tally(self.loss)
        for batch in dataset.batches(batch_size):
            outputs = self.model.forward(batch)
            value, _ = self.loss(outputs, check_targets(batch), batch.lengths if outputs.ndim == 3 else None)
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
        ndarray (N,) or (N, K), or list of N arrays (T_i,), (T_i, K) or (L_i,)
            Classes as integers (names are in `dataset.classes`), or values; a list where each step has its own. With
            `rnnbp.CTC` the labels of each sequence, by greedy decoding.
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
