"""Trainer: training over epochs, and checkpoints from which it resumes."""

import time
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from rnnbp.data import SequenceDataset
from rnnbp.gradients import BPTT, GradientAlgorithm
from rnnbp.losses import Loss
from rnnbp.metrics import History, Row
from rnnbp.models import Sequential, take_over_names
from rnnbp.optimizers import Adam, ClipNorm, ClipValue, Minimizer, Optimizer, Ridge
from rnnbp.optimizers.schedules import Schedule
from rnnbp.runtime import Progress, as_html, as_lines, positive_int, refuses_by_name, seed_int
from rnnbp.training.checkpoint import Checkpoint, check_checkpoint_path, incomplete, read_checkpoint, write_checkpoint
from rnnbp.training.checkpoint_writer import CheckpointWriter
from rnnbp.training.early_stopping import EarlyStopping
from rnnbp.training.epoch import Epoch, EpochResult, by_minimizing, by_steps
from rnnbp.training.evaluation import evaluate
from rnnbp.training.evaluator import Evaluator
from rnnbp.training.fit_arguments import FitArguments
from rnnbp.training.parallel.checks import check_divisible, described
from rnnbp.training.parallel.joining import ranks_of
from rnnbp.training.parallel.partial_epochs import own_epoch
from rnnbp.training.partial_epoch import PartialEpoch
from rnnbp.training.rotation import KEEP, Rotation, check_keep, existing
from rnnbp.training.solving import by_solving, check_solvable
from rnnbp.training.state import TrainingState
from rnnbp.training.trainer_arguments import (
    check_algorithms,
    check_clip,
    check_full_batch,
    check_schedule,
    checked_callbacks,
)

Callback = Callable[["Trainer", Row], bool | None]
Array = np.ndarray


