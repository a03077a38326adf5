"""How a batch is shared out to threads, and what of the way back lies together in the cache."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from rnnbp.kernels.base import Array
from rnnbp.kernels.blocks import BLOCK, packed_blocks


@dataclass(frozen=True)
class Stretch:
    """Steps that the way back takes together, so that what lies between its two halves, the errors of the gates, is
    still in the cache when the weights' gradients are summed from it.

    Attributes
    ----------
    steps : tuple of int
        From the first up to behind the last.
    rows : tuple of int
        Likewise of their rows.
    blocks : ndarray
        Where each block of steps begins among these rows, and how many they are.
    """

    steps: tuple[int, int]
    rows: tuple[int, int]
    blocks: Array


@dataclass(frozen=True)
class Share:
    """The sequences that one thread takes through time, there and back: of a batch, which has the longest first, every
    so many-th one.

    No thread reads what another writes, nor writes near it. Processors whose cores do not all share a cache may take a
    quarter of a microsecond to pass a line of it from one to another: then what two threads hand each other in turn
    costs as much time as the second one saves. And whichever steps of a batch are run, a sequence falls to the same
    thread, and each has about as many steps to do.

    Attributes
    ----------
    sequences : slice
        Among those of the batch.
    active : ndarray (T + 1,)
        How many of them run at each step, and 0.
    rows : int
        N, their steps altogether.
    stretches : tuple of Stretch
        All steps, in time's order.
    longest : int
        How many rows a stretch has at the most.
    """

    sequences: slice
    active: Array
    rows: int
    stretches: tuple[Stretch, ...]
    longest: int


def share_out(active: Array, count: int, most: int) -> tuple[Share, ...]:
    """Sequences to `count` threads, and their steps to stretches of at most `most` rows, but for one block of steps.
    The result is kept, so not to be changed.

    Examples
    --------
    >>> for share in share_out(np.array([3, 3, 1]), 2, 1000):
    ...     share.sequences, share.active.tolist(), share.rows
    (slice(0, None, 2), [2, 2, 1, 0], 5)
    (slice(1, None, 2), [1, 1, 0, 0], 2)
    """
    return _share_out(np.ascontiguousarray(active, np.int64).tobytes(), count, most)


@lru_cache(maxsize=64)
def _share_out(active_bytes: bytes, count: int, most: int) -> tuple[Share, ...]:
    active = np.frombuffer(active_bytes + bytes(8), np.int64)
    return tuple(_share(slice(k, None, count), (active - k + count - 1) // count, most) for k in range(count))


def _share(sequences: slice, active: Array, most: int) -> Share:
    size = BLOCK * max(1, most // (BLOCK * max(1, int(active[0]))))
    ends, stretches = np.append(0, np.cumsum(active)), []
    for steps, rows in packed_blocks(active[:-1], size):
        blocks = np.append(ends[steps.start : steps.stop : BLOCK], rows.stop) - rows.start
        stretches.append(Stretch((steps.start, steps.stop), (rows.start, rows.stop), blocks))
    longest = max((int(stretch.blocks[-1]) for stretch in stretches), default=0)
    return Share(sequences, active, int(ends[-1]), tuple(stretches), longest)
