"""Which of a vector's numbers are held at zero."""

import numpy as np


class Mask:
    """Which numbers of a vector (P,) may differ from zero: all of them, until some are held at zero.

    All views of a vector share its mask, each with its own place in it.

    Parameters
    ----------
    size : int
        P.

    Examples
    --------
    >>> mask = Mask(4)
    >>> mask.part(2, 2) is None
    True
    >>> mask.writable(2, 2)[:] = [True, False]
    >>> mask.part(0, 4)
    array([ True,  True,  True, False])
    """

    __slots__ = ("kept", "size")

    def __init__(self, size: int) -> None:
        self.size = size
        self.kept: np.ndarray | None = None

    def part(self, start: int, size: int) -> np.ndarray | None:
        """Of these numbers, as bools, to be read; None where nothing of the whole vector is held at zero."""
        return None if self.kept is None else self.kept[start : start + size]

    def writable(self, start: int, size: int) -> np.ndarray:
        """The same, to be changed."""
        if self.kept is None:
            self.kept = np.ones(self.size, bool)
        return self.kept[start : start + size]