class Trainer(Evaluator):
    """Training loop for any model, loss, gradient algorithm and optimizer.

    Parameters
    ----------
    model : Sequential
    loss : Loss
    gradient : GradientAlgorithm, default BPTT()
    optimizer : Optimizer, default Adam()
    seed : int, default 0
        Of shuffling and dropout. The same seed on the same machine gives bit-identical results.
    clip : ClipNorm or ClipValue, optional
        Applied to every gradient before the optimizer's step.
    schedule : Schedule, optional
        Multiplies the optimizer's learning rate, batch by batch; the rate is restored after each epoch.
    callbacks : iterable of callable, default ()
        ``callback(trainer, row)`` is called after each epoch with the history's new row, to which a callback may add
        columns. Returning True interrupts the training, which `resume` can continue.
    stateful : bool, default False
        Start each batch from the final hidden state of the one before, in training and in evaluation, for streams that
        are cut into batches (`SequenceDataset.from_stream`); nothing is shuffled then. Each stream, and each epoch,
        starts from a zero state.
    comm : mpi4py.MPI.Intracomm, optional
        Data-parallel training by the processes of an MPI communicator, as ``MPI.COMM_WORLD``, all of which run the same
        program (``mpiexec -n 4 python program.py``): see Notes. Default: this process alone.

    Attributes
    ----------
    history : DataFrame
        A row per epoch, over all calls of `fit`.

    Raises
    ------
    ValueError
        If an argument has the wrong type or value; if the optimizer is a `Minimizer` (`LBFGS`, `NewtonCG`) and `clip`,
        `schedule` or `stateful`, which apply to single steps, or a random gradient estimate is given; if it is `Ridge`
        and `clip` or `schedule` is given.

    Notes
    -----
    Where the dataset has weights, the loss of each batch is the weighted mean over its sequences or steps, and so are
    the loss and the score of an epoch over the whole dataset; a `Minimizer` minimizes the latter.

    With `Ridge` one epoch, the direct solution, is the whole run, whatever the number of epochs; the gradient algorithm
    is not used.

    An optimizer that made steps for another trainer has its state reset by this one. A `Minimizer` uses neither dropout
    nor shuffling, so `seed` has no effect on it.

    With `comm`, every process (rank) of n makes the same model, data and trainer, with the same seeds, and calls the
    same methods: `fit`, `fit_up_to`, `resume` and `evaluate` wait for each other. Each rank computes the gradient of
    its part of every batch (`SequenceDataset.batches` with `share`); one all-reduce for each step of the optimizer
    weights and sums them, so that all make the same step, which is that of a single process to rounding, for every
    gradient algorithm that takes a batch sequence by sequence; another one, such as `AdaptiveTruncation`, is refused.
    Random numbers are drawn by all for the whole batch. The history is the same in all ranks; rank 0 shows the progress
    and writes checkpoints, with which any number of ranks can resume; callbacks are called in all. A rank uses one
    thread, unless OMP_NUM_THREADS or `rnnbp.set_num_threads` says otherwise. An error in one rank is raised in all; the
    others' is a `RankError` that names it.

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

    Four processes train it by a program that differs in two lines, started by ``mpiexec -n 4 python program.py``::

        from mpi4py import MPI
        trainer = rnnbp.Trainer(model, rnnbp.CrossEntropy(), optimizer=rnnbp.Adam(0.05), comm=MPI.COMM_WORLD)
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
        comm: Any = None,
    ) -> None:
        super().__init__(model, loss, stateful=stateful)
        self.ranks = ranks_of(comm)
        self.gradient = BPTT() if gradient is None else gradient
        self.optimizer = Adam() if optimizer is None else optimizer
        check_algorithms(self.gradient, self.optimizer)
        check_clip(clip)
        check_schedule(schedule)
        self.clip, self.schedule, self.callbacks = clip, schedule, checked_callbacks(callbacks)
        check_full_batch(self.optimizer, self.gradient, {"clip": clip, "schedule": schedule, "stateful": stateful})
        self.rng = np.random.default_rng(seed_int("seed", seed))
        self.rows: list[Row] = []
        self.training = TrainingState()
        self._resumed = False
        self._partial: PartialEpoch | None = None  # of the epoch in which the checkpoint was written, when resumed
        self._rotation = Rotation()
        self._token = object()  # tells the optimizer whether its state belongs to this trainer
        self._last_good = model.params.vector.copy()

    @property
    def history(self) -> History:
        """Training history, one row per epoch.

        Columns: epoch, loss and score, the same of the validation set, gradient norm, learning rate, seconds, and the
        number of time steps processed, repeated ones included.
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
        checkpoint_every: float | None = None,
        keep: int = KEEP,
    ) -> History:
        """Train for `epochs` further epochs; after `resume`, the first is the rest of one that was interrupted.

        The parameters, the optimizer's state, the random generator and the history continue from the last call. The
        schedule and early stopping start afresh with each call; they continue only after `resume`.

        Parameters
        ----------
        train : SequenceDataset
            Each epoch trains on ``train.at_epoch(number)``. A model that was never trained takes over its class names;
            where it has some from an earlier training, the labels are mapped to those.
        validation : SequenceDataset, optional
            Evaluated after each epoch.
        epochs : int, default 30
            Number of further epochs; the numbers in the history continue from the last call's.
        batch_size : int, default 16
            With ``stateful=True``, the number of rows of the stream.
        progress : bool, default True
            Show a progress bar, in a terminal or a notebook (with the `progress` extra; else a line per epoch).
        stopping : EarlyStopping, optional
            When to stop early, and by which column to choose the parameters to restore. A run that early stopping had
            ended trains no further after `resume`.
        checkpoint : str or Path, optional
            Written after each epoch, whole or not at all; `resume` continues from it. Within
            `rnnbp.saves_on_sigterm`, also at the end of the batch in which SIGTERM arrives.
        checkpoint_every : float, optional
            Write it between two batches too, as soon as this many seconds have passed since the last: for long epochs.
            `resume` continues in the middle of the epoch; the result does not depend on it.
        keep : int, default 3
            Number of checkpoints on the disk: `checkpoint` and, older each, `checkpoint` with .1, .2, ... after its
            name. They take `keep` times the space; `resume` reads an older one where the newest is damaged.

        Returns
        -------
        DataFrame
            `history`.

        Raises
        ------
        ValueError
            If an argument has the wrong type or value, data, model and loss do not fit each other, or data have classes
            that the model does not know: all of this before the first update.
        FileNotFoundError, IsADirectoryError
            If no file can be written at `checkpoint`.
        TrainingDivergedError
            If a loss or gradient is not finite; it names the epoch, the batch and the largest gradient.
        """
        with self.ranks.guarded():
            self.ranks.agreed("epochs", lambda: positive_int("epochs", epochs))
            given = self._checked(
                FitArguments(train, validation, batch_size, progress, stopping, checkpoint, checkpoint_every, keep)
            )
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
        checkpoint_every: float | None = None,
        keep: int = KEEP,
    ) -> History:
        """Train up to a total of `epochs` epochs, resuming from the checkpoint where there is one.

        Parameters
        ----------
        epochs : int
        train, validation, batch_size, progress, stopping
            As in `fit`. Where early stopping has ended the run, it trains no further.
        checkpoint : str or Path, optional
            Resumed from first where the file exists; then written after each epoch.
        checkpoint_every, keep
            As in `fit`.

        Returns
        -------
        DataFrame
            `history`.

        Raises
        ------
        ValueError, OSError, TrainingDivergedError
            As `fit` and `resume`.
        """
        given = FitArguments(train, validation, batch_size, progress, stopping, checkpoint, checkpoint_every, keep)
        with self.ranks.guarded():
            self.ranks.agreed("epochs", lambda: positive_int("epochs", epochs))
            self.ranks.agreed("fit_up_to", lambda: given.check(self.ranks.first))
            if checkpoint is not None and self.ranks.from_first("the checkpoint", lambda: existing(checkpoint)):
                self.resume(checkpoint)
            given = self._checked(given)
            return self._train(epochs - len(self.rows), given)  # the same run: its state continues

    def _checked(self, given: FitArguments) -> FitArguments:
        """Return the arguments with labels as the model's; raise if anything does not fit, before the first update."""
        given = self.ranks.agreed("fit", lambda: self._fitting(given))
        if self.ranks.size > 1:
            self.ranks.check_same(self.ranks.agreed("the trainer", lambda: described(self, given)))
        return given

    def _fitting(self, given: FitArguments) -> FitArguments:
        if self.ranks.size > 1:
            check_divisible(self.gradient)
        given.check(self.ranks.first)
        given = given.with_classes_of(self.model)
        given.check_task(self.model, self.loss, self.stateful)
        if self._partial is not None:
            self._partial.check_batches(len(given.train), given.batch_size)
        if isinstance(self.optimizer, Ridge):
            check_solvable(self.model, self.loss, self.optimizer)
        if not self.callbacks:  # which may add columns
            given.check_columns(self.loss, self.schedule)
        return given

    def _train(self, epochs: int, given: FitArguments) -> History:
        """Continue the current run for some epochs: none where none are left or early stopping has ended it."""
        take_over_names(self.model, given.train)
        self._tell_model()
        self._resumed = False
        if epochs > 0 and not self.training.ended:
            self._begin(given.stopping)
            shown = given.progress and self.ranks.first
            with Progress(1 if isinstance(self.optimizer, Ridge) else epochs, show=shown) as bar:
                self._run_epochs(epochs, given, bar)
        self.training.restore_best(given.stopping, self.model.params.vector)
        return self.history

    def _tell_model(self) -> None:
        """Set loss and statefulness on the model, so that it predicts without the trainer."""
        self.model.loss, self.model.stateful = self.loss, self.stateful

    def _begin(self, stopping: EarlyStopping | None) -> None:
        """Take over the optimizer and the parameters, which may have changed since the last call."""
        if isinstance(self.optimizer, Optimizer):
            self.optimizer.begin(self._token)
        self._last_good[:] = self.model.params.vector
        self.training.begin(stopping, len(self.rows))

    def _run_epochs(self, epochs: int, given: FitArguments, bar: Progress) -> None:
        """Train epoch by epoch until a callback or early stopping ends it."""
        writer = CheckpointWriter(given, self._rotation, self._checkpoint, self.ranks)
        for _ in range(epochs):
            row = self._epoch(given, writer)
            with writer.deferring():  # what follows belongs together
                self.rows.append(row)
                bar.update(row)
                interrupted = self._call_callbacks(row)
                self.ranks.agreed("the end of an epoch", partial(self._update, given, row))
                writer.write()
            if self.training.ended or interrupted:
                return

    def _call_callbacks(self, row: Row) -> bool:
        """Return whether a callback interrupts the training, in any rank; what they add to the row is the first's."""
        own = self.ranks.agreed("the callbacks", lambda: [bool(callback(self, row)) for callback in self.callbacks])
        firsts, interrupted = self.ranks.collected(
            "the row of an epoch", (row, any(own)), lambda found: (found[0][0], any(answer for _, answer in found))
        )
        row.update(firsts)
        return interrupted

    def _update(self, given: FitArguments, row: Row) -> None:
        """Take note of an epoch: whether it is the best so far, and whether the run ends."""
        self.training.update(given.stopping, row, self.model.params.vector)
        self.training.ended |= isinstance(self.optimizer, Ridge)  # a further epoch would find the same solution
        if self.training.ended:
            self.training.restore_best(given.stopping, self.model.params.vector)  # before the checkpoint is written

    def _epoch(self, given: FitArguments, writer: CheckpointWriter) -> Row:
        """Train for one epoch, evaluate the validation set, and return the row of the history."""
        number = len(self.rows) + 1
        train, done = given.train.at_epoch(number), self._done(given.batch_size)
        began = time.perf_counter() - done.seconds
        with np.errstate(over="ignore", invalid="ignore"):  # non-finite values raise TrainingDivergedError
            result = self._trained(f"epoch {number}", train, given.batch_size, done, writer)
            seconds = time.perf_counter() - began
            row: Row = {"epoch": number, **result.scores}
            if given.validation is not None:
                row |= self._validation_scores(given.validation, writer, done)
        return row | {
            "gradient_norm": result.gradient_norm,
            "learning_rate": result.learning_rate,
            "seconds": seconds,
            "steps": result.steps,
        }

    def _done(self, batch_size: int) -> PartialEpoch:
        """Return what this rank has done of the next epoch: nothing, unless that is the rest of one, after `resume`."""
        done = self._partial or PartialEpoch(dict(self.rng.bit_generator.state), self.optimizer.learning_rate)
        self._partial = None
        return own_epoch(self.ranks, batch_size, done)

    def _trained(
        self, name: str, train: SequenceDataset, batch_size: int, done: PartialEpoch, writer: CheckpointWriter
    ) -> EpochResult:
        """Train for one epoch, in the way of the optimizer."""
        own = (self.model, self.loss, self.gradient, self.optimizer, self.clip, self.schedule, self.stateful)
        epoch = Epoch(name, *own, self.rng, self._last_good, self.rows[self.training.first :], self.ranks)
        if isinstance(self.optimizer, Minimizer):
            return by_minimizing(epoch, self.optimizer, train, batch_size)
        if isinstance(self.optimizer, Ridge):
            return by_solving(epoch, self.optimizer, train, batch_size)
        with writer.deferring():
            return by_steps(epoch, train, batch_size, done, writer.after_batch)

    def _validation_scores(
        self, validation: SequenceDataset, writer: CheckpointWriter, done: PartialEpoch
    ) -> dict[str, float]:
        """Return the columns of the validation set; where its evaluation is interrupted, save the epoch before it."""
        try:
            scores = evaluate(self.model, self.loss, validation, stateful=self.stateful, ranks=self.ranks)
        except KeyboardInterrupt:
            if done.batches and self.ranks.size == 1:
                writer.write(done)
            raise
        return {f"validation_{name}": value for name, value in scores.items()}

    def save(self, path: str | Path, keep: int = 1) -> None:
        """Write a checkpoint with the complete state, from which `resume` continues bit for bit.

        Parameters
        ----------
        path : str or Path
        keep : int, default 1
            Number of checkpoints on the disk, as in `fit`.

        Raises
        ------
        FileNotFoundError, IsADirectoryError
            If no file can be written there.
        """
        check_keep(keep)
        if not self.ranks.first:
            return
        check_checkpoint_path(path)
        state = self._checkpoint(self._partial)
        self._rotation.write(path, keep, lambda path: write_checkpoint(path, state))

    def _checkpoint(self, partial: PartialEpoch | None = None) -> Checkpoint:
        return Checkpoint.of(self.model, self.optimizer, self.rng, self.rows, self.training, partial)

    @refuses_by_name
    def resume(self, path: str | Path) -> None:
        """Load a checkpoint into a trainer constructed as the one that wrote it, to continue its run.

        The next `fit` continues that training, in the middle of an epoch if it was interrupted there: its schedule, its
        early stopping and its learning rate, which is the checkpoint's. Where early stopping had ended it, the model
        has the best parameters and `fit` trains no further.

        Parameters
        ----------
        path : str or Path
            Where this file is damaged or missing, the newest of the older ones that is whole is taken: see `keep` of
            `fit`.

        Raises
        ------
        FileNotFoundError, IsADirectoryError
            If there is no such file, or it is a folder.
        ValueError
            If the file is of another model, dtype or optimizer, or it, and all older ones, are no checkpoints or
            damaged; the trainer is then unchanged.

        Warns
        -----
        UserWarning
            If an older checkpoint is taken; it names both files.
        """
        found = self.ranks.from_first("resume", lambda: self._rotation.read(path, self._read))
        self.ranks.agreed("resume", lambda: self._continue(found))

    def _read(self, path: str | Path) -> Checkpoint:
        """Return a checkpoint of which the optimizer has taken over its state."""
        found = read_checkpoint(path, self._checkpoint(), self.loss.metric)
        try:
            self.optimizer.load_state_dict(found.optimizer_state)
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            raise incomplete(path, error) from error
        return found

    def _continue(self, found: Checkpoint) -> None:
        if not self.ranks.first:
            self.optimizer.load_state_dict(found.optimizer_state)
        self.model.params.vector[:] = found.parameters
        self.model.params.mask_vector = found.mask
        self.model.params.frozen_vector = found.frozen
        if found.rows:
            self.model.classes = self.model.classes or found.classes
            self._tell_model()
        self.rng.bit_generator.state = found.rng
        self.rows, self.training, self._partial = found.rows, found.training, found.partial
        self._resumed = True

    def __repr__(self) -> str:
        return as_lines(*self._described())

    def _repr_html_(self) -> str:
        return as_html(*self._described())

    def _described(self) -> tuple[str, dict[str, Any]]:
        """Return a title and the named fields for the text and HTML representations."""
        model, last = self.model, self.rows[-1:]
        columns = [prefix + name for prefix in ("", "validation_") for name in ("loss", self.loss.metric)]
        scores = [f"{name} {row[name]:.4g}" for row in last for name in columns if name in row]
        title = ", ".join([f"Trainer: {len(self.rows)} epoch{'s' * (len(self.rows) != 1)}", *scores])
        size = f"{len(model.layers)} layers, {model.params.size} parameters, {model.dtype}"
        fields = {"model": size, "loss": self.loss, "gradient": self.gradient, "optimizer": self.optimizer}
        given = {"clip": self.clip, "schedule": self.schedule, "stateful": self.stateful or None}
        return title, fields | {name: value for name, value in given.items() if value is not None}
