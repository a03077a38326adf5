"""LazySequences: a list of sequences that are loaded when they are asked for, within a limit of memory."""

import copy
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Self, overload

import numpy as np
from numpy.typing import ArrayLike

from rnnbp.runtime import natural_int, positive_int

Array = np.ndarray
MEMORY = 2**28  # bytes


class LazySequences(Sequence[Array]):
    """Sequences that are loaded when they are asked for, so that more of them than fit in memory can be trained on.

    What is loaded first is held, until `memory` is full; the rest is loaded anew each time. An epoch asks for every
    sequence once, in an order of its own, so what was used last is needed last: of sequences twice the memory this
    finds half of them in it, where holding those of most recent use would find about a seventh.

    Parameters
    ----------
    load : callable
        ``load(place)`` gives the sequence (T_i, F) or (T_i,) of a place from 0.
    size : int
        N, how many there are.
    memory : int, default 2**28
        The most bytes of sequences to hold; 0 holds none, which is for what is drawn anew at each access.
    lengths : array_like (N,) of int, optional
        T_i, where they are known without loading. Default: counted by loading each once, when they are first asked for.
    names : sequence of str, optional
        What an error calls each sequence: its file, say.

    Raises
    ------
    ValueError
        If `lengths` or `names` are not N, or a number is out of range. When a sequence is asked for: if its length is
        not the one given.

    See Also
    --------
    rnnbp.SequenceDataset : takes them in place of a list.

    Examples
    --------
    >>> lazy = LazySequences(lambda place: np.full((place + 1, 2), place), size=3)
    >>> len(lazy), lazy[2].shape, lazy.held
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
        self._store = _Store(load, natural_int("memory", memory))
        self._places = np.arange(positive_int("size", size))
        self.names = [str(i) for i in range(size)] if names is None else list(names)
        self._lengths = None if lengths is None else np.asarray(lengths)
        for name, given in (("names", self.names), ("lengths", self._lengths)):
            if given is not None and len(given) != size:
                raise ValueError(f"{name} must be one a sequence, {size}, got {len(given)}")
        known = self._lengths
        if known is not None and (known.ndim != 1 or known.dtype.kind not in "iu" or known.min() < 1):
            raise ValueError(f"lengths must be integers of 1 or more, got {known.dtype} of {known.shape}")

    @property
    def memory(self) -> int:
        """The most bytes that are held."""
        return self._store.memory

    @property
    def held(self) -> int:
        """The bytes that are held now."""
        return self._store.bytes

    @property
    def known_lengths(self) -> Array | None:
        """T_i (N,), or None where they are not counted yet."""
        return self._lengths

    @property
    def lengths(self) -> Array:
        """T_i (N,); where they are not known yet, every sequence is loaded once, one after the other."""
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
        return self._as_known(place, self._store.kept(int(self._places[place])))

    def passing(self, place: int) -> Array:
        """One sequence, not held for it: for what makes something else of it and holds that.

        Examples
        --------
        >>> lazy = LazySequences(lambda place: np.zeros((4, 2)), size=3)
        >>> lazy.passing(0).shape, lazy.held
        ((4, 2), 0)
        """
        return self._as_known(place, self._store.passing(int(self._places[place])))

    def _as_known(self, place: int, sequence: Array) -> Array:
        """The sequence, unless it is not of the length that it was said to have."""
        if self._lengths is not None and len(sequence) != self._lengths[place]:
            raise ValueError(
                f"sequence {place} ({self.names[place]}) has {len(sequence)} steps, but lengths says "
                f"{self._lengths[place]}"
            )
        return sequence

    def chosen(self, places: Sequence[int] | Array) -> Self:
        """Some of them, in the order asked for, which hold what they load in common with these.

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
        """`function` applied to each sequence when it is asked for; what it gives is held, not what it was given.

        Examples
        --------
        >>> lazy = LazySequences(lambda place: np.ones((4, 2)), size=3)
        >>> doubled = lazy.map(lambda s: 2 * s)
        >>> float(doubled[0].sum()), doubled.held, lazy.held
        (16.0, 64, 0)
        """
        return LazySequences(partial(_mapped, self, function), len(self), self.memory, names=self.names)

    def cut(self, pieces: Sequence[tuple[int, int]], steps: int) -> "LazySequences":
        """Pieces of at most so many steps, each given by its sequence's place and its first step.

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
    return function(base.passing(place))


def _piece(base: LazySequences, pieces: Sequence[tuple[int, int]], steps: int, place: int) -> Array:
    i, start = pieces[place]
    return base[i][start : start + steps]


class _Store:
    """What was loaded, up to a number of bytes."""

    def __init__(self, load: Callable[[int], ArrayLike], memory: int) -> None:
        self.load, self.memory = load, memory
        self.held: dict[int, Array] = {}
        self.bytes = 0

    def passing(self, place: int) -> Array:
        found = self.held.get(place)
        return np.asarray(self.load(place)) if found is None else found

    def kept(self, place: int) -> Array:
        found = self.passing(place)
        if place not in self.held and self.bytes + found.nbytes <= self.memory:
            # A view would keep all that it looks at.
            self.held[place] = found = found if found.base is None else found.copy()
            self.bytes += found.nbytes
        return found

    def __getstate__(self) -> dict[str, Any]:
        """Another process is sent how to load, not what was loaded."""
        return vars(self) | {"held": {}, "bytes": 0}
