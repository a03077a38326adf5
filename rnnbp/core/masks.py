"""Mask of the entries of a vector that are fixed at zero, and of those that are frozen at their values."""

import numpy as np


class Mask:
    """Mask of a vector (P,): False where an entry is fixed at zero; None, and no memory, until one is.

    `frozen` is True where an entry is fixed at the value that it has; None until one is.

    All views of a vector share its mask, each with its own offset.

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

    __slots__ = ("frozen", "size", "values")

    def __init__(self, size: int) -> None:
        self.size = size
        self.values: np.ndarray | None = None
        self.frozen: np.ndarray | None = None

    def part(self, start: int, size: int) -> np.ndarray | None:
        """Return the mask of `size` entries from `start`, to be read; None where no entry of the vector is fixed."""
        return None if self.values is None else self.values[start : start + size]

    def writable(self, start: int, size: int) -> np.ndarray:
        """Return the mask of `size` entries from `start`, to be written; it is created where there is none."""
        if self.values is None:
            self.values = np.ones(self.size, bool)
        return self.values[start : start + size]

    def frozen_part(self, start: int, size: int) -> np.ndarray | None:
        """Return which of `size` entries from `start` are frozen, to be read; None where none of the vector is."""
        return None if self.frozen is None else self.frozen[start : start + size]

    def set_frozen(self, start: int, frozen: np.ndarray) -> None:
        """Freeze the entries from `start` where `frozen` is True, and no others of them."""
        if self.frozen is None:
            self.frozen = np.zeros(self.size, bool)
        self.frozen[start : start + len(frozen)] = frozen
        if not self.frozen.any():
            self.frozen = None
