"""Early stopping, which restores the parameters of the best epoch."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from rnnbp.metrics import check_monitor, less_is_better
from rnnbp.runtime import number, of_type, positive_int

Array = np.ndarray


@dataclass
class Best:
    """Best epoch so far.

    Attributes
    ----------
    value : float
        Monitored value of that epoch, negated where more is better.
    epoch : int
    vector : ndarray (P,), optional
        Parameters after that epoch.
    monitor : str
        Column of the history by which it is the best.
    """

    value: float = np.inf
    epoch: int = 0
    vector: Array | None = None
    monitor: str = ""


@dataclass(frozen=True)
class EarlyStopping:
    """Stop when `monitor` has not improved for `patience` epochs, and restore the best epoch's parameters.

    Parameters
    ----------
    patience : int, default 10
        Epochs without improvement after which training ends.
    monitor : str, default 'validation_loss'
        A column of the history. Less is better for losses, error rates, gradient norm and seconds; more for scores.
    least : float, default 0
        Smallest improvement that counts.

    Raises
    ------
    ValueError
        If `patience` is not a positive integer or `least` negative; when training, if there is no such column.

    References
    ----------
    L. Prechelt (1998), "Early stopping - but when?", doi:10.1007/3-540-49430-8_3

    Examples
    --------
    >>> rule, vector = EarlyStopping(patience=2, monitor="loss"), np.zeros(1)
    >>> best = rule.begin()
    >>> [rule.seen(best, {"epoch": n, "loss": loss}, vector) for n, loss in enumerate([3, 2, 4, 5], 1)]
    [False, False, False, True]
    >>> best.epoch
    2
    """

    patience: int = 10
    monitor: str = "validation_loss"
    least: float = 0.0

    def __post_init__(self) -> None:
        positive_int("patience", self.patience)
        of_type("monitor", self.monitor, str)
        number("least", self.least, 0)

    def begin(self, epoch: int = 0) -> Best:
        """Return the state before any improvement, after `epoch` epochs."""
        return Best(epoch=epoch, monitor=self.monitor)

    def seen(self, best: Best, row: Mapping[str, float], vector: Array) -> bool:
        """Update `best` with the history row of an epoch; return whether to stop."""
        check_monitor(self.monitor, row)
        value, epoch = row[self.monitor] * (1 if less_is_better(self.monitor) else -1), int(row["epoch"])
        if value < best.value - self.least:
            best.value, best.epoch, best.vector = value, epoch, vector.copy()
        return epoch - best.epoch >= self.patience
