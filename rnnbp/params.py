"""Parameters: one flat vector, and named views of it."""

import math
from collections.abc import Iterator, Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from rnnbp._checks import did_you_mean

Shape = tuple[int, ...]


class Parameters:
    """All parameters of a model in one contiguous vector; every named array is a view of it.

    Views are made when they are asked for and never stored, so a copy of the object cannot hold arrays that
    have come loose from its vector. An optimizer is arithmetic on `vector`, a checkpoint is one array and
    `shapes`.

    Parameters
    ----------
    shapes : mapping of str to tuple of int
        The names, in the order in which they lie in the vector, and their shapes.
    vector : ndarray (P,), optional
        The memory to use, not copied. Default: zeros.
    dtype : dtype, default float32
        Of the zeros made where no vector is given.

    Raises
    ------
    ValueError
        If `vector` has not the shape (P,) that `shapes` add up to.

    Examples
    --------
    >>> p = Parameters({"w": (2, 3), "b": (2,)})
    >>> p["b"] = [1, 2]
    >>> p.vector
    array([0., 0., 0., 0., 0., 0., 1., 2.], dtype=float32)
    >>> p["w"][0, 0] = 5
    >>> float(p.vector[0])
    5.0
    """

    def __init__(
        self, shapes: Mapping[str, Shape], vector: np.ndarray | None = None, dtype: DTypeLike = np.float32
    ) -> None:
        self.shapes: dict[str, Shape] = {name: tuple(shape) for name, shape in shapes.items()}
        sizes = [math.prod(shape) for shape in self.shapes.values()]
        ends = np.cumsum([0, *sizes]).tolist()
        self._places = {name: slice(lo, hi) for name, lo, hi in zip(self.shapes, ends[:-1], ends[1:], strict=True)}
        if vector is None:
            vector = np.zeros(ends[-1], dtype)
        if vector.shape != (ends[-1],):
            raise ValueError(f"vector must have shape (P,) = ({ends[-1]},), got {vector.shape}")
        self.vector = vector

    @property
    def size(self) -> int:
        """P, how many numbers there are."""
        return self.vector.size

    def __getitem__(self, name: str) -> np.ndarray:
        return self.vector[self._place(name)].reshape(self.shapes[name])

    def __setitem__(self, name: str, value: ArrayLike) -> None:
        value = np.asarray(value)
        place = self._place(name)
        if value.shape not in ((), self.shapes[name]):
            raise ValueError(f"parameter {name!r} has shape {self.shapes[name]}, got {value.shape}")
        self.vector[place] = value.ravel() if value.shape else value

    def _place(self, name: str) -> slice:
        try:
            return self._places[name]
        except KeyError:
            raise KeyError(f"no parameter {name!r}.{did_you_mean(name, self._places)}") from None

    def __contains__(self, name: object) -> bool:
        return name in self._places

    def __iter__(self) -> Iterator[str]:
        return iter(self.shapes)

    def __len__(self) -> int:
        return len(self.shapes)

    def keys(self) -> Iterator[str]:
        """The names, in the vector's order."""
        return iter(self.shapes)

    def items(self) -> Iterator[tuple[str, np.ndarray]]:
        """The names and their views, in the vector's order."""
        return ((name, self[name]) for name in self.shapes)

    def place(self, name: str) -> slice:
        """Where the array called `name` lies in the vector.

        Examples
        --------
        >>> Parameters({"w": (2, 3), "b": (2,)}).place("b")
        slice(6, 8, None)
        """
        return self._place(name)

    def like(self, vector: np.ndarray) -> Self:
        """The same names over another vector (P,), of any dtype, which is not copied."""
        return type(self)(self.shapes, vector)

    def zeros(self) -> Self:
        """The same names over zeros."""
        return self.like(np.zeros_like(self.vector))

    def copy(self) -> Self:
        """The same names over a copy of the vector."""
        return self.like(self.vector.copy())

    def astype(self, dtype: DTypeLike) -> Self:
        """The same names over a copy of the vector in another dtype."""
        return self.like(self.vector.astype(dtype))

    def scope(self, prefix: str = "", suffix: str = "") -> Self:
        """The parameters whose names begin with `prefix` and end with `suffix`, both taken off, over the same
        memory.

        Raises
        ------
        ValueError
            If they do not lie next to each other in the vector.

        Examples
        --------
        >>> p = Parameters({"0.w": (2,), "1.w": (3,), "1.b": (1,)})
        >>> list(p.scope("1.")), p.scope("1.").size
        (['w', 'b'], 4)
        """
        names = [n for n in self.shapes if n.startswith(prefix) and n.endswith(suffix)]
        inner = {n[len(prefix) : len(n) - len(suffix)]: self.shapes[n] for n in names}
        if not names:
            return type(self)({}, self.vector[:0])
        start, stop = self._places[names[0]].start, self._places[names[-1]].stop
        if stop - start != sum(map(math.prod, inner.values())):
            raise ValueError(f"the parameters {prefix}...{suffix} do not lie next to each other: {', '.join(names)}")
        return type(self)(inner, self.vector[start:stop])

    def __eq__(self, other: Any) -> bool:
        return (
            isinstance(other, Parameters)
            and list(self.shapes.items()) == list(other.shapes.items())
            and np.array_equal(self.vector, other.vector)
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        rows = [f"  {name}: {shape}" for name, shape in self.shapes.items()]
        return "\n".join([f"Parameters: {self.size} {self.vector.dtype} numbers", *rows])
