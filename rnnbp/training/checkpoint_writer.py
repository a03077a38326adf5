"""The checkpoints of one call of `Trainer.fit`: after every epoch, between two batches when it is time, on SIGTERM."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import numpy as np

from rnnbp.runtime import asked, deferred, raise_if_asked
from rnnbp.training.checkpoint import Checkpoint, write_checkpoint
from rnnbp.training.partial_epoch import PartialEpoch
from rnnbp.training.rotation import Rotation


class CheckpointWriter:
    """Writer of the checkpoints of one call of `Trainer.fit`.

    Parameters
    ----------
    path : str or Path, optional
        Default: nothing is written.
    every : float, optional
        Seconds after the last checkpoint when one is written between two batches. Default: never.
    keep : int
        Number of files.
    rotation : Rotation
    state : callable
        ``state(partial)`` returns the checkpoint of the trainer, in a part of an epoch or, with None, after one.
    """

    def __init__(
        self,
        path: str | Path | None,
        every: float | None,
        keep: int,
        rotation: Rotation,
        state: Callable[[PartialEpoch | None], Checkpoint],
    ) -> None:
        self.path, self.every, self.keep, self.rotation, self.state = path, every, keep, rotation, state
        self._last = time.monotonic()

    def write(self, partial: PartialEpoch | None = None) -> None:
        """Write a checkpoint, unless parameters are not finite: training cannot resume from these."""
        if self.path is None:
            return
        found = self.state(partial)
        if np.isfinite(found.parameters).all():
            self.rotation.write(self.path, self.keep, lambda path: write_checkpoint(path, found))
        self._last = time.monotonic()

    def after_batch(self, done: PartialEpoch) -> None:
        """Write a checkpoint if it is time or the program has been asked to end, which it then does."""
        due = self.every is not None and time.monotonic() - self._last >= self.every
        if self.path is not None and (due or asked()):
            self.write(done)
        raise_if_asked()

    def deferring(self) -> AbstractContextManager[None]:
        """Return a context in which an interruption waits for `after_batch` or for the end of the block.

        Only where checkpoints are written; else it takes effect at once.
        """
        return nullcontext() if self.path is None else deferred()
