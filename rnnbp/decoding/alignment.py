"""Forced alignment of known labels along the most probable path, by the Viterbi algorithm."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from rnnbp.data import LabelSequences
from rnnbp.decoding.best_path import checked_outputs
from rnnbp.decoding.lattice import Lattice, log_softmax
from rnnbp.runtime import refuses_by_name

Array = np.ndarray


@dataclass(frozen=True)
class Alignment:
    """Forced alignment: the most probable path that collapses to the labels.

    Attributes
    ----------
    path : ndarray (T,) of int
        The label or blank at each step.
    labels : ndarray (L,) of int
    starts, stops : ndarray (L,) of int
        Each label's first step, and one past its last. A network trained by CTC emits a label at few steps, often one,
        somewhere within the sound: starts are more reliable than stops.
    log_probability : float
        Log-probability of the path.
    """

    path: Array
    labels: Array
    starts: Array
    stops: Array
    log_probability: float

    @refuses_by_name
    def to_frame(self, seconds_per_step: float = 1.0, classes: Sequence[str] | None = None) -> pd.DataFrame:
        """Return a table with a row for each label: `label`, `start` and `stop` [s, or steps by default].

        Parameters
        ----------
        seconds_per_step : float, default 1.0
        classes : sequence of str (K,), optional
            Names of the labels.

        Returns
        -------
        DataFrame

        Examples
        --------
        >>> align(np.eye(3)[[0, 2, 2, 1]], [2, 1]).to_frame(0.01, classes=["", "six", "two"])
          label  start  stop
        0   two   0.01  0.03
        1   six   0.03  0.04
        """
        names: Any = self.labels if classes is None else [classes[k] for k in self.labels]
        return pd.DataFrame(
            {"label": names, "start": self.starts * seconds_per_step, "stop": self.stops * seconds_per_step}
        )


@refuses_by_name
def align(outputs: ArrayLike, labels: ArrayLike, blank: int = 0) -> Alignment:
    """Align labels with outputs along the most probable path that collapses to them (forced alignment).

    Parameters
    ----------
    outputs : array_like (T, K)
        Outputs of one sequence, before the softmax.
    labels : array_like (L,) of int
    blank : int, default 0

    Returns
    -------
    Alignment

    Raises
    ------
    ValueError
        If a label is the blank or not below K, if there are too few steps, or if every path has probability 0.

    References
    ----------
    G. D. Forney (1973), "The Viterbi algorithm", Proc. IEEE 61(3), 268-278, doi:10.1109/PROC.1973.9030, on the states
    of A. Graves et al. (2006), section 4.1, doi:10.1145/1143844.1143891

    Examples
    --------
    >>> found = align(np.eye(3)[[0, 1, 1, 0, 1, 2]], [1, 1, 2])
    >>> found.path, found.starts, found.stops
    (array([0, 1, 1, 0, 1, 2]), array([1, 4, 5]), array([3, 5, 6]))
    """
    y = checked_outputs(outputs, blank)
    wanted = LabelSequences([np.asarray(labels)])
    wrong = (wanted[0] >= y.shape[1]) | (wanted[0] == blank)
    if wrong.any():
        taken = f"below K = {y.shape[1]} and not the blank, {blank}"
        raise ValueError(f"labels must be {taken}, got {wanted[0][wrong][0]}")
    lattice = Lattice.of(wanted, blank)
    if lattice.steps_needed[0] > len(y):
        raise ValueError(f"labels need {lattice.steps_needed[0]} steps, outputs have {len(y)}")
    states, log_probability = _viterbi(log_softmax(y)[:, lattice.labels[0]], lattice.skips[0])
    if log_probability == -np.inf:
        raise ValueError("labels have no path with a probability above 0")
    emits_label = states % 2 == 1
    positions = states[emits_label] // 2
    steps = np.flatnonzero(emits_label)
    starts = steps[np.searchsorted(positions, np.arange(len(wanted[0])), side="left")]
    stops = steps[np.searchsorted(positions, np.arange(len(wanted[0])), side="right") - 1] + 1
    return Alignment(lattice.labels[0][states], wanted[0], starts, stops, log_probability)


def _viterbi(emitted: Array, skips: Array) -> tuple[Array, float]:
    """Return the most probable state sequence (T,) and its log-probability, given log emission probabilities (T, S)."""
    T, S = emitted.shape
    skip_score = np.where(skips, 0, -np.inf)
    back_pointers = np.zeros((T, S), np.int64)  # 0, 1 or 2: how many states before
    score = np.full(S, -np.inf)
    score[:2] = emitted[0, :2]
    candidates = np.full((3, S), -np.inf)
    for t in range(1, T):
        candidates[0], candidates[1, 1:], candidates[2, 2:] = score, score[:-1], score[:-2] + skip_score[2:]
        back_pointers[t] = candidates.argmax(axis=0)
        score = candidates.max(axis=0) + emitted[t]
    state = S - 1 if S == 1 or score[-1] >= score[-2] else S - 2
    best, states = float(score[state]), np.empty(T, np.int64)
    for t in range(T - 1, -1, -1):
        states[t] = state
        state -= back_pointers[t, state]
    return states, best
