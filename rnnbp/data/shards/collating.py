"""Batches of sequences in shards, each of which is in memory from the first batch that needs it to the last."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from rnnbp.data.batch import SequenceBatch, collate, collate_columns
from rnnbp.data.shards.batching import Part
from rnnbp.data.shards.index import Index
from rnnbp.data.shards.order import Schedule
from rnnbp.data.shards.read_ahead import ReadAhead
from rnnbp.data.shards.reader import Columns, Reader, as_in_memory
from rnnbp.data.shards.steps import StepField

Array = np.ndarray


@dataclass(frozen=True)
class Collator:
    """Function that makes batches of sequences whose shards are in memory.

    Attributes
    ----------
    index : Index
    places : ndarray (N,) of int
        The sequences of the dataset.
    targets, weights
        Of the dataset; a StepField where they are one a step.
    mapped : callable, or None
        ``mapped(i, x)`` is what the dataset has of a sequence (T_i, F).
    features : int
        F, of mapped sequences.
    """

    index: Index
    places: Array
    targets: Any
    weights: Any
    mapped: Callable[[int, Array], Array] | None
    features: int

    def __call__(self, part: Part, shards: Mapping[int, Columns]) -> SequenceBatch:
        """Return a batch, or a part of one."""
        steps = self._steps(part.read, shards)
        if self.mapped is not None:
            steps["x"] = {i: self.mapped(i, x) for i, x in steps["x"].items()}
        targets = self.targets
        if isinstance(targets, StepField):
            targets = steps["target"] = {i: targets.converted(one) for i, one in steps["target"].items()}
        resets, weights = steps.get("reset"), steps.get("weight", self.weights)
        if part.part is None:
            return collate(steps["x"], targets, part.places, resets, weights)
        if part.part.padded:
            for name, of_column in steps.items():
                of_column[int(part.places[0])] = self._padding(name, int(part.part.lengths[0]))
        return collate_columns(steps["x"], targets, part.places, resets, weights, part.part)

    def _steps(self, read: Array, shards: Mapping[int, Columns]) -> dict[str, dict[int, Array]]:
        """Return the steps of some sequences, by column and by their places in the dataset, without copying them."""
        found: dict[str, dict[int, Array]] = {column.name: {} for column in self.index.form.layout}
        places = self.places[read]
        starts, lengths = self.index.starts[places], self.index.lengths[places]
        spans = zip(self.index.shard_of[places].tolist(), starts.tolist(), (starts + lengths).tolist(), strict=True)
        for i, (shard, start, stop) in zip(read.tolist(), spans, strict=True):
            for name, column in shards[shard].items():
                found[name][i] = as_in_memory(name, column[start:stop])
        return found

    def _padding(self, name: str, length: int) -> Array:
        """Return zeros for a column of the sequence of weight 0 that comes before those of a part."""
        column = next(one for one in self.index.form.layout if one.name == name)
        if name == "x" and column.width:
            return np.zeros((length, self.features), column.dtype)
        return as_in_memory(name, np.zeros(column.shape(length), column.dtype))


def stream(
    reader: Reader, file_bytes: int, schedule: Schedule, parts: Sequence[Part], collator: Collator
) -> Iterator[SequenceBatch]:
    """Yield batches while a thread reads the next shard, from the first batch that is asked for to the last.

    Parameters
    ----------
    reader : Reader
    file_bytes : int
        Bytes of the largest file.
    schedule : Schedule
        Of `parts`.
    parts : sequence of Part
    collator : Collator
    """
    reader.forget()
    shards, firsts = schedule.shards.tolist(), schedule.first.tolist()
    unneeded: dict[int, list[int]] = {}
    for shard, last in zip(shards, schedule.last.tolist(), strict=True):
        unneeded.setdefault(last, []).append(shard)
    live, taken = dict[int, Columns](), 0
    ahead = ReadAhead(partial(_read, reader, bytearray(file_bytes)), shards)
    try:
        for number, part in enumerate(parts):
            while taken < len(shards) and firsts[taken] <= number:
                live[shards[taken]] = ahead.take()
                taken += 1
            batch = collator(part, live)
            for shard in unneeded.get(number, ()):
                del live[shard]
            yield batch
    finally:
        ahead.close()


def _read(reader: Reader, scratch: bytearray, number: int) -> Columns:
    return reader.shard(number, scratch)
