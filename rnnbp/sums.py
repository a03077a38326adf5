"""A gradient while it is summed up."""

from typing import Self

import numpy as np

from rnnbp.params import Parameters, scope_of
from rnnbp.workspace import empty


class Sums(Parameters):
    """Zeros to which a gradient is added, without that they are written: an array's first product takes their place.

    To fill the memory of a wide net with zeros, to read them again and to add to them takes as long as a small batch's
    product itself. Whatever is looked at before it was added to, an array or the whole vector, is filled then.

    Parameters
    ----------
    like : Parameters
        Whose names, shapes and dtype they have.

    Examples
    --------
    >>> params = Parameters({"w": (2, 2), "b": (2,)})
    >>> sums = Sums(params)
    >>> sums.add_product("w", np.ones((2, 1)), np.ones((1, 2)))
    >>> sums.vector
    array([1., 1., 1., 1., 0., 0.], dtype=float32)
    """

    def __init__(self, like: Parameters) -> None:
        self._layout, self._memory = like._layout, empty(like.vector.shape, like.vector.dtype)
        self._start, self._unwritten = 0, set(self._layout.spans)  # of the whole vector, whichever scope of it this is

    @property
    def vector(self) -> np.ndarray:
        """All of them (P,)."""
        for name in self.shapes if self._unwritten else ():
            self[name]  # fills it
        return self._memory

    @vector.setter
    def vector(self, value: np.ndarray) -> None:
        self.vector[:] = value

    def __getitem__(self, name: str) -> np.ndarray:
        view, written = self._view(name)
        if not written:
            view[...] = 0
        return view

    def add_product(self, name: str, a: np.ndarray, b: np.ndarray) -> None:
        """As `Parameters.add_product`."""
        view, written = self._view(name)
        if written:
            view += a @ b
        else:
            np.matmul(a, b, out=view)

    def _view(self, name: str) -> tuple[np.ndarray, bool]:
        """The array, and whether it had been written; from now on it counts as such."""
        place = self.place(name)
        span = (self._start + place.start, self._start + place.stop)
        written = span not in self._unwritten
        self._unwritten.discard(span)
        return self._memory[place].reshape(self.shapes[name]), written

    def scope(self, prefix: str = "", suffix: str = "") -> Self:
        """As `Parameters.scope`: what is written there is written here."""
        layout, place = scope_of(self._layout, prefix, suffix)
        made = type(self).__new__(type(self))
        made._layout, made._memory = layout, self._memory[place]
        made._start, made._unwritten = self._start + place.start, self._unwritten
        return made
