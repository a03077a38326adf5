"""The CTC lattice: label sequences extended by blanks, and the transitions between their states."""

from dataclasses import dataclass

import numpy as np

from rnnbp.data import LabelSequences

Array = np.ndarray


@dataclass(frozen=True)
class Lattice:
    """Chains of S = 2 L + 1 states for B label sequences: blank, label, blank, ..., label, blank.

    At each step an alignment stays in its state, moves to the next state, or skips the blank between two different
    labels (Graves et al. 2006, section 4.1). It starts in one of the first two states and ends in one of the last two.

    Attributes
    ----------
    labels : ndarray (B, S) of int
        The symbol emitted by each state; the blank past a chain's end.
    states : ndarray (B,) of int
        Number of states of each chain.
    skips : ndarray (B, S) of bool
        Whether a state can be reached from the state two before.
    steps_needed : ndarray (B,) of int
        Minimum number of steps of an alignment: one for each label, and one for the blank between equal labels.

    Examples
    --------
    >>> lattice = Lattice.of(LabelSequences([[2, 2, 1], []]), blank=0)
    >>> lattice.labels[0], lattice.skips[0].astype(int)
    (array([0, 2, 0, 2, 0, 1, 0]), array([0, 0, 0, 0, 0, 1, 0]))
    >>> lattice.states, lattice.steps_needed
    (array([7, 1]), array([4, 0]))
    """

    labels: Array
    states: Array
    skips: Array
    steps_needed: Array

    @classmethod
    def of(cls, targets: LabelSequences, blank: int) -> "Lattice":
        """Return the chains of label sequences."""
        padded = targets.padded(blank)
        labels = np.full((len(padded), 2 * padded.shape[1] + 1), blank)
        labels[:, 1::2] = padded
        skips = np.zeros(labels.shape, bool)
        skips[:, 3::2] = (padded[:, 1:] != padded[:, :-1]) & (padded[:, 1:] != blank)
        unpadded = np.arange(1, padded.shape[1]) < targets.lengths[:, None]
        repeated = ((padded[:, 1:] == padded[:, :-1]) & unpadded).sum(axis=1)
        return cls(labels, 2 * targets.lengths + 1, skips, targets.lengths + repeated)

    @property
    def reversed_states(self) -> Array:
        """Indices (B, S) that reverse each chain; padding states stay in place."""
        s = np.arange(self.labels.shape[1])
        return np.where(s < self.states[:, None], self.states[:, None] - 1 - s, s)

    @property
    def reversed_skips(self) -> Array:
        """`skips` of the reversed chains, (B, S)."""
        skips = np.zeros_like(self.skips)
        skips[:, 2:] = np.take_along_axis(self.skips, self.reversed_states[:, :-2], axis=1)
        return skips


def log_softmax(outputs: Array) -> Array:
    """Return the logarithm of the softmax over the last axis, in float64 or complex128.

    Examples
    --------
    >>> np.exp(log_softmax(np.log([[1.0, 3.0]])))
    array([[0.25, 0.75]])
    """
    z = outputs.astype(np.result_type(outputs, np.float64))
    z -= z.real.max(axis=-1, keepdims=True)
    z -= np.log(np.exp(z).sum(axis=-1, keepdims=True))
    return z
