"""Trainer: epochs, validation, early stopping, checkpoints, history."""

import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rnnbp.data import SequenceDataset
from rnnbp.gradients import BPTT, GradientAlgorithm
from rnnbp.gradients.base import check_targets
from rnnbp.losses import Loss
from rnnbp.metrics import History, Row, check_monitor
from rnnbp.models import BATCH_SIZE, Data, Sequential, batch_outputs, predictions
from rnnbp.optimizers import Adam, ClipNorm, ClipValue, Minimizer, Optimizer
from rnnbp.optimizers.schedules import Schedule
from rnnbp.runtime import Progress, as_html, as_lines, flag, natural_int, positive_int, to_config
from rnnbp.training.checkpoint import Checkpoint, check_checkpoint_path, read_checkpoint, write_checkpoint
from rnnbp.training.early_stopping import EarlyStopping
from rnnbp.training.epoch import Epoch, by_minimizing, by_steps
from rnnbp.training.evaluation import Tally, check_task
from rnnbp.training.parts import (
    FitArguments,
    check_clip,
    check_minimizer,
    check_parts,
    check_schedule,
    checked_callbacks,
)
from rnnbp.training.state import TrainingState
from rnnbp.training.streams import check_stream

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
        The optimizer's learning rate is multiplied by it, from batch to batch, and is what it was when `fit` returns.
    callbacks : iterable of callable, default ()
        ``callback(trainer, row)`` after each epoch, `row` being the history's new row, to which a callback may add;
        True interrupts the training, which `resume` then goes on with.
    stateful : bool, default False
        Begin each batch with the state the last one ended in, in training and in evaluation, for streams that are cut
        into batches (`SequenceDataset.from_stream`); nothing is shuffled then. Each stream, and each epoch, begins with
        zeros.

    Attributes
    ----------
    history : DataFrame
        A row an epoch, over all calls of `fit`.

    Raises
    ------
    ValueError
        If an argument is not of its kind; if the optimizer minimizes (`LBFGS`, `NewtonCG`) and `clip`, `schedule` or
        `stateful`, which are for steps, is given, or a random gradient.

    Notes
    -----
    An optimizer that made steps for another trainer begins anew with this one. An optimizer that minimizes sees no
    dropout and no order of sequences, so that `seed` makes no difference to it.

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
        self.model, self.loss = model, loss
        self.gradient = BPTT() if gradient is None else gradient
        self.optimizer = Adam() if optimizer is None else optimizer
        check_parts(model, loss, self.gradient, self.optimizer)
        check_clip(clip)
        check_schedule(schedule)
        self.clip, self.schedule, self.callbacks = clip, schedule, checked_callbacks(callbacks)
        self.stateful = flag("stateful", stateful)
        check_minimizer(self.optimizer, self.gradient, {"clip": clip, "schedule": schedule, "stateful": stateful})
        self.rng = np.random.default_rng(natural_int("seed", seed))
        self.rows: list[Row] = []
        self.training = TrainingState()
        self._resumed = False
        self._token = object()  # by which the optimizer knows whose steps it made
        self._rate: float | None = None  # what a schedule multiplies, while it does
        self._good = model.params.vector.copy()

    @property
    def history(self) -> History:
        """A row an epoch: epoch, loss, score, the same of the validation set, gradient norm, learning rate, seconds,
        and steps of sequences, repeated ones included.
        """
        return History(self.rows)

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
    ) -> History:
        """Train for some epochs more.

        The parameters, the optimizer's averages, the random generator and the history go on from the last call. What
        steers and ends a training, a schedule and early stopping, begins anew: it goes on only after `resume`.

        Parameters
        ----------
        train : SequenceDataset
            Each epoch trains on ``train.at_epoch(number)``. The model takes over the names of its classes; where it has
            some from an earlier training, they are mapped to those.
        validation : SequenceDataset, optional
            Evaluated after each epoch.
        epochs : int, default 30
            How many more; the numbers in the history go on from the last call's.
        batch_size : int, default 16
            With ``stateful=True``, the number of rows of the stream.
        progress : bool, default True
            Show a bar, in a terminal or a notebook (with the `progress` extra; without it, a line an epoch).
        stopping : EarlyStopping, optional
            When to end before, and whose best parameters to put back. A training that it had ended trains no further
            after `resume`.
        checkpoint : str or Path, optional
            Written after each epoch, whole or not at all; `resume` goes on from it.

        Returns
        -------
        DataFrame
            `history`.

        Raises
        ------
        ValueError
            If an argument is not of its kind, data, model and loss do not fit each other, or data have classes that
            the model does not know.
        FileNotFoundError, IsADirectoryError
            If no file can be written at `checkpoint`.
        TrainingDivergedError
            If a loss or gradient is not finite; it names the epoch, the batch and the largest gradient.
        """
        positive_int("epochs", epochs)
        given = FitArguments(train, validation, batch_size, progress, stopping, checkpoint)
        self._check(given)
        if not self._resumed:
            self.training = TrainingState(first=len(self.rows))
        return self._train(epochs, given)

    def fit_up_to(
        self,
        epochs: int,
        train: SequenceDataset,
        validation: SequenceDataset | None = None,
        batch_size: int = 16,
        *,
        progress: bool = True,
        stopping: EarlyStopping | None = None,
        checkpoint: str | Path | None = None,
    ) -> History:
        """Train until there are so many epochs in all; a training that was stopped goes on from its checkpoint.

        Parameters
        ----------
        epochs : int
        train, validation, batch_size, progress, stopping
            As `fit` takes them. Where early stopping has ended the training, nothing is added.
        checkpoint : str or Path, optional
            Where there is such a file, `resume` takes it first; then it is written after each epoch.

        Returns
        -------
        DataFrame
            `history`.

        Raises
        ------
        ValueError, OSError, TrainingDivergedError
            As `fit` and `resume`.
        """
        positive_int("epochs", epochs)
        given = FitArguments(train, validation, batch_size, progress, stopping, checkpoint)
        self._check(given)
        if checkpoint is not None and Path(checkpoint).is_file():
            self.resume(checkpoint)
        left = epochs - len(self.rows)  # of the same training: its state goes on
        return self._train(left, given)

    def _check(self, given: FitArguments) -> None:
        """Raise where something does not fit, before the first step."""
        given.check()
        check_task("train", given.train, self.model, self.loss)
        if self.stateful:
            check_stream("train", given.train, self.model, given.batch_size)
        if given.validation is not None:
            check_task("validation", given.validation, self.model, self.loss)
            self._batch_size("validation", given.validation, None)
        if self.callbacks:  # which may add columns
            return
        columns = self._columns(given.validation is not None)
        if given.stopping is not None:
            check_monitor(given.stopping.monitor, columns)
        if self.schedule is not None:
            self.schedule.check_columns(columns)

    def _columns(self, validated: bool) -> list[str]:
        """The history's."""
        scores = ["loss", self.loss.metric]
        of_validation = [f"validation_{name}" for name in scores] if validated else []
        return ["epoch", *scores, *of_validation, "gradient_norm", "learning_rate", "seconds", "steps"]

    def _train(self, epochs: int, given: FitArguments) -> History:
        """Some epochs of the training whose state is `training`; none where there are none left or it has ended."""
        given = given.with_classes_of(self.model)
        self._tell_model(given.train.classes)
        self._resumed = False
        if epochs > 0 and not self.training.ended:
            self._begin(given.stopping)
            try:
                with Progress(epochs, show=given.progress) as bar:
                    self._run_epochs(epochs, given, bar)
            finally:
                if self._rate is not None:
                    self.optimizer.learning_rate, self._rate = self._rate, None
        self._put_back_best(given.stopping)
        return self.history

    def _tell_model(self, classes: Sequence[str] | None) -> None:
        """What it is trained for and on, so that it predicts by itself."""
        self.model.classes = self.model.classes or classes
        self.model.loss, self.model.stateful = self.loss, self.stateful

    def _run_epochs(self, epochs: int, given: FitArguments, bar: Progress) -> None:
        for _ in range(epochs):
            row = self._epoch(given)
            self.rows.append(row)
            bar.update(row)
            answers = [callback(self, row) for callback in self.callbacks]
            if given.stopping is not None:
                self.training.ended = given.stopping.seen(self.training.best, row, self.model.params.vector)
            if self.training.ended:
                self._put_back_best(given.stopping)  # which the checkpoint is to hold
            if given.checkpoint is not None:
                self.save(given.checkpoint)
            if self.training.ended or any(answers):
                return

    def _begin(self, stopping: EarlyStopping | None) -> None:
        if isinstance(self.optimizer, Optimizer):
            self.optimizer.begin(self._token)
        self._rate = None if self.schedule is None else float(self.optimizer.learning_rate)
        self._good[:] = self.model.params.vector  # which may have changed since the last call
        if stopping is not None and self.training.best.monitor != stopping.monitor:
            self.training.best = stopping.begin(len(self.rows))

    def _put_back_best(self, stopping: EarlyStopping | None) -> None:
        best = self.training.best
        if stopping is not None and best.vector is not None and best.monitor == stopping.monitor:
            self.model.params.vector[:] = best.vector

    def _epoch(self, given: FitArguments) -> Row:
        number = len(self.rows) + 1
        train, batch_size = given.train.at_epoch(number), given.batch_size
        epoch = Epoch(self.model, self.loss, self.gradient, self.optimizer, self.rng, self._good, f"epoch {number}")
        began = time.perf_counter()
        with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is found, and said with its place
            if isinstance(self.optimizer, Minimizer):
                result = by_minimizing(epoch, self.optimizer, train, batch_size)
            else:
                batches = train.batches(batch_size, shuffle=not self.stateful, rng=self.rng)
                set_rate = self._rate_setter(-(-len(train) // batch_size))
                result = by_steps(epoch, batches, self.clip, set_rate, self.stateful)
            seconds = time.perf_counter() - began
            row: Row = {"epoch": number, **result.scores}
            if given.validation is not None:
                row |= {f"validation_{name}": value for name, value in self.evaluate(given.validation).items()}
        return row | {
            "gradient_norm": result.gradient_norm,
            "learning_rate": self.optimizer.learning_rate,
            "seconds": seconds,
            "steps": result.steps,
        }

    def _rate_setter(self, batches: int) -> Callable[[int], None]:
        """What sets the learning rate before each of the next epoch's batches."""
        schedule, rate, over = self.schedule, self._rate, self.rows[self.training.first :]

        def set_rate(batch: int) -> None:
            if schedule is not None and rate is not None:
                self.optimizer.learning_rate = rate * schedule(len(over) + batch / batches, over)

        return set_rate

    def evaluate(self, dataset: SequenceDataset, batch_size: int | None = None) -> dict[str, float]:
        """The loss and the scores that go with it, dropout off.

        Parameters
        ----------
        dataset : SequenceDataset
            Its classes are mapped to those that the model was trained on, by their names. With ``stateful=True``, a
            stream, whose state is carried from batch to batch, or sequences that each begin with zeros.
        batch_size : int, default 256
            Of a stream with ``stateful=True`` its number of rows.

        Returns
        -------
        dict of str to float
            'loss', and 'accuracy' for classes, 'r2' for values or 'token_error_rate' for label sequences.

        Raises
        ------
        ValueError
            If the dataset does not fit the model and the loss, or the batch size a stream, or it has classes that the
            model was not trained on.
        """
        check_task("dataset", dataset, self.model, self.loss)
        dataset = self.model.as_trained("dataset", dataset)
        size, tally = self._batch_size("dataset", dataset, batch_size), Tally(self.loss, self.model.per_step)
        for batch, outputs in batch_outputs(self.model, dataset, size, self.stateful):
            value, _ = self.loss(outputs, check_targets(batch), batch.lengths)
            tally.add(outputs, batch, value, (0, batch.steps))
        return tally.result()

    def predict(self, dataset: Data, batch_size: int | None = None) -> Any:
        """What the model says, read as the trainer's loss reads it; see `rnnbp.Sequential.predict`.

        Parameters
        ----------
        dataset : SequenceDataset, SequenceBatch, or list of array_like (T_i, F)
        batch_size : int, optional
            As `evaluate` takes it.

        Returns
        -------
        ndarray (N,) or (N, K), or list
            In the dataset's order: classes by their names, where they have names, or values.
        """
        size = BATCH_SIZE if batch_size is None else batch_size
        if isinstance(dataset, SequenceDataset):
            size = self._batch_size("dataset", dataset, batch_size)
        parts = batch_outputs(self.model, dataset, size, self.stateful)
        return predictions(parts, self.loss, self.model.classes, self.model.per_step)

    def _is_stream(self, data: SequenceDataset) -> bool:
        """Whether the state is to be carried through a dataset."""
        return self.stateful and data.rows is not None

    def _batch_size(self, name: str, data: SequenceDataset, asked: int | None) -> int:
        """Of an evaluation; an error where a stream is not of so many rows."""
        if not self._is_stream(data):
            return BATCH_SIZE if asked is None else positive_int("batch_size", asked)
        rows = int(data.rows or 0)
        check_stream(name, data, self.model, rows if asked is None else positive_int("batch_size", asked))
        return rows

    def save(self, path: str | Path) -> None:
        """Write a checkpoint: everything that `resume` needs to go on as if nothing had been.

        Parameters
        ----------
        path : str or Path

        Raises
        ------
        FileNotFoundError, IsADirectoryError
            If no file can be written there.
        """
        check_checkpoint_path(path)
        write_checkpoint(path, self._checkpoint())

    def _checkpoint(self) -> Checkpoint:
        state = self.optimizer.state_dict()
        if self._rate is not None:
            state["learning_rate"] = self._rate
        return Checkpoint(
            model=[to_config(layer) for layer in self.model.layers],
            classes=None if self.model.classes is None else list(self.model.classes),
            optimizer=type(self.optimizer).__name__,
            parameters=self.model.params.vector,
            mask=self.model.params.mask_vector,
            optimizer_state=state,
            rng=dict(self.rng.bit_generator.state),
            rows=self.rows,
            training=self.training,
        )

    def resume(self, path: str | Path) -> None:
        """Go on from a checkpoint, in a trainer that was made as the one that wrote it.

        The next `fit` continues that training: its schedule, its early stopping and its learning rate, which is the
        checkpoint's. Where early stopping had ended it, the model has the best parameters and `fit` trains no further.

        Parameters
        ----------
        path : str or Path

        Raises
        ------
        ValueError
            If the file is no checkpoint, is damaged, or is of another model, dtype or optimizer; the trainer is then
            unchanged.
        """
        found = read_checkpoint(path, like=self._checkpoint())
        try:
            self.optimizer.load_state_dict(found.optimizer_state)
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            raise ValueError(f"{str(path)!r} does not hold a whole checkpoint: {error}") from error
        self.model.params.vector[:] = found.parameters
        self.model.params.mask_vector = found.mask
        self._tell_model(found.classes)
        self.rng.bit_generator.state = found.rng
        self.rows, self.training = found.rows, found.training
        self._resumed = True

    def __repr__(self) -> str:
        return as_lines(*self._described())

    def _repr_html_(self) -> str:
        return as_html(*self._described())

    def _described(self) -> tuple[str, dict[str, Any]]:
        """A title and the parts, for those who print it."""
        model, last = self.model, self.rows[-1:]
        scores = [f"{k} {row[k]:.4g}" for row in last for k in row if k.endswith(("loss", self.loss.metric))]
        title = ", ".join([f"Trainer: {len(self.rows)} epoch{'s' * (len(self.rows) != 1)}", *scores])
        size = f"{len(model.layers)} layers, {model.params.size} parameters, {model.dtype}"
        parts = {"model": size, "loss": self.loss, "gradient": self.gradient, "optimizer": self.optimizer}
        given = {"clip": self.clip, "schedule": self.schedule, "stateful": self.stateful or None}
        return title, parts | {name: value for name, value in given.items() if value is not None}
