"""Writing a folder of shards from data that need not fit in memory."""

import errno
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import DTypeLike

from rnnbp.data.dataset import SequenceDataset
from rnnbp.data.labels import LabelSequences
from rnnbp.data.shards.files import write_shard
from rnnbp.data.shards.form import Form, check_alike, form_of
from rnnbp.data.shards.index import Index, shard_name
from rnnbp.data.shards.layout import row_bytes
from rnnbp.data.shards.source import pieces_of
from rnnbp.runtime import check_target_folder, checked_path, positive_int, require, temporary

Array = np.ndarray
SHARD_BYTES = 2**23
MOST_TOKEN = 2**31 - 1


def write_shards(
    source: Any,
    folder: str | Path,
    *,
    classes: Sequence[str] | None = None,
    feature_names: Sequence[str] | None = None,
    per_step: bool | None = None,
    dtype: DTypeLike = np.float32,
    shard_bytes: int = SHARD_BYTES,
    sequences_per_shard: int | None = None,
) -> None:
    """Write a dataset of any size into a folder of Parquet files, which `rnnbp.load_shards` reads while a model trains.

    No more than one shard is in memory at a time. The folder appears only once it is complete: a writer that is killed,
    or runs out of disk space, leaves none.

    Parameters
    ----------
    source : SequenceDataset, or iterable of SequenceDataset, or of pairs (sequence, target)
        An iterable may be a generator, and is passed through once. Of its datasets, each is a piece of the whole:
        all of them have the same features, classes and kinds of targets. Everything that datasets have is written:
        targets, class names, ids, info, feature names, weights, resets, tokens. Of pairs, a target is None, a class, a
        value, an array of values, or an array with one class or value a step.
    folder : str or Path
        Must not exist yet.
    classes : sequence of str, optional
        Names of the classes: needed where targets of pairs are names, or where the datasets have not all the same.
    feature_names, per_step, dtype : optional
        Of pairs, as `rnnbp.SequenceDataset` takes them. `per_step` defaults to what the first pairs are taken for.
    shard_bytes : int, default 2**23
        A shard is closed once its steps take so many bytes. Smaller shards shuffle better and take less memory; of
        less than a megabyte they are read more slowly.
    sequences_per_shard : int, optional
        Close a shard after this number of sequences, too.

    Raises
    ------
    FileExistsError
        If there is something at `folder`.
    ImportError
        If pyarrow is not installed.
    OSError
        If the disk is full; nothing is left behind.
    ValueError
        If the source is empty, is none of these, or holds something that `rnnbp.SequenceDataset` refuses or that
        differs from what came before it; the message counts the pieces or pairs.

    See Also
    --------
    load_shards : the dataset to train on.

    Notes
    -----
    A shard is a Parquet file with one row a step, of columns without compression: `x` has the features as bytes, or as
    a number where there is one, and `target`, `weight` and `reset` have what is one a step. All else is in the index.

    Examples
    --------
    >>> import pyarrow, tempfile
    >>> folder = Path(tempfile.mkdtemp()) / "shards"
    >>> write_shards(((np.full((5 + i % 3, 2), i), i % 2) for i in range(100)), folder, sequences_per_shard=40)
    >>> sorted(path.name for path in folder.iterdir())
    ['index.npz', 'shard-00000.parquet', 'shard-00001.parquet', 'shard-00002.parquet']
    """
    positive_int("shard_bytes", shard_bytes)
    most = None if sequences_per_shard is None else positive_int("sequences_per_shard", sequences_per_shard)
    require("pyarrow", extra="parquet")
    folder = checked_path("folder", folder)
    if os.path.lexists(folder):
        raise FileExistsError(f"folder must not exist yet, and there is {str(folder)!r}: remove it, or name another")
    if not folder.parent.is_dir():
        raise FileNotFoundError(f"folder: there is no folder {str(folder.parent)!r} to write {folder.name!r} to")
    check_target_folder("folder", folder)
    names = None if classes is None else tuple(map(str, classes))
    given = {"classes": names, "feature_names": feature_names, "per_step": per_step, "dtype": dtype}
    pieces = pieces_of(source, given, shard_bytes)
    with temporary(folder, Path.mkdir) as beside:
        try:
            writer = _Writer(beside, shard_bytes, most)
            for number, data in enumerate(pieces):
                writer.add(number, data if names is None else data.with_classes(names))
            writer.finish()
            beside.rename(folder)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT) or "No space left" in str(error):
                raise OSError(
                    errno.ENOSPC, f"the disk is full: {str(folder)!r} was not written, and nothing is left of it"
                ) from error
            raise


