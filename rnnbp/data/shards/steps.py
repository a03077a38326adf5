"""What is one a step in shards, read on access: targets, weights and reset flags."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, overload

import numpy as np

Array = np.ndarray


@dataclass(frozen=True, eq=False)
class StepField(Sequence[Array]):
    """One array (T_i, ...) for each sequence, read from its shard on access.

    Attributes
    ----------
    load : callable
        ``load(place)`` returns the array of a sequence of the index.
    places : ndarray (N,) of int
        The sequences.
    dtype : dtype
    low, high : ndarray (N,) or (N, K), or None
        The least and the largest value of each sequence, which are known without reading it.
    new_of : ndarray (K + 1,) of int, or None
        Of labels: their numbers in other classes than those in which they were written.
    """

    load: Callable[[int], Array]
    places: Array
    dtype: np.dtype[Any]
    low: Array | None = None
    high: Array | None = None
    new_of: Array | None = None

    def __len__(self) -> int:
        return len(self.places)

    @overload
    def __getitem__(self, place: int) -> Array: ...
    @overload
    def __getitem__(self, place: slice | Array) -> "StepField": ...
    def __getitem__(self, place: int | slice | Array) -> "Array | StepField":
        if isinstance(place, int | np.integer):
            return self.converted(self.load(int(self.places[place])))
        low, high = (None if bound is None else bound[place] for bound in (self.low, self.high))
        return replace(self, places=self.places[place], low=low, high=high)

    @property
    def bounds(self) -> list[Array]:
        """The least and the largest value of each sequence, as an array of two steps."""
        if self.low is None or self.high is None:
            return list(self)
        return list(np.stack([self.low, self.high], axis=1))

    def renumbered(self, new_of: Array) -> "StepField":
        """Return labels k as ``new_of[k]``; the label -1, for none, is its last item."""
        low, high = np.full(len(self), new_of[:-1].min()), np.full(len(self), new_of[:-1].max())
        composed = new_of if self.new_of is None else new_of[self.new_of]
        return replace(self, new_of=composed, low=low, high=high)

    def converted(self, values: Array) -> Array:
        """Return what a shard holds of a sequence as the dataset has it."""
        return values if self.new_of is None else self.new_of[values]
