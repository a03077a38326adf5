"""Forced alignment: when each of the labels that are known was said, along the most probable path (Viterbi)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from rnnbp.decoding.greedy import checked_outputs
from rnnbp.decoding.lattice import Lattice, log_softmax
from rnnbp.label_sequences import LabelSequences

Array = np.ndarray


@dataclass(frozen=True)
class Alignment:
    """The most probable path that says the labels.

    Attributes
    ----------
    path : ndarray (T,) of int
        What it says at every step: a label or the blank.
    labels : ndarray (L,) of int
    starts, stops : ndarray (L,) of int
        Each label's first step, and one past its last. A net that learned by CTC says a label for few steps, often one,
        somewhere within the sound: starts are better known than stops.
    log_probability : float
        Of the path.
    """

    path: Array
    labels: Array
    starts: Array
    stops: Array
    log_probability: float

    def to_frame(self, seconds_per_step: float = 1.0, classes: Sequence[str] | None = None) -> pd.DataFrame:
        """A row a label: `label`, `start` and `stop`, in seconds if a step's are given.

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


def align(outputs: ArrayLike, labels: ArrayLike, blank: int = 0) -> Alignment:
    """When each of the labels was said, by the most probable of all paths that read as they do.

    Parameters
    ----------
    outputs : array_like (T, K)
        Of one sequence, before the softmax.
    labels : array_like (L,) of int
    blank : int, default 0

    Returns
    -------
    Alignment

    Raises
    ------
    ValueError
        If a label is the blank or not below K, or there are not steps enough, or no path has a probability above 0.

    References
    ----------
    G. D. Forney (1973), "The Viterbi algorithm", Proc. IEEE 61(3), 268-278, doi:10.1109/PROC.1973.9030, over the states
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
    states, log_probability = _best(log_softmax(y)[:, lattice.labels[0]], lattice.skips[0])
    if log_probability == -np.inf:
        raise ValueError("labels have no path with a probability above 0")
    said = states % 2 == 1
    places = states[said] // 2
    steps = np.flatnonzero(said)
    starts = steps[np.searchsorted(places, np.arange(len(wanted[0])), side="left")]
    stops = steps[np.searchsorted(places, np.arange(len(wanted[0])), side="right") - 1] + 1
    return Alignment(lattice.labels[0][states], wanted[0], starts, stops, log_probability)


def _best(emitted: Array, skips: Array) -> tuple[Array, float]:
    """The most probable way through the states, (T,), given the log-probability (T, S) of what each emits."""
    T, S = emitted.shape
    closed = np.where(skips, 0, -np.inf)
    came_from = np.zeros((T, S), np.int64)  # 0, 1 or 2 states before
    score = np.full(S, -np.inf)
    score[:2] = emitted[0, :2]
    ways = np.full((3, S), -np.inf)
    for t in range(1, T):
        ways[0], ways[1, 1:], ways[2, 2:] = score, score[:-1], score[:-2] + closed[2:]
        came_from[t] = ways.argmax(axis=0)
        score = ways.max(axis=0) + emitted[t]
    state = S - 1 if S == 1 or score[-1] >= score[-2] else S - 2
    best, states = float(score[state]), np.empty(T, np.int64)
    for t in range(T - 1, -1, -1):
        states[t] = state
        state -= came_from[t, state]
    return states, best
