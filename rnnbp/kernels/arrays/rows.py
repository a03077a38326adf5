"""Packed rows: the steps of sequences of different lengths, without padding."""

from collections.abc import Iterator

import numpy as np

from rnnbp.kernels.blocks import BLOCK, packed_blocks
from rnnbp.kernels.packing import padded_steps, unpack
from rnnbp.runtime import empty

Array = np.ndarray

ROWS = 512  # of a block in the backward pass, about


class Rows:
    """The rows of B sequences over T steps, step after step, without padding: N of them.

    Parameters
    ----------
    active : ndarray (T,)
        The number of active sequences at each step, which are the first ones; non-increasing.
    batch_size : int
        B.

    Examples
    --------
    >>> rows = Rows(np.array([2, 1, 0]), 2)
    >>> rows.count, [step.tolist() for step in rows.steps(np.arange(3)[:, None])]
    (3, [[[0], [1]], [[2]]])
    """

    def __init__(self, active: Array, batch_size: int) -> None:
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

    def stacks(self, gates: int, size: int, dtype: np.dtype) -> list[Array]:
        """Allocate for each step (G, n, H): `gates` contiguous arrays (n, H)."""
        memory = empty((self.count, gates, size), dtype)
        if self.full:
            return list(memory.reshape(len(self.active), gates, self.batch_size, size))
        return [a.reshape(gates, len(a), size) for a in np.split(memory, np.cumsum(self.active)[:-1])]

    def padded(self, size: int, dtype: np.dtype) -> Array:
        """Allocate an array (T, B, K) that is zero past the sequences' ends."""
        return padded_steps(self.count, (len(self._all), self.batch_size, size), dtype)

    def active_parts(self, y: Array) -> list[Array]:
        """Return each step's active part (n, K) of an array (T, B, K)."""
        y = y[: len(self.active)]
        return list(y) if self.full else [y_t[:n] for n, y_t in zip(self.active.tolist(), y, strict=True)]

    def blocks(self) -> Iterator[tuple[slice, slice, "Rows"]]:
        """Yield the blocks from last to first: the steps, the rows among all, and `Rows` of the block alone.

        A block is halved until its rows fit the cache.
        """
        size = BLOCK
        while size > 1 and size * self.batch_size > ROWS:
            size //= 2
        for steps, here in reversed(packed_blocks(self.active, size)):
            yield steps, here, Rows(self.active[steps], self.batch_size)

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
        last = (self.active[:, None] > np.arange(self.batch_size)).sum(axis=0) - 1
        final, ran = start.astype(y.dtype), np.count_nonzero(last >= 0)
        final[:ran] = y[last[:ran], np.arange(ran)]
        return final
