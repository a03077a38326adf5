"""Sequences in memory, with the interface of `rnnbp.data.LazySequences`."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike

Array = np.ndarray


class InMemorySequences(list[Array]):
    """List of sequences (T_i, F) or (T_i,) in memory.

    Examples
    --------
    >>> sequences = InMemorySequences([np.zeros((2, 1)), np.ones((3, 1))])
    >>> sequences.lengths, len(sequences.chosen([1])), sequences.map(lambda s: 2 * s)[1][0]
    (array([2, 3]), 1, array([2.]))
    """

    @property
    def lengths(self) -> Array:
        """T_i (N,)."""
        return np.array([len(s) for s in self])

    @property
    def known_lengths(self) -> Array | None:
        """T_i (N,), which are known without loading."""
        return self.lengths

    def chosen(self, places: Sequence[int] | Array) -> "InMemorySequences":
        """Return a subset in the given order."""
        return InMemorySequences(self[i] for i in places)

    def map(self, function: Callable[[Array], ArrayLike]) -> list[ArrayLike]:
        """Return the results of `function` for each sequence, not validated."""
        return [function(s) for s in self]

    def cut(self, pieces: Sequence[tuple[int, int]], steps: int) -> "InMemorySequences":
        """Return pieces of at most `steps` steps, each given by the index of its sequence and its first step."""
        return InMemorySequences(self[i][start : start + steps] for i, start in pieces)
