"""The states that an alignment of labels with time goes through: labels with blanks between and around them."""

from dataclasses import dataclass

import numpy as np

from rnnbp.label_sequences import LabelSequences

Array = np.ndarray


@dataclass(frozen=True)
class Lattice:
    """A chain of S = 2 L + 1 states for each of B label sequences: blank, label, blank, ..., label, blank.

    From step to step an alignment stays in its state, goes on to the next one or, from label to label, over the blank
    between them, unless both labels are the same (Graves et al. 2006, section 4.1). It begins in one of the first two
    states and ends in one of the last two.

    Attributes
    ----------
    labels : ndarray (B, S) of int
        What each state emits; the blank past a chain's end.
    states : ndarray (B,) of int
        Each chain's S.
    skips : ndarray (B, S) of bool
        Where a state may be reached from two before.
    steps_needed : ndarray (B,) of int
        The fewest steps an alignment takes: a label each, and a blank between two that are the same.

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
        """The chains of these label sequences."""
        padded = targets.padded(blank)
        labels = np.full((len(padded), 2 * padded.shape[1] + 1), blank)
        labels[:, 1::2] = padded
        skips = np.zeros(labels.shape, bool)
        skips[:, 3::2] = (padded[:, 1:] != padded[:, :-1]) & (padded[:, 1:] != blank)
        there = np.arange(1, padded.shape[1]) < targets.lengths[:, None]
        repeated = ((padded[:, 1:] == padded[:, :-1]) & there).sum(axis=1)
        return cls(labels, 2 * targets.lengths + 1, skips, targets.lengths + repeated)

    @property
    def turned_states(self) -> Array:
        """(B, S): the chains from end to beginning, as places in them; what is past their ends stays there."""
        s = np.arange(self.labels.shape[1])
        return np.where(s < self.states[:, None], self.states[:, None] - 1 - s, s)

    @property
    def turned_skips(self) -> Array:
        """(B, S): where the turned chains' states may be reached from two before."""
        skips = np.zeros_like(self.skips)
        skips[:, 2:] = np.take_along_axis(self.skips, self.turned_states[:, :-2], axis=1)
        return skips


def log_softmax(outputs: Array) -> Array:
    """Log-probabilities over the last axis, in float64 or complex128.

    Examples
    --------
    >>> np.exp(log_softmax(np.log([[1.0, 3.0]])))
    array([[0.25, 0.75]])
    """
    z = outputs.astype(np.result_type(outputs, np.float64))
    z -= z.real.max(axis=-1, keepdims=True)
    z -= np.log(np.exp(z).sum(axis=-1, keepdims=True))
    return z
