"""How a batch is split among threads, and time into chunks that fit the cache."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from rnnbp.kernels.base import Array
from rnnbp.kernels.blocks import BLOCK, packed_blocks


@dataclass(frozen=True)
class Chunk:
    """Steps that the backward pass takes together.

    The gradients with respect to the pre-activations of a chunk are still in the cache when the weight gradient is
    summed from them.

    Attributes
    ----------
    steps : tuple of int
        First step, and one past the last.
    rows : tuple of int
        First row among the shard's packed rows, and one past the last.
    """

    steps: tuple[int, int]
    rows: tuple[int, int]


@dataclass(frozen=True)
class Shard:
    """The sequences that one thread runs, forward and backward: every n-th one of a batch sorted by length.

    No thread reads or writes memory near another's. Where two cores share no cache, a cache line takes a quarter of a
    microsecond from one to the other, so that threads which hand each other results step by step lose what they gain.
    A sequence belongs to the same thread whichever steps of the batch are run, and all threads have about as many
    steps.

    Attributes
    ----------
    sequences : slice
        Their places in the batch.
    active : ndarray (T + 1,)
        The number of them that is active at each step, and 0.
    rows : int
        N, the sum of their lengths.
    chunks : tuple of Chunk
        All steps, in order of time.
    longest : int
        The largest number of rows of a chunk.
    """

    sequences: slice
    active: Array
    rows: int
    chunks: tuple[Chunk, ...]
    longest: int


def real_steps(active: Array) -> int:
    """Return the number of steps of all sequences.

    Examples
    --------
    >>> real_steps(np.array([3, 3, 1]))
    7
    """
    return _real_steps(np.ascontiguousarray(active, np.int64).tobytes())


@lru_cache(maxsize=64)
def _real_steps(active_bytes: bytes) -> int:
    return int(np.frombuffer(active_bytes, np.int64).sum())


def split_batch(active: Array, count: int, most: int) -> tuple[Shard, ...]:
    """Split the sequences among `count` threads, and their steps into chunks of at most `most` rows.

    A chunk has at least `BLOCK` steps. The result is cached and must not be changed.

    Examples
    --------
    >>> for shard in split_batch(np.array([3, 3, 1]), 2, 1000):
    ...     shard.sequences, shard.active.tolist(), shard.rows
    (slice(0, None, 2), [2, 2, 1, 0], 5)
    (slice(1, None, 2), [1, 1, 0, 0], 2)
    """
    return _split_batch(np.ascontiguousarray(active, np.int64).tobytes(), count, most)


@lru_cache(maxsize=64)
def _split_batch(active_bytes: bytes, count: int, most: int) -> tuple[Shard, ...]:
    active = np.frombuffer(active_bytes + bytes(8), np.int64)
    return tuple(_shard(slice(k, None, count), (active - k + count - 1) // count, most) for k in range(count))


def _shard(sequences: slice, active: Array, most: int) -> Shard:
    size = BLOCK * max(1, most // (BLOCK * max(1, int(active[0]))))
    chunks = tuple(
        Chunk((steps.start, steps.stop), (rows.start, rows.stop)) for steps, rows in packed_blocks(active[:-1], size)
    )
    longest = max((chunk.rows[1] - chunk.rows[0] for chunk in chunks), default=0)
    return Shard(sequences, active, int(active.sum()), chunks, longest)
