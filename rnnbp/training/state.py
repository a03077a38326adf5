"""State of one training run, carried from epoch to epoch."""

from dataclasses import dataclass, field

import numpy as np

from rnnbp.metrics import Row
from rnnbp.training.early_stopping import Best, EarlyStopping

Array = np.ndarray


@dataclass
class TrainingState:
    """State of one training run: new at each `Trainer.fit`, continued only by `Trainer.resume`.

    The parameters, the optimizer's state, the random generator and the history belong to the trainer, and continue from
    one run to the next.

    Attributes
    ----------
    first : int
        Number of epochs in the history before this run: a schedule and early stopping count from there.
    best : Best
        Best epoch that early stopping has seen.
    ended : bool
        Whether early stopping has ended the run; the model then has the best epoch's parameters.

    Examples
    --------
    >>> TrainingState(first=12).best.vector is None
    True
    """

    first: int = 0
    best: Best = field(default_factory=Best)
    ended: bool = False

    def begin(self, stopping: EarlyStopping | None, epochs: int) -> None:
        """Discard the best of the `epochs` in the history if it was chosen by another column."""
        if stopping is not None and self.best.monitor != stopping.monitor:
            self.best = stopping.begin(epochs)

    def update(self, stopping: EarlyStopping | None, row: Row, vector: Array) -> None:
        """Take note of an epoch: whether it is the best so far, and whether the run ends."""
        if stopping is not None:
            self.ended = stopping.seen(self.best, row, vector)

    def restore_best(self, stopping: EarlyStopping | None, vector: Array) -> None:
        """Set the parameter vector to that of the best epoch, where there is one."""
        if stopping is not None and self.best.vector is not None and self.best.monitor == stopping.monitor:
            vector[:] = self.best.vector
