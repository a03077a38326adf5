"""Parts of a batch, of which each of several processes computes one."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from rnnbp.runtime import natural_int, positive_int

Array = np.ndarray
Share = tuple[int, int]


@dataclass(frozen=True)
class BatchPart:
    """Which sequences of a batch are those of one process.

    The sequences of the batch, longest first, are dealt out in turn: process r of n has r, r + n, r + 2 n, ... Every
    part has as many steps as the whole batch: where none of its own sequences has, and where it has none at all, the
    longest one of the batch comes before its own, as padding of weight 0.

    Parameters
    ----------
    lengths : ndarray (B,) of int
        Of all sequences of the batch, longest first.
    columns : ndarray (b,) of int
        The place in the batch of each sequence of the part, in ascending order.
    padded : bool
        Whether the first of them, which is column 0, is padding.

    Examples
    --------
    >>> BatchPart.of(np.array([9, 8, 8, 5, 2]), (0, 2))
    BatchPart(lengths=array([9, 8, 8, 5, 2]), columns=array([0, 2, 4]), padded=False)
    >>> BatchPart.of(np.array([9, 8, 8, 5, 2]), (1, 2)).columns
    array([0, 1, 3])
    >>> BatchPart.of(np.array([9]), (1, 2))
    BatchPart(lengths=array([9]), columns=array([0]), padded=True)
    """

    lengths: Array
    columns: Array
    padded: bool

    @classmethod
    def of(cls, lengths: Array, share: Share) -> "BatchPart":
        """Return the part of process `share` = (rank, ranks) of a batch with these lengths, longest first."""
        rank, ranks = share
        return cls.of_columns(lengths, np.arange(rank, len(lengths), ranks))

    @classmethod
    def of_columns(cls, lengths: Array, own: Array) -> "BatchPart":
        """Return the part that has these sequences of a batch, by their places in it, in ascending order.

        Examples
        --------
        >>> BatchPart.of_columns(np.array([9, 8, 5]), np.array([1]))
        BatchPart(lengths=array([9, 8, 5]), columns=array([0, 1]), padded=True)
        """
        padded = not len(own) or bool(lengths[own[0]] < lengths[0])
        return cls(lengths, np.concatenate([[0], own]) if padded else own, padded)

    @property
    def own(self) -> slice:
        """The sequences of the part that are not padding."""
        return slice(int(self.padded), None)

    def active(self, start: int, stop: int) -> Array:
        """Return the number of sequences of the whole batch that have not ended before each step, (stop - start,)."""
        return np.searchsorted(-self.lengths, -np.arange(start, stop), side="left")


def check_share(share: Any) -> Share:
    """Return a share of each batch, (rank, ranks).

    Raises
    ------
    ValueError
        Unless 0 <= rank < ranks.

    Examples
    --------
    >>> check_share((2, 2))
    Traceback (most recent call last):
    ValueError: share must be (rank, ranks) with 0 <= rank < ranks, got (2, 2)
    """
    if isinstance(share, tuple) and len(share) == 2:
        rank, ranks = natural_int("the rank of share", share[0]), positive_int("the number of ranks of share", share[1])
        if rank < ranks:
            return rank, ranks
    raise ValueError(f"share must be (rank, ranks) with 0 <= rank < ranks, got {share!r}")
