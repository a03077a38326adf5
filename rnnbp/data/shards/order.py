"""Order of the sequences of an epoch, and which shards each batch needs: a function of the index and random numbers.

Shards come in a random order, and each sequence is moved to a random place among those of the next few shards. So a
batch mixes sequences of `width` shards, as a shuffle buffer of these does; but the order is known before anything is
read. An epoch can then begin at any of its batches with what it would have had there, where a buffer that is filled and
emptied at random has to be filled again.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

Array = np.ndarray


@dataclass(frozen=True)
class Mixing:
    """Random numbers of an epoch's order.

    Attributes
    ----------
    place : ndarray (n,) of int
        The place of each sequence's shard in the order of the shards.
    offset : ndarray (n,)
        From 0 to 1, evenly spread over the sequences of each shard.
    """

    place: Array
    offset: Array

    @classmethod
    def draw(cls, shard_of: Array, rng: np.random.Generator) -> "Mixing":
        """Return the random numbers of the sequences of these shards."""
        shards, number = np.unique(shard_of, return_inverse=True)
        place = rng.permutation(len(shards))[number]
        counts = np.bincount(place)
        by_place = np.lexsort((rng.random(len(place)), place))
        rank = np.empty(len(place))
        rank[by_place] = np.arange(len(place)) - np.repeat(np.cumsum(counts) - counts, counts)
        return cls(place, (rank + rng.random(len(place))) / counts[place])

    def order(self, width: int) -> Array:
        """Return the sequences in an order that mixes those of `width` shards.

        Examples
        --------
        >>> shard_of = np.repeat([0, 1, 2], 4)
        >>> mixing = Mixing.draw(shard_of, np.random.default_rng(0))
        >>> shard_of[mixing.order(1)], shard_of[mixing.order(2)]
        (array([1, 1, 1, 1, 2, 2, 2, 2, 0, 0, 0, 0]), array([1, 1, 1, 2, 1, 2, 0, 2, 2, 0, 0, 0]))
        """
        return np.argsort(self.place + width * self.offset, kind="stable")


@dataclass(frozen=True)
class Schedule:
    """When each shard is needed.

    Attributes
    ----------
    shards : ndarray (n,) of int
        In the order in which they are first needed.
    first, last : ndarray (n,) of int
        The first and the last batch that needs each of them.
    """

    shards: Array
    first: Array
    last: Array

    @classmethod
    def of(cls, parts: Sequence[Array], shard_of: Array) -> "Schedule":
        """Return the schedule of batches of sequences, of which `shard_of` has the shards.

        Examples
        --------
        >>> Schedule.of([np.array([4, 0]), np.array([1, 2])], np.array([0, 0, 1, 1, 2]))
        Schedule(shards=array([0, 2, 1]), first=array([0, 0, 1]), last=array([1, 0, 1]))
        """
        needed = shard_of[np.concatenate([*parts, np.empty(0, np.int64)])]
        batch = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
        shards, number = np.unique(needed, return_inverse=True)
        first, last = np.full(len(shards), len(parts)), np.full(len(shards), -1)
        np.minimum.at(first, number, batch)
        np.maximum.at(last, number, batch)
        order = np.argsort(first, kind="stable")
        return cls(shards[order], first[order], last[order])

    def peak(self, shard_bytes: Array) -> int:
        """Return the most bytes of shards that are in memory: those of a batch, and the next one read ahead.

        Examples
        --------
        >>> Schedule.of([np.array([4, 0]), np.array([1, 2])], np.array([0, 0, 1, 1, 2])).peak(np.array([5, 3, 2]))
        10
        """
        if not len(self.shards):
            return 0
        sizes, batches = shard_bytes[self.shards], int(self.last.max()) + 1
        change = np.zeros(batches + 1, np.int64)
        np.add.at(change, self.first, sizes)
        np.subtract.at(change, self.last + 1, sizes)
        live = np.cumsum(change)[:-1]
        following = np.searchsorted(self.first, np.arange(batches), side="right")
        return int((live + np.append(sizes, 0)[following]).max())
