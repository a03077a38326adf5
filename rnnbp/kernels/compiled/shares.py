"""How a batch is shared out to threads, and where the rows of each are stored."""

from dataclasses import dataclass

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
    sequences : ndarray (S + 1,)
        The first sequence of each share, and B.
    rows : ndarray (S + 1,)
        The first row of each share, and N.
    places : ndarray (N,)
        The rows in time's order.
    blocks : ndarray
        Where each block of steps begins in that order, and N.
    """

    sequences: Array
    rows: Array
    places: Array
    blocks: Array


def share_out(active: Array, batch_size: int, count: int) -> Shares:
    """`count` shares of about as many steps each.

    Examples
    --------
    >>> shares = share_out(np.array([4, 4, 1, 1, 1, 1]), 4, 2)
    >>> shares.sequences, shares.rows
    (array([0, 1, 4]), array([ 0,  6, 12]))
    >>> shares.places
    array([ 0,  6,  7,  8,  1,  9, 10, 11,  2,  3,  4,  5])
    """
    ends = np.append(0, np.cumsum(active))
    blocks = np.append(ends[:-1:BLOCK], ends[-1])
    if count == 1:
        return Shares(np.array([0, batch_size]), np.array([0, ends[-1]]), np.arange(ends[-1]), blocks)
    b = np.arange(batch_size)
    running = b < active[:, None]
    lengths = running.sum(axis=0)
    middles = np.cumsum(lengths) - lengths / 2
    cuts = np.searchsorted(middles, ends[-1] * np.arange(1, count) / count)
    sequences = np.array([0, *cuts, batch_size])
    rows = np.append(0, np.cumsum(lengths))[sequences]
    share = np.repeat(np.arange(count), np.diff(sequences))
    inside = np.maximum(0, np.minimum(active[:, None], sequences[1:]) - sequences[:-1])  # (T, S)
    firsts = rows[:-1] + np.cumsum(inside, axis=0) - inside - sequences[:-1]
    return Shares(sequences, rows, (firsts[:, share] + b)[running], blocks)
