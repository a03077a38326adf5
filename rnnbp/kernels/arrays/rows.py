"""Packed rows: the steps of sequences of different lengths, without padding."""

import numpy as np

from rnnbp.kernels.blocks import BLOCK, packed_blocks
from rnnbp.kernels.packing import unpack
from rnnbp.runtime import empty

Array = np.ndarray

ROWS = 512  # of a block, about
NUMBERS = {np.dtype(t): (np.array(1, t), np.array(0.5, t)) for t in (np.float32, np.float64)}


class Rows:
    """The rows of B sequences over T steps, step after step, without padding: N of them.

    Parameters
    ----------
    active : ndarray (T,)
        The number of active sequences at each step, which are the first ones; non-increasing.
    batch_size, size : int
        B and H, the number of units.
    dtype : dtype

    Examples
    --------
    >>> rows = Rows(np.array([2, 1, 0]), 2, 5, np.dtype(np.float32))
    >>> rows.count, [step.tolist() for step in rows.steps(np.arange(3)[:, None])]
    (3, [[[0], [1]], [[2]]])
    """

    def __init__(self, active: Array, batch_size: int, size: int, dtype: np.dtype) -> None:
        self.size, self.dtype = size, dtype
        self._all, self.active = active, active[: np.count_nonzero(active)]
        self.batch_size = batch_size
        self.count = int(self.active.sum())
        self.full = self.count == len(self.active) * batch_size

    def steps(self, a: Array) -> list[Array]:
        """Return each step's part (..., n, K) of packed rows (..., N, K)."""
        if self.full:  # equal to what follows, in a fraction of its time
            whole = a.reshape(*a.shape[:-2], len(self.active), self.batch_size, a.shape[-1])
            return list(whole.swapaxes(0, -3))
        ends, lead = np.cumsum(self.active).tolist(), (slice(None),) * (a.ndim - 2)
        return [a[(*lead, slice(end - n, end))] for n, end in zip(self.active.tolist(), ends, strict=True)]

    @property
    def numbers(self) -> tuple[Array, Array, Array]:
        """1 and 1/2 as arrays, which NumPy handles in half the time of Python's numbers; and zeros (H,)."""
        return NUMBERS[self.dtype] + (np.zeros(self.size, self.dtype),)

    def packed(self, count: int) -> Array:
        """Allocate `count` arrays (N, H)."""
        return empty((count, self.count, self.size), self.dtype)

    def delta(self, count: int) -> tuple[Array, Array]:
        """Allocate rows (N, G H), and return also a view of their columns, (G, N, H)."""
        delta = empty((self.count, count * self.size), self.dtype)
        return delta, delta.reshape(-1, count, self.size).swapaxes(0, 1)

    def scratch(self) -> Array:
        """Allocate memory for one step, (B, H)."""
        return empty((self.batch_size, self.size), self.dtype)

    def each(self, a: Array) -> list[Array]:
        """Return for each step the active part of an array (..., B, H) that all steps use."""
        if self.full:
            return [a] * len(self.active)
        return [a[..., :n, :] for n in self.active.tolist()]

    def stack(self, count: int) -> Array:
        """Allocate memory for one step, (G, B, H)."""
        return empty((count, self.batch_size, self.size), self.dtype)

    def stacks(self, count: int) -> list[Array]:
        """Allocate for each step (G, n, H): contiguous arrays (n, H)."""
        memory = empty((self.count, count, self.size), self.dtype)
        if self.full:
            return list(memory.reshape(len(self.active), count, self.batch_size, self.size))
        return [a.reshape(count, len(a), self.size) for a in np.split(memory, np.cumsum(self.active)[:-1])]

    def padded(self, steps: int) -> Array:
        """Allocate an array (steps, B, H), of zeros if there is any padding."""
        array = empty((steps, self.batch_size, self.size), self.dtype)
        if self.count < len(self._all) * self.batch_size:
            array[...] = 0
        return array

    def active_parts(self, y: Array) -> list[Array]:
        """Return each step's active part (n, K) of an array (T, B, K)."""
        y = y[: len(self.active)]
        return list(y) if self.full else [y_t[:n] for n, y_t in zip(self.active.tolist(), y, strict=True)]

    def blocks(self) -> list[tuple[slice, slice, "Rows"]]:
        """Return the blocks in order: the steps, the rows among all, and `Rows` of the block alone.

        A block is halved until its rows fit the cache.
        """
        size = BLOCK
        while size > 1 and size * self.batch_size > ROWS:
            size //= 2
        found = packed_blocks(self.active, size)
        return [
            (steps, here, Rows(self.active[steps], self.batch_size, self.size, self.dtype)) for steps, here in found
        ]

    def pack(self, y: Array) -> Array:
        """Return the rows (N, K) of an array (T, B, K); a view where nothing is padding."""
        if self.full:
            return y[: len(self.active)].reshape(self.count, y.shape[-1])
        return np.concatenate(self.active_parts(y))

    def unpack(self, packed: Array) -> Array:
        """Return rows (N, K) as (T, B, K), with zeros for padding."""
        return unpack(packed, self._all, self.batch_size)

    def final(self, y: Array, start: Array) -> Array:
        """Return each sequence's last step of an array (T, B, K); its row of `start` (B, K) where it has no steps."""
        if self.full:  # equal to what follows, in a fraction of its time
            return y[len(self.active) - 1] if len(self.active) else start
        last = (self.active[:, None] > np.arange(self.batch_size)).sum(axis=0) - 1
        final, ran = start.astype(y.dtype), np.count_nonzero(last >= 0)
        final[:ran] = y[last[:ran], np.arange(ran)]
        return final
