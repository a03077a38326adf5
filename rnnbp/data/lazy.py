"""Sequences that are loaded on access, with a cache of bounded size."""

import copy
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Self, overload

import numpy as np
from numpy.typing import ArrayLike

from rnnbp.runtime import as_array, function_of, natural_int, positive_int, refuses_by_name

Array = np.ndarray
MEMORY = 2**28  # bytes


@refuses_by_name
class LazySequences(Sequence[Array]):
    """Sequences that are loaded on access, so that more of them than fit in memory can be trained on.

    The sequences loaded first are cached until `memory` is full; the others are loaded at every access. An epoch
    accesses every sequence once, in a random order, so the sequence used last is needed last: of sequences that take
    twice the memory, this cache holds half, where one that evicts the least recently used would hit about a seventh.

    Parameters
    ----------
    load : callable
        ``load(i)`` returns sequence i, (T_i, F) or (T_i,), counted from 0.
    size : int
        N, the number of sequences.
    memory : int, default 2**28
        Bytes that the cache may take; 0 caches nothing, as for sequences that are random at each access.
    lengths : array_like (N,) of int, optional
        T_i, where they are known without loading. Default: every sequence is loaded once when they are first accessed.
    names : sequence of str, optional
        Name of each sequence in error messages: its file, for example. Default: its index.

    Raises
    ------
    ValueError
        If `lengths` or `names` are not N, or a number is out of range. On access: if a sequence's length is not the
        one given.

    See Also
    --------
    rnnbp.SequenceDataset : takes lazy sequences in place of a list.

    Examples
    --------
    >>> lazy = LazySequences(lambda place: np.full((place + 1, 2), place), size=3)
    >>> len(lazy), lazy[2].shape, lazy.cached_bytes
    (3, (3, 2), 48)
    >>> lazy.lengths
    array([1, 2, 3])
    """

    def __init__(
        self,
        load: Callable[[int], ArrayLike],
        size: int,
        memory: int = MEMORY,
        *,
        lengths: ArrayLike | None = None,
        names: Sequence[str] | None = None,
    ) -> None:
        self._cache = _Cache(function_of("load", load, 1), natural_int("memory", memory))
        self._places = np.arange(positive_int("size", size))
        self.names = [str(i) for i in range(size)] if names is None else list(names)
        self._lengths = None if lengths is None else as_array("lengths", lengths)
        for name, given in (("names", self.names), ("lengths", self._lengths)):
            if given is not None and np.shape(given)[:1] != (size,):
                raise ValueError(f"{name} must be one a sequence, {size}, got {np.size(given)}")
        known = self._lengths
        if known is not None and (known.ndim != 1 or known.dtype.kind not in "iu" or known.min() < 1):
            raise ValueError(f"lengths must be integers of 1 or more, got {known.dtype} of {known.shape}")

    @property
    def memory(self) -> int:
        """Bytes that the cache may take."""
        return self._cache.memory

    @property
    def cached_bytes(self) -> int:
        """Bytes of the sequences that are cached now."""
        return self._cache.bytes

    @property
    def known_lengths(self) -> Array | None:
        """T_i (N,), or None where they are not known without loading."""
        return self._lengths

    @property
    def lengths(self) -> Array:
        """T_i (N,); where they are not known, every sequence is loaded once."""
        if self._lengths is None:
            self._lengths = np.array([len(s) for s in self], np.int64)
        return self._lengths

    def __len__(self) -> int:
        return len(self._places)

    @overload
    def __getitem__(self, place: int) -> Array: ...
    @overload
    def __getitem__(self, place: slice) -> Self: ...
    def __getitem__(self, place: int | slice) -> Array | Self:
        if isinstance(place, slice):
            return self.chosen(np.arange(len(self))[place])
        return self._checked(place, self._cache.cached(int(self._places[place])))

    def uncached(self, place: int) -> Array:
        """Return one sequence without adding it to the cache, for a function whose result is cached instead.

        Examples
        --------
        >>> lazy = LazySequences(lambda place: np.zeros((4, 2)), size=3)
        >>> lazy.uncached(0).shape, lazy.cached_bytes
        ((4, 2), 0)
        """
        return self._checked(place, self._cache.uncached(int(self._places[place])))

    def _checked(self, place: int, sequence: Array) -> Array:
        """Return the sequence, or raise if its length is not the one given."""
        if self._lengths is not None and len(sequence) != self._lengths[place]:
            raise ValueError(
                f"sequence {place} ({self.names[place]}) has {len(sequence)} steps, but lengths says "
                f"{self._lengths[place]}"
            )
        return sequence

    def chosen(self, places: Sequence[int] | Array) -> Self:
        """Return a subset in the given order, which shares the cache.

        Examples
        --------
        >>> lazy = LazySequences(lambda place: np.full((1, 1), place), size=3)
        >>> [int(s[0, 0]) for s in lazy.chosen([2, 0])]
        [2, 0]
        """
        part = copy.copy(self)
        part._places = self._places[places]
        part.names = [self.names[i] for i in places]
        part._lengths = None if self._lengths is None else self._lengths[places]
        return part

    def map(self, function: Callable[[Array], ArrayLike]) -> "LazySequences":
        """Return lazy sequences to which `function` is applied on access; its results are cached, not its inputs.

        Examples
        --------
        >>> lazy = LazySequences(lambda place: np.ones((4, 2)), size=3)
        >>> doubled = lazy.map(lambda s: 2 * s)
        >>> float(doubled[0].sum()), doubled.cached_bytes, lazy.cached_bytes
        (16.0, 64, 0)
        """
        return LazySequences(partial(_mapped, self, function), len(self), self.memory, names=self.names)

    def cut(self, pieces: Sequence[tuple[int, int]], steps: int) -> "LazySequences":
        """Return pieces of at most `steps` steps, each given by the index of its sequence and its first step.

        Examples
        --------
        >>> lazy = LazySequences(lambda place: np.arange(5.0)[:, None], size=1)
        >>> [s[:, 0].tolist() for s in lazy.cut([(0, 0), (0, 3)], 3)]
        [[0.0, 1.0, 2.0], [3.0, 4.0]]
        """
        lengths = [min(steps, self.lengths[i] - start) for i, start in pieces]
        names = [f"{self.names[i]} from step {start}" for i, start in pieces]
        load = partial(_piece, self, pieces, steps)
        return LazySequences(load, len(pieces), self.memory, lengths=lengths, names=names)


def _mapped(base: LazySequences, function: Callable[[Array], ArrayLike], place: int) -> ArrayLike:
    return function(base.uncached(place))


def _piece(base: LazySequences, pieces: Sequence[tuple[int, int]], steps: int, place: int) -> Array:
    i, start = pieces[place]
    return base[i][start : start + steps]


class _Cache:
    """Loaded sequences, up to a number of bytes."""

    def __init__(self, load: Callable[[int], ArrayLike], memory: int) -> None:
        self.load, self.memory = load, memory
        self.arrays: dict[int, Array] = {}
        self.bytes = 0

    def uncached(self, place: int) -> Array:
        found = self.arrays.get(place)
        return np.asarray(self.load(place)) if found is None else found

    def cached(self, place: int) -> Array:
        found = self.uncached(place)
        if place not in self.arrays and self.bytes + found.nbytes <= self.memory:
            # A view would keep its base array in memory.
            self.arrays[place] = found = found if found.base is None else found.copy()
            self.bytes += found.nbytes
        return found

    def __getstate__(self) -> dict[str, Any]:
        """Return the state without the cached arrays, which another process loads by itself."""
        return vars(self) | {"arrays": {}, "bytes": 0}
