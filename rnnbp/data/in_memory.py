"""HeldSequences: a list of sequences in memory, with what `rnnbp.data.LazySequences` does too."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike

Array = np.ndarray


class HeldSequences(list[Array]):
    """Sequences (T_i, F) or (T_i,) in memory.

    Examples
    --------
    >>> held = HeldSequences([np.zeros((2, 1)), np.ones((3, 1))])
    >>> held.lengths, len(held.chosen([1])), held.map(lambda s: 2 * s)[1][0]
    (array([2, 3]), 1, array([2.]))
    """

    @property
    def lengths(self) -> Array:
        """T_i (N,)."""
        return np.array([len(s) for s in self])

    @property
    def known_lengths(self) -> Array | None:
        """The same, since nothing has to be loaded for it."""
        return self.lengths

    def chosen(self, places: Sequence[int] | Array) -> "HeldSequences":
        """Some of them, in the order asked for."""
        return HeldSequences(self[i] for i in places)

    def map(self, function: Callable[[Array], ArrayLike]) -> list[ArrayLike]:
        """`function` applied to each; not looked at yet."""
        return [function(s) for s in self]

    def cut(self, pieces: Sequence[tuple[int, int]], steps: int) -> "HeldSequences":
        """Pieces of at most so many steps, each given by its sequence's place and its first step."""
        return HeldSequences(self[i][start : start + steps] for i, start in pieces)
