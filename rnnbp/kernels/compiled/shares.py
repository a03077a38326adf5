"""How a batch is shared out to threads, and where the rows of each are stored."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from rnnbp.kernels.base import Array
from rnnbp.kernels.blocks import BLOCK


@dataclass(frozen=True)
class Shares:
    """Each thread's sequences, as they lie next to each other, and their rows: first all steps of the first share.

    Threads that write rows in turn into the same memory slow each other down, as much as running alone would: a
    processor fetches ahead what its neighbour is about to write.

    Attributes
    ----------
    active : ndarray (T + 1,)
        How many sequences run at each step, and 0.
    starts : ndarray (B,)
        The row of each sequence's state before its first step; of one without steps, behind all rows.
    sequences : tuple of int
        The first sequence of each share, and B.
    rows : tuple of int
        The first row of each share, and N.
    places : ndarray (N,)
        The rows in time's order.
    blocks : ndarray
        Where each block of steps begins in that order, and N.
    """

    active: Array
    starts: Array
    sequences: tuple[int, ...]
    rows: tuple[int, ...]
    places: Array
    blocks: Array


def share_out(active: Array, batch_size: int, count: int) -> Shares:
    """`count` shares of about as many steps each; not to be changed, for it is kept.

    Examples
    --------
    >>> shares = share_out(np.array([4, 4, 1, 1, 1, 1]), 4, 2)
    >>> shares.sequences, shares.rows
    ((0, 1, 4), (0, 6, 12))
    >>> shares.places
    array([ 0,  6,  7,  8,  1,  9, 10, 11,  2,  3,  4,  5])
    """
    return _share_out(np.ascontiguousarray(active, np.int64).tobytes(), batch_size, count)


@lru_cache(maxsize=64)
def _share_out(active_bytes: bytes, batch_size: int, count: int) -> Shares:
    active = np.frombuffer(active_bytes + bytes(8), np.int64)
    ends = np.cumsum(active)
    N, first = int(ends[-1]), int(active[0])
    one = (0, batch_size), (0, N), np.arange(N)
    sequences, rows, places = one if count == 1 else _cut(active[:-1], batch_size, count)
    starts = np.arange(N, N + batch_size)
    starts[:first] = places[:first]
    return Shares(active, starts, sequences, rows, places, np.append((ends - active)[:-1:BLOCK], N))


def _cut(active: Array, batch_size: int, count: int) -> tuple[tuple[int, ...], tuple[int, ...], Array]:
    """Sequences, rows and places of several shares."""
    b = np.arange(batch_size)
    running = b < active[:, None]
    lengths = running.sum(axis=0)
    middles = np.cumsum(lengths) - lengths / 2
    cuts = np.searchsorted(middles, lengths.sum() * np.arange(1, count) / count)
    sequences = np.array([0, *cuts, batch_size])
    rows = np.append(0, np.cumsum(lengths))[sequences]
    share = np.repeat(np.arange(count), np.diff(sequences))
    inside = np.maximum(0, np.minimum(active[:, None], sequences[1:]) - sequences[:-1])  # (T, S)
    firsts = rows[:-1] + np.cumsum(inside, axis=0) - inside - sequences[:-1]
    return tuple(sequences.tolist()), tuple(rows.tolist()), (firsts[:, share] + b)[running]
