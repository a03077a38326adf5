"""Result of one run of a sweep: a trial trained with one seed."""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from rnnbp.metrics import Row


@dataclass(frozen=True)
class RunResult:
    """Result of a trial trained with one seed.

    Attributes
    ----------
    trial, seed : int
    status : {'ok', 'pruned', 'diverged', 'failed'}
        A run diverged if a loss, a gradient or the score was not finite; it failed if anything else raised an error.
    score : float
        NaN unless it is ok or pruned.
    best_epoch : int
        The epoch of the score and the parameters; 0 where there is none.
    error : str
        What went wrong: of a failed run the traceback.
    rows : list of dict
        The history, a row an epoch.
    parameters : ndarray (P,), or None
    pruning : dict
        What the pruner notes of the run.

    Examples
    --------
    >>> RunResult(0, 1, "failed", error="Traceback ...").seconds
    0.0
    """

    trial: int
    seed: int
    status: str
    score: float = float("nan")
    best_epoch: int = 0
    error: str = ""
    rows: list[Row] = field(default_factory=list)
    parameters: np.ndarray | None = None
    pruning: dict[str, Any] = field(default_factory=dict)

    @property
    def epochs_trained(self) -> int:
        """Number of epochs in the history."""
        return len(self.rows)

    @property
    def seconds(self) -> float:
        """Seconds of training, without evaluation."""
        return float(sum(row["seconds"] for row in self.rows))

    def without_parameters(self) -> "RunResult":
        """Return a copy without the parameters, which stay in the folder."""
        return replace(self, parameters=None)
