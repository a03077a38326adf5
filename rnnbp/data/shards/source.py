"""What `rnnbp.write_shards` writes, as datasets one after another."""

import itertools
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import pandas as pd

from rnnbp.data.dataset import SequenceDataset

TOGETHER = 64  # pairs of an iterable that are checked together, at most


def pieces_of(source: Any, given: dict[str, Any], shard_bytes: int) -> Iterator[SequenceDataset]:
    """Yield the source as datasets."""
    if isinstance(source, SequenceDataset):
        yield source
        return
    if isinstance(source, str | bytes | dict | np.ndarray | pd.DataFrame) or not isinstance(source, Iterable):
        raise ValueError(
            "source must be a SequenceDataset, or an iterable of these or of pairs (sequence, target), got "
            f"{type(source).__name__}"
        )
    items = iter(source)
    first = next(items, None)
    if first is None:
        raise ValueError("source must have at least one sequence, got none")
    items = itertools.chain([first], items)
    if isinstance(first, SequenceDataset):
        for number, item in enumerate(items):
            if not isinstance(item, SequenceDataset):
                raise ValueError(f"item {number} of source must be a SequenceDataset as the first, got {_what(item)}")
            yield item
        return
    count = 0
    while together := _together(items, shard_bytes):
        data = _of_pairs(together, count, given)
        if count == 0:
            given = given | {"per_step": None if data.targets is None else data.per_step}
        count += len(data)
        yield data


def _together(items: Iterator[Any], most: int) -> list[Any]:
    """Return the next pairs, up to a number of them and of bytes."""
    found: list[Any] = []
    while len(found) < TOGETHER and most > 0 and (item := next(items, None)) is not None:
        if not isinstance(item, tuple) or len(item) != 2:
            raise ValueError(
                f"items of source must be pairs (sequence, target), or all SequenceDatasets, got {_what(item)}"
            )
        found.append(item)
        most -= np.asarray(item[0]).nbytes
    return found


def _of_pairs(pairs: list[Any], count: int, given: dict[str, Any]) -> SequenceDataset:
    """Return the dataset of some pairs, of which the first is number `count` of the source."""
    sequences, targets = [x for x, _ in pairs], [y for _, y in pairs]
    without = sum(y is None for y in targets)
    if without not in (0, len(pairs)):
        raise ValueError(f"items {count} to {count + len(pairs) - 1} of source have targets for some only: give all")
    if given["classes"] is None and any(np.asarray(y).dtype.kind in "UO" for y in targets if y is not None):
        raise ValueError(
            "classes must be given where targets are names: not all of them are seen before the first shard"
        )
    try:
        return SequenceDataset(sequences, None if without else targets, **given)
    except ValueError as error:
        raise ValueError(
            f"items {count} to {count + len(pairs) - 1} of source, counted from {count}: {error}"
        ) from None


def _what(item: Any) -> str:
    return f"an array of shape {item.shape}" if isinstance(item, np.ndarray) else type(item).__name__