@dataclass
class _Shard:
    """Steps of the sequences that come into the next file, by column."""

    columns: dict[str, list[Array]] = field(default_factory=dict)
    sequences: int = 0
    steps: int = 0

    def add(self, name: str, values: Array) -> None:
        self.columns.setdefault(name, []).append(values)


class _Writer:
    """Shards written one after another, and the index of them."""

    def __init__(self, folder: Path, shard_bytes: int, most: int | None) -> None:
        self.folder, self.shard_bytes, self.most = folder, shard_bytes, most
        self.form: Form | None = None
        self.shard = _Shard()
        self.written: list[tuple[int, int, int]] = []  # sequences, bytes and checksum of each shard
        self.lengths: list[int] = []
        self.fields: dict[str, list[Array]] = {}  # of the index, in pieces
        self.labels: list[Array] = []
        self.ids: list[Any] = []
        self.own_ids, self.info = False, list[pd.DataFrame | None]()

    def add(self, number: int, data: SequenceDataset) -> None:
        """Add the sequences of a piece."""
        form = form_of(data)
        if self.form is None:
            self.form = form
        check_alike(number, form, self.form)
        self.own_ids |= list(data.ids) != list(range(len(data)))
        self.ids.extend(data.ids if self.own_ids else range(len(self.ids), len(self.ids) + len(data)))
        self.info.append(data.info)
        if isinstance(data.targets, LabelSequences):
            self.labels.extend(data.targets.labels)
        elif isinstance(data.targets, np.ndarray):
            self.fields.setdefault("targets", []).append(data.targets)
        if isinstance(data.weights, np.ndarray):
            self.fields.setdefault("weights", []).append(data.weights)
        for i in range(len(data)):
            self._add_sequence(data, i, self.form)

    def _add_sequence(self, data: SequenceDataset, i: int, form: Form) -> None:
        x = data.sequences[i]
        if x.ndim == 1 and x.max() > MOST_TOKEN:
            raise ValueError(f"tokens must be at most {MOST_TOKEN} in shards, got {x.max()}")
        self.shard.add("x", x)
        self.lengths.append(len(x))
        if data.per_step:
            self._add_bounded("target", np.asarray(data.targets[i]))  # type: ignore[index]
        if form.weights == "of steps":
            self._add_bounded("weight", np.asarray(data.weights[i]))  # type: ignore[index]
        if data.resets is not None:
            self.shard.add("reset", data.resets[i])
        self.shard.sequences, self.shard.steps = self.shard.sequences + 1, self.shard.steps + len(x)
        full = self.shard.steps * row_bytes(form.layout) >= self.shard_bytes
        if full or self.shard.sequences == self.most:
            self._close(form)

    def _add_bounded(self, name: str, values: Array) -> None:
        """Add what is one a step, and its least and largest values to the index."""
        self.shard.add(name, values)
        low, high = np.fmin.reduce(values), np.fmax.reduce(values)
        self.fields.setdefault(f"least {name}", []).append(low[None])
        self.fields.setdefault(f"largest {name}", []).append(high[None])

    def _close(self, form: Form) -> None:
        """Write the shard and begin another."""
        path = self.folder / shard_name(len(self.written))
        size, checksum = write_shard(path, form.layout, self.shard.columns)
        self.written.append((self.shard.sequences, size, checksum))
        self.shard = _Shard()

    def finish(self) -> None:
        """Write the last shard and the index."""
        assert self.form is not None  # pieces are never none
        if self.shard.sequences:
            self._close(self.form)
        fields = {name: np.concatenate(values) for name, values in self.fields.items()}
        sequences, sizes, checksums = (np.array(column, np.int64) for column in zip(*self.written, strict=True))
        without = [number for number, info in enumerate(self.info) if info is None]
        if without and len(without) < len(self.info):
            raise ValueError(f"piece {without[0]} of source has no info, and others have: give it to all or to none")
        Index(
            *(self.folder, self.form, sequences, sizes, checksums, np.array(self.lengths, np.int64)),
            targets=LabelSequences(self.labels) if self.form.targets == "labels" else fields.get("targets"),
            bounds={
                name: (fields[f"least {name}"], fields[f"largest {name}"])
                for name in ("target", "weight")
                if f"least {name}" in fields
            },
            weights=fields.get("weights"),
            ids=self.ids if self.own_ids else None,
            info=None if without else pd.concat([one for one in self.info if one is not None], ignore_index=True),
        ).write()
