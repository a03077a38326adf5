"""The checkpoints of one call of `Trainer.fit`: after every epoch, between two batches when it is time, on SIGTERM."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import numpy as np

from rnnbp.runtime import asked, deferred
from rnnbp.training.checkpoint import Checkpoint, write_checkpoint
from rnnbp.training.fit_arguments import FitArguments
from rnnbp.training.parallel.partial_epochs import whole_epoch
from rnnbp.training.parallel.ranks import Ranks
from rnnbp.training.partial_epoch import PartialEpoch
from rnnbp.training.rotation import Rotation


class CheckpointWriter:
    """Writer of the checkpoints of one call of `Trainer.fit`.

    Parameters
    ----------
    given : FitArguments
        `checkpoint`, without which nothing is written, `checkpoint_every`, `keep`, and the rows of a stream, which are
        its `batch_size`.
    rotation : Rotation
    state : callable
        ``state(partial)`` returns the checkpoint of the trainer, in a part of an epoch or, with None, after one.
    ranks : Ranks
        The processes that train together, of which the first writes.
    """

    def __init__(
        self, given: FitArguments, rotation: Rotation, state: Callable[[PartialEpoch | None], Checkpoint], ranks: Ranks
    ) -> None:
        self.path, self.every, self.keep = given.checkpoint, given.checkpoint_every, given.keep
        self.batch_size, self.rotation, self.state, self.ranks = given.batch_size, rotation, state, ranks
        self._last = time.monotonic()

    def write(self, partial: PartialEpoch | None = None) -> None:
        """Write a checkpoint, unless parameters are not finite: training cannot resume from these."""
        if self.path is None:
            return
        whole = None if partial is None else whole_epoch(self.ranks, self.batch_size, partial)
        path = self.path

        def write_whole() -> None:
            found = self.state(whole)
            if np.isfinite(found.parameters).all():
                self.rotation.write(path, self.keep, lambda path: write_checkpoint(path, found))

        self.ranks.agreed("the checkpoint", write_whole if self.ranks.first else lambda: None)
        self._last = time.monotonic()

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
