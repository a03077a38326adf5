"""Sequences of a folder of shards: whole shards in order, or one sequence at a time."""

from typing import Any

import numpy as np

from rnnbp.data.shards.files import read_shard
from rnnbp.data.shards.index import Index

Array = np.ndarray
Columns = dict[str, Array]


class Reader:
    """Reader of a folder of shards, which remembers the last one of which a single sequence was read."""

    def __init__(self, index: Index) -> None:
        self.index = index
        self._last: tuple[int, Columns] | None = None

    def shard(self, number: int, scratch: bytearray) -> Columns:
        """Read a shard: the steps of all of its sequences, by column."""
        index = self.index
        size, checksum = int(index.sizes[number]), int(index.checksums[number])
        return read_shard(index.path(number), size, checksum, int(index.steps[number]), index.form.layout, scratch)

    def rows(self, columns: Columns, name: str, place: int) -> Array:
        """Return the steps of a sequence in a column of its shard, without copying them."""
        start = self.index.starts[place]
        return columns[name][start : start + self.index.lengths[place]]

    def steps(self, name: str, place: int) -> Array:
        """Return a copy of the steps of a sequence in a column."""
        number = int(self.index.shard_of[place])
        if self._last is None or self._last[0] != number:
            self.forget()
            self._last = number, self.shard(number, bytearray())
        return as_in_memory(name, self.rows(self._last[1], name, place)).copy()

    def forget(self) -> None:
        """Free the memory of the last shard."""
        self._last = None

    def __getstate__(self) -> dict[str, Any]:
        """Return the state without the last shard, which another process reads by itself."""
        return vars(self) | {"_last": None}


def as_in_memory(name: str, steps: Array) -> Array:
    """Return the steps of a column in the dtype and shape that they have in a dataset in memory.

    Examples
    --------
    >>> as_in_memory("reset", np.array([1, 0], np.uint8)), as_in_memory("x", np.array([3, 1], np.int32))
    (array([ True, False]), array([3, 1]))
    """
    if name == "reset":
        return steps.view(bool)
    return steps.astype(np.int64) if name == "x" and steps.dtype == np.int32 else steps
