"""Validation of the arguments of `Trainer.fit`, before the first update."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rnnbp.data import SequenceDataset
from rnnbp.losses import Loss
from rnnbp.metrics import check_monitor, history_columns
from rnnbp.models import Sequential, carried_states, check_tokenizer, in_trained_order, matched
from rnnbp.optimizers.schedules import Schedule
from rnnbp.runtime import flag, number, positive_int
from rnnbp.training.checkpoint import check_checkpoint_path
from rnnbp.training.data_checks import check_dataset, check_task
from rnnbp.training.early_stopping import EarlyStopping
from rnnbp.training.rotation import KEEP, check_keep
from rnnbp.training.streams import check_stream
from rnnbp.training.trainer_arguments import is_number


@dataclass(frozen=True)
class FitArguments:
    """Arguments of `Trainer.fit` other than the number of epochs; see there."""

    train: SequenceDataset
    validation: SequenceDataset | None
    batch_size: int
    progress: bool
    stopping: EarlyStopping | None
    checkpoint: str | Path | None
    checkpoint_every: float | None = None
    keep: int = KEEP

    def check(self, writes: bool = True) -> None:
        """Raise if an argument has the wrong type or value, or no file can be written at `checkpoint`.

        Parameters
        ----------
        writes : bool, default True
            Whether this process writes it.
        """
        check_dataset("train", self.train)
        if self.validation is not None:
            check_dataset("validation", self.validation)
        positive_int("batch_size", self.batch_size)
        flag("progress", self.progress)
        check_stopping(self.stopping)
        check_keep(self.keep)
        if self.checkpoint_every is not None:
            number("checkpoint_every", self.checkpoint_every, 0)
        if self.checkpoint is not None and writes:
            check_checkpoint_path(self.checkpoint)
        if self.checkpoint is None and self.checkpoint_every is not None:
            raise ValueError("checkpoint_every has no effect without a file: give checkpoint=FILE too")

    def with_classes_of(self, model: Sequential) -> "FitArguments":
        """Return a copy whose labels index the model's classes or, where it was never trained, those of `train`.

        Raises
        ------
        ValueError
            If there are classes that the model does not know, which are listed.
        """
        train = model.as_trained("train", self.train)
        classes = model.classes or train.classes
        names, validation = model.feature_names or train.feature_names, self.validation
        if validation is not None:
            check_tokenizer("validation", validation, model.tokenizer or train.tokenizer)
            validation = matched("validation", in_trained_order("validation", validation, names), classes)
        return replace(self, train=train, validation=validation)

    def check_columns(self, loss: Loss, schedule: Schedule | None) -> None:
        """Raise unless the columns that early stopping and the schedule monitor are those of the history."""
        columns = history_columns(loss.metric, self.validation is not None)
        if self.stopping is not None:
            check_monitor(self.stopping.monitor, columns)
        if schedule is not None:
            schedule.check_columns(columns)

    def check_task(self, model: Sequential, loss: Loss, stateful: bool) -> None:
        """Raise unless data, model and loss fit each other: one forward pass of one sequence of each dataset.

        Raises
        ------
        ValueError
            If they do not, or the state cannot be carried through a stream.
        """
        states = check_task("train", self.train, model, loss)
        if stateful:
            check_stream("train", self.train, model, self.batch_size)
            carried_states(states)
        if self.validation is not None:
            check_task("validation", self.validation, model, loss)


def check_stopping(stopping: Any) -> None:
    """Raise unless `stopping` is an `EarlyStopping` or None.

    Examples
    --------
    >>> check_stopping(5)
    Traceback (most recent call last):
    ValueError: stopping must be an EarlyStopping, got 5: give EarlyStopping(patience=5)
    """
    if stopping is None or isinstance(stopping, EarlyStopping):
        return
    advice = f"EarlyStopping(patience={stopping})" if is_number(stopping) else "EarlyStopping()"
    raise ValueError(f"stopping must be an EarlyStopping, got {stopping!r}: give {advice}")
