"""Parameters: one flat vector, and named views of it."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate, pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from rnnbp._checks import did_you_mean

Shape = tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Layout:
    """Where named arrays lie in a vector (P,); made once for the same names and shapes."""

    shapes: dict[str, Shape]
    places: dict[str, slice]
    spans: frozenset[tuple[int, int]]
    size: int


@lru_cache(maxsize=4096)
def layout_of(items: tuple[tuple[str, Shape], ...]) -> Layout:
    """One array after the other.

    Examples
    --------
    >>> layout_of((("w", (2, 3)), ("b", (2,)))).places
    {'w': slice(0, 6, None), 'b': slice(6, 8, None)}
    """
    sizes = [math.prod(shape) for _, shape in items]
    ends = list(accumulate(sizes, initial=0))
    places = {name: slice(lo, hi) for (name, _), lo, hi in zip(items, ends[:-1], ends[1:], strict=True)}
    return Layout(dict(items), places, frozenset(pairwise(ends)), ends[-1])


@lru_cache(maxsize=4096)
def scope_of(layout: Layout, prefix: str, suffix: str) -> tuple[Layout, slice]:
    """What `Parameters.scope` is a view of: the layout under the short names, and where it lies."""
    names = [n for n in layout.shapes if n.startswith(prefix) and n.endswith(suffix)]
    inner = layout_of(tuple((n[len(prefix) : len(n) - len(suffix)], layout.shapes[n]) for n in names))
    if not names:
        return inner, slice(0, 0)
    start, stop = layout.places[names[0]].start, layout.places[names[-1]].stop
    if stop - start != inner.size:
        raise ValueError(f"the parameters {prefix}...{suffix} do not lie next to each other: {', '.join(names)}")
    return inner, slice(start, stop)


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
        self._layout = layout_of(tuple((name, tuple(shape)) for name, shape in shapes.items()))
        self.vector = self._fitting(np.zeros(self._layout.size, dtype) if vector is None else vector)

    def _fitting(self, vector: np.ndarray) -> np.ndarray:
        if vector.shape != (self._layout.size,):
            raise ValueError(f"vector must have shape (P,) = ({self._layout.size},), got {vector.shape}")
        return vector

    @staticmethod
    def _over(layout: Layout, vector: np.ndarray) -> "Parameters":
        made = Parameters.__new__(Parameters)
        made._layout, made.vector = layout, vector
        return made

    @property
    def shapes(self) -> dict[str, Shape]:
        """The names, in the order in which they lie in the vector, and their shapes; not to be changed."""
        return self._layout.shapes

    @property
    def dtype(self) -> np.dtype:
        """Of all arrays."""
        return self.vector.dtype

    @property
    def size(self) -> int:
        """P, how many numbers there are."""
        return self._layout.size

    def __getitem__(self, name: str) -> np.ndarray:
        return self.vector[self._place(name)].reshape(self.shapes[name])

    def __setitem__(self, name: str, value: ArrayLike) -> None:
        value, here = np.asarray(value), self[name]
        if value.shape not in ((), here.shape):
            raise ValueError(f"parameter {name!r} has shape {here.shape}, got {value.shape}")
        here[...] = value

    def _place(self, name: str) -> slice:
        try:
            return self._layout.places[name]
        except KeyError:
            raise KeyError(f"no parameter {name!r}.{did_you_mean(name, self._layout.places)}") from None

    def __contains__(self, name: object) -> bool:
        return name in self._layout.places

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

    def add_product(self, name: str, a: np.ndarray, b: np.ndarray) -> None:
        """Add the matrix product a b to the array called `name`.

        Parameters
        ----------
        name : str
        a, b : ndarrays (J, n), (n, K)
            The array's shape is (J, K).

        Examples
        --------
        >>> p = Parameters({"w": (1, 2)})
        >>> p.add_product("w", np.ones((1, 3)), np.ones((3, 2)))
        >>> p["w"]
        array([[3., 3.]], dtype=float32)
        """
        view = self[name]
        view += a @ b

    def like(self, vector: np.ndarray) -> "Parameters":
        """The same names over another vector (P,), of any dtype, which is not copied."""
        return self._over(self._layout, self._fitting(vector))

    def zeros(self) -> "Parameters":
        """The same names over zeros."""
        return self.like(np.zeros_like(self.vector))

    def copy(self) -> "Parameters":
        """The same names over a copy of the vector."""
        return self.like(self.vector.copy())

    def astype(self, dtype: DTypeLike) -> "Parameters":
        """The same names over a copy of the vector in another dtype."""
        return self.like(self.vector.astype(dtype))

    def scope(self, prefix: str = "", suffix: str = "") -> "Parameters":
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
        layout, place = scope_of(self._layout, prefix, suffix)
        return self._over(layout, self.vector[place])

    def renamed(self, shapes: Mapping[str, Shape], start: int = 0) -> "Parameters":
        """Arrays that lie from a place of the vector on, under other names, over the same memory.

        Parameters
        ----------
        shapes : mapping of str to tuple of int
            In the order in which they lie there.
        start : int, default 0

        Raises
        ------
        ValueError
            If the vector ends before they do.

        Examples
        --------
        >>> p = Parameters({"w_l0": (2,), "w_l1": (3,)})
        >>> p.renamed({"w": (3,)}, start=2)["w"] += 1
        >>> p.vector
        array([0., 0., 1., 1., 1.], dtype=float32)
        """
        layout = layout_of(tuple(shapes.items()))
        if start + layout.size > self.size:
            raise ValueError(f"from {start} on there are {self.size - start} numbers, but shapes need {layout.size}")
        return self._over(layout, self.vector[start : start + layout.size])

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
