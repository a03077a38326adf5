"""Which sequences make each batch of an epoch, of all or of one process's part, such that shards fit in memory."""

from dataclasses import dataclass

import numpy as np

from rnnbp.data.parts import BatchPart, Share
from rnnbp.data.shards.index import Index
from rnnbp.data.shards.layout import row_bytes
from rnnbp.data.shards.order import Mixing, Schedule
from rnnbp.data.splits import bucketed, pieces

Array = np.ndarray
ENOUGH = 2  # shards that are mixed for each process, where each reads its own


@dataclass(frozen=True)
class Part:
    """Sequences that one process has of a batch.

    Attributes
    ----------
    places : ndarray (b,) of int
        In the dataset. Of a part, longest first; the first one is not read where it is padding.
    part : BatchPart, or None
        None: the whole batch.
    """

    places: Array
    part: BatchPart | None = None

    @property
    def read(self) -> Array:
        """The sequences that are read."""
        return self.places if self.part is None else self.places[self.part.own]


@dataclass(frozen=True)
class Batching:
    """How batches are made of some sequences of an index.

    Attributes
    ----------
    index : Index
    places : ndarray (N,) of int
        The sequences of the dataset.
    memory : int
    buffer : int, or None
        As `rnnbp.load_shards` takes them.
    """

    index: Index
    places: Array
    memory: int
    buffer: int | None

    @property
    def shard_bytes(self) -> Array:
        """Bytes that each shard takes in memory (S,)."""
        return self.index.steps * row_bytes(self.index.form.layout)

    @property
    def file_bytes(self) -> int:
        """Bytes of the largest file."""
        return int(self.index.sizes.max())

    def check_memory(self) -> None:
        """Raise unless memory holds three shards that follow one another, and the bytes of a file."""
        sizes = self.shard_bytes
        needed = int(np.convolve(sizes, [1, 1, 1])[: len(sizes)].max()) + self.file_bytes
        if self.memory < needed:
            raise ValueError(
                f"memory must be at least {needed} bytes for these shards, of which the largest takes "
                f"{int(sizes.max())}, got {self.memory}: write smaller ones by write_shards(..., shard_bytes=)"
            )

    def parts(self, batch_size: int, rng: np.random.Generator | None, bucket: int, share: Share | None) -> list[Part]:
        """Return the sequences of each batch, or of one process's part of it; in order without `rng`."""
        lengths, shard_of = self.index.lengths[self.places], self.index.shard_of[self.places]
        shards = len(np.unique(shard_of))

        def cut(order: Array) -> list[Array]:
            return pieces(order, batch_size) if bucket == 1 else bucketed(order, lengths, batch_size, bucket)

        width, place = self._width(shard_of), None
        if rng is None:
            batches = cut(np.arange(len(self.places)))
        elif width >= shards:  # the batches of a dataset in memory
            batches = cut(rng.permutation(len(self.places)))
            batches = batches if bucket == 1 else _taken(batches, rng.permutation(len(batches)))
        else:
            mixing, turns = Mixing.draw(shard_of, rng), rng.random(-(-len(self.places) // batch_size))
            order = np.lexsort((turns, np.arange(len(turns)) // bucket)) if bucket > 1 else np.arange(len(turns))
            place, batches = mixing.place, _taken(cut(mixing.order(width)), order)
            while width > 1 and self.buffer is None and not self._fits(Schedule.of(batches, shard_of)):
                width -= 1
                batches = _taken(cut(mixing.order(width)), order)
        if share is None:
            return [Part(batch) for batch in batches]
        own = place % share[1] == share[0] if place is not None and width >= ENOUGH * share[1] else None
        return [_part(batch, lengths, share, own) for batch in batches]

    def _width(self, shard_of: Array) -> int:
        """Return the number of shards to mix: all where they fit in memory, else what fits besides the next one."""
        if self.buffer is not None:
            return self.buffer
        used, room = self.shard_bytes[np.unique(shard_of)], self.memory - self.file_bytes
        return len(used) if used.sum() <= room else max(1, room // int(used.max()) - 2)

    def _fits(self, schedule: Schedule) -> bool:
        return schedule.peak(self.shard_bytes) + self.file_bytes <= self.memory

    def schedule(self, parts: list[Part]) -> Schedule:
        """Return when each shard is needed, or raise if too many are at a time."""
        schedule = Schedule.of([part.read for part in parts], self.index.shard_of[self.places])
        if not self._fits(schedule):
            needed = schedule.peak(self.shard_bytes) + self.file_bytes
            raise ValueError(
                f"these batches need {needed} bytes of shards in memory at a time, and memory= of load_shards is "
                f"{self.memory}: give it more, or a smaller buffer=, or take the sequences of a subset in their order, "
                "data[np.sort(places)]"
            )
        return schedule


def _taken(batches: list[Array], order: Array) -> list[Array]:
    return [batches[i] for i in order]


def _part(batch: Array, lengths: Array, share: Share, own: Array | None) -> Part:
    """Return a process's part of a batch: the sequences that are its own, or dealt out in turn where that is None."""
    ordered = batch[np.argsort(-lengths[batch], kind="stable")]
    if own is None:
        part = BatchPart.of(lengths[ordered], share)
    else:
        part = BatchPart.of_columns(lengths[ordered], np.flatnonzero(own[ordered]))
    return Part(ordered[part.columns], part)
