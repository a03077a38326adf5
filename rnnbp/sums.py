"""A gradient while it is summed up."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import DTypeLike

from rnnbp.params import Layout, Parameters, Shape, layout_of, scope_of
from rnnbp.workspace import empty


class _Part:
    """A vector (P,), where arrays lie in it, and where those that have not been written."""

    __slots__ = ("memory", "spans", "unwritten")

    def __init__(self, spans: frozenset[tuple[int, int]], size: int, dtype: np.dtype) -> None:
        self.memory, self.spans, self.unwritten = empty((size,), dtype), spans, set(spans)

    def begun(self, span: tuple[int, int]) -> bool:
        """Whether the array there has not been written; from now on it counts as such."""
        if span in self.unwritten:
            self.unwritten.remove(span)
            return True
        return False


class Sums(Parameters):
    """Zeros to which a gradient is added, without that they are written: an array's first product takes their place.

    To fill the memory of a wide net with zeros, to read them again and to add to them takes as long as a small batch's
    product itself. Whatever is looked at before it was added to, an array or the whole vector, is filled then.

    Several threads may add at once, each to a `part` of its own; these come together when the sums are looked at.

    Parameters
    ----------
    like : Parameters
        Whose names and shapes they have.
    dtype : dtype, optional
        Default: that of `like`.

    Examples
    --------
    >>> params = Parameters({"w": (2, 2), "b": (2,)})
    >>> sums = Sums(params)
    >>> sums.add_product("w", np.ones((2, 1)), np.ones((1, 2)))
    >>> sums.part(1)["b"] += 5
    >>> sums.vector
    array([1., 1., 1., 1., 5., 5.], dtype=float32)
    """

    def __init__(self, like: Parameters, dtype: DTypeLike | None = None) -> None:
        self._layout, self._start = like._layout, 0
        dtype = like.dtype if dtype is None else np.dtype(dtype)
        self._parts = [_Part(self._layout.spans, self._layout.size, dtype)]

    @classmethod
    def _of(cls, layout: Layout, start: int, parts: list[_Part]) -> "Sums":
        """What lies from `start` on in each of the parts."""
        made = cls.__new__(cls)
        made._layout, made._start, made._parts = layout, start, parts
        return made

    @property
    def dtype(self) -> np.dtype:
        """Of all arrays."""
        return self._parts[0].memory.dtype

    @property
    def vector(self) -> np.ndarray:
        """All of them (P,)."""
        if self._parts[0].unwritten or len(self._parts) > 1:
            for name in self.shapes:
                self[name]  # fills it
        return self._parts[0].memory[self._start : self._start + self.size]

    @vector.setter
    def vector(self, value: np.ndarray) -> None:
        self.vector[:] = value

    def __getitem__(self, name: str) -> np.ndarray:
        span = self._span(name)
        view = self._view(name, span)
        if self._parts[0].begun(span):
            view[...] = 0
        for part in self._parts[1:]:
            if span not in part.unwritten:
                view += part.memory[slice(*span)].reshape(view.shape)
                part.unwritten.add(span)
        return view

    def add_product(self, name: str, a: np.ndarray, b: np.ndarray) -> None:
        """As `Parameters.add_product`."""
        span = self._span(name)
        view = self._view(name, span)
        if self._parts[0].begun(span):
            np.matmul(a, b, out=view)
        else:
            view += a @ b

    def _span(self, name: str) -> tuple[int, int]:
        place = self._place(name)
        return self._start + place.start, self._start + place.stop

    def _view(self, name: str, span: tuple[int, int]) -> np.ndarray:
        return self._parts[0].memory[span[0] : span[1]].reshape(self._layout.shapes[name])

    def scope(self, prefix: str = "", suffix: str = "") -> "Sums":
        """As `Parameters.scope`: what is added there is added here."""
        layout, place = scope_of(self._layout, prefix, suffix)
        return self._of(layout, self._start + place.start, self._parts)

    def renamed(self, shapes: Mapping[str, Shape], start: int = 0) -> Parameters:
        """As `Parameters.renamed`; of these shapes each must be that of an array, or they are looked at here."""
        layout, begin = layout_of(tuple(shapes.items())), self._start + start
        if all((begin + lo, begin + hi) in self._parts[0].spans for lo, hi in layout.spans):
            return self._of(layout, begin, self._parts)
        return super().renamed(shapes, start)

    def part(self, k: int) -> Parameters:
        """What the k-th of several threads adds to, the first being the 0-th: apart until the sums are looked at."""
        while len(self._parts) <= k:
            first = self._parts[0]
            self._parts.append(_Part(first.spans, len(first.memory), first.memory.dtype))
        part, start = self._parts[k], self._start
        for lo, hi in self._layout.spans:
            if part.begun((start + lo, start + hi)):
                part.memory[start + lo : start + hi] = 0
        return self._over(self._layout, part.memory[start : start + self._layout.size])
