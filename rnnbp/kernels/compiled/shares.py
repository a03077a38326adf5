"""How a batch is shared out to threads, and where the rows of each are stored."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from rnnbp.kernels.base import Array
from rnnbp.kernels.blocks import BLOCK, blocks


@dataclass(frozen=True)
class Stretch:
    """Steps that the way back takes together, so that what lies between its two halves, the errors of the gates, is
    still in the cache when the weights' gradients are summed from it.

    Attributes
    ----------
    steps : tuple of int
        From the first up to behind the last.
    ends : tuple of int
        Of each share: where its rows of these steps end.
    bases : tuple of int
        Of each share: how much further to the front its rows lie in memory that holds these steps alone.
    places : ndarray (n,)
        The rows in time's order.
    here : ndarray (n,)
        The same in memory that holds these steps alone.
    blocks : ndarray
        Where each block of steps begins in that order, and n.
    """

    steps: tuple[int, int]
    ends: tuple[int, ...]
    bases: tuple[int, ...]
    places: Array
    here: Array
    blocks: Array


@dataclass(frozen=True)
class Shares:
    """Each thread's sequences, as they lie next to each other, and their rows: first all steps of the first share.

    Threads that write rows in turn into the same memory slow each other down, as much as running alone would: a
    processor fetches ahead what its neighbour is about to write.

    Attributes
    ----------
    active : ndarray (T + 1,)
        How many sequences run at each step, and 0.
    starts : slice or ndarray (B,)
        The row of each sequence's state before its first step; of one without steps, behind all rows.
    sequences : tuple of int
        The first sequence of each share, and B.
    rows : tuple of int
        The first row of each share, and N.
    stretches : tuple of Stretch
        All steps, in time's order.
    longest : int
        How many rows a stretch has at the most.
    """

    active: Array
    starts: Array | slice
    sequences: tuple[int, ...]
    rows: tuple[int, ...]
    stretches: tuple[Stretch, ...]
    longest: int


def share_out(active: Array, batch_size: int, count: int, most: int) -> Shares:
    """`count` shares of about as many steps each, and stretches of at most `most` rows, but for one block of steps; not
    to be changed, for it is kept.

    Examples
    --------
    >>> shares = share_out(np.array([4, 4, 1, 1, 1, 1]), 4, 2, 1000)
    >>> shares.sequences, shares.rows
    ((0, 1, 4), (0, 6, 12))
    >>> shares.stretches[0].places
    array([ 0,  6,  7,  8,  1,  9, 10, 11,  2,  3,  4,  5])
    """
    return _share_out(np.ascontiguousarray(active, np.int64).tobytes(), batch_size, count, most)


@lru_cache(maxsize=64)
def _share_out(active_bytes: bytes, batch_size: int, count: int, most: int) -> Shares:
    active, b = np.frombuffer(active_bytes + bytes(8), np.int64), np.arange(batch_size)
    running = b < active[:, None]  # (T + 1, B)
    sequences = _cut(running.sum(axis=0), count)
    inside = np.maximum(0, np.minimum(active[:, None], sequences[1:]) - sequences[:-1])  # (T + 1, S)
    rows = np.append(0, np.cumsum(inside.sum(axis=0)))
    firsts = rows[:-1] + np.cumsum(inside, axis=0) - inside  # the row of each share's first sequence at each step
    share = np.repeat(np.arange(count), np.diff(sequences))
    places = (firsts - sequences[:-1])[:, share] + b  # (T + 1, B)
    starts: Array | slice = np.where(running[0], places[0], rows[-1] + b)
    if count == 1 and active[0] == batch_size:
        starts = slice(0, batch_size)  # they lie together
    size = BLOCK * max(1, most // (BLOCK * max(1, int(active[0]))))
    stretches = tuple(_stretch(steps, firsts, places, running, share) for steps in blocks(len(active) - 1, size))
    longest = max((len(stretch.places) for stretch in stretches), default=0)
    return Shares(active, starts, tuple(sequences.tolist()), tuple(rows.tolist()), stretches, longest)


def _cut(lengths: Array, count: int) -> Array:
    """The first sequence of each share, and B."""
    middles = np.cumsum(lengths) - lengths / 2
    return np.array([0, *np.searchsorted(middles, lengths.sum() * np.arange(1, count) / count), len(lengths)])


def _stretch(steps: slice, firsts: Array, places: Array, running: Array, share: Array) -> Stretch:
    """One of those into which time is cut."""
    begins, ends, real = firsts[steps.start], firsts[steps.stop], running[steps]
    bases = begins - np.append(0, np.cumsum(ends - begins)[:-1])
    here = places[steps] - bases[share]
    per_block = [np.count_nonzero(real[block]) for block in blocks(len(real))]
    return Stretch(
        (steps.start, steps.stop), tuple(ends.tolist()), tuple(bases.tolist()),
        places[steps][real], here[real], np.append(0, np.cumsum(per_block)),
    )  # fmt: skip
