"""The checkpoints of one call of `Trainer.fit`: after every epoch, between two batches when it is time, on SIGTERM."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import numpy as np

from rnnbp.runtime import asked, deferred
from rnnbp.training.checkpoint import Checkpoint, write_checkpoint
from rnnbp.training.parallel.ranks import ONE_PROCESS, Ranks
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
    ranks : Ranks
        The processes that train together, of which the first writes.
    whole : callable
        ``whole(partial)`` returns what all of them have done of an epoch.
    """

    def __init__(
        self,
        path: str | Path | None,
        every: float | None,
        keep: int,
        rotation: Rotation,
        state: Callable[[PartialEpoch | None], Checkpoint],
        ranks: Ranks = ONE_PROCESS,
        whole: Callable[[PartialEpoch], PartialEpoch] = lambda partial: partial,
    ) -> None:
        self.ranks, self.whole = ranks, whole
        self.path, self.every, self.keep, self.rotation, self.state = path, every, keep, rotation, state
        self._last = time.monotonic()

    def write(self, partial: PartialEpoch | None = None) -> None:
        """Write a checkpoint, unless parameters are not finite: training cannot resume from these."""
        if self.path is None:
            return
        partial = None if partial is None else self.whole(partial)
        self.ranks.agreed("the checkpoint", lambda: self._write(partial) if self.ranks.first else None)
        self._last = time.monotonic()

    def _write(self, partial: PartialEpoch | None) -> None:
        assert self.path is not None
        found = self.state(partial)
        if np.isfinite(found.parameters).all():
            self.rotation.write(self.path, self.keep, lambda path: write_checkpoint(path, found))

    def after_batch(self, done: PartialEpoch) -> None:
        """Write a checkpoint if it is time or the program has been asked to end, which it then does."""
        due = self.every is not None and time.monotonic() - self._last >= self.every
        due, ends = self.ranks.wishes(due, asked())
        if due or ends:
            self.write(done)
        if ends:
            self.ranks.interrupt()

    def deferring(self) -> AbstractContextManager[None]:
        """Return a context in which an interruption waits for `after_batch` or for the end of the block.

        Only where checkpoints are written; else it takes effect at once.
        """
        return nullcontext() if self.path is None else deferred()
