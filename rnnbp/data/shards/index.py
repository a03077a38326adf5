"""Index of a folder of shards: everything of the dataset but its steps, and what is needed to check each shard."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from rnnbp.data.labels import LabelSequences
from rnnbp.data.shards.files import check_size
from rnnbp.data.shards.form import Form
from rnnbp.data.shards.layout import row_bytes
from rnnbp.data.shards.tables import Arrays, table_arrays, table_from, text_arrays, texts_from
from rnnbp.runtime import read_archive, write_archive

Array = np.ndarray
INDEX = "index.npz"
KIND = "rnnbp shards"
VERSION = 1
MOST_STEPS = 2**40


def shard_name(number: int) -> str:
    """Return the name of a shard's file.

    Examples
    --------
    >>> shard_name(7)
    'shard-00007.parquet'
    """
    return f"shard-{number:05d}.parquet"


@dataclass(frozen=True)
class Index:
    """Index of a folder of shards.

    Attributes
    ----------
    folder : Path
    form : Form
    sequences, sizes, checksums : ndarray (S,) of int64
        Of each shard: the number of its sequences, the bytes of its file, and their CRC-32.
    lengths : ndarray (N,) of int64
        T_i.
    targets : ndarray (N,) or (N, K), LabelSequences, or None
        One a sequence.
    bounds : dict of str to (ndarray, ndarray)
        Of what is one a step, 'target' and 'weight': the least and the largest of each sequence, (N,) or (N, K).
    weights : ndarray (N,), or None
        One a sequence.
    ids : list, or None
        None: 0, 1, ...
    info : DataFrame, or None
    """

    folder: Path
    form: Form
    sequences: Array
    sizes: Array
    checksums: Array
    lengths: Array
    targets: Array | LabelSequences | None
    bounds: dict[str, tuple[Array, Array]]
    weights: Array | None
    ids: list[Any] | None
    info: pd.DataFrame | None

    @cached_property
    def shard_of(self) -> Array:
        """The shard of each sequence (N,)."""
        return np.repeat(np.arange(len(self.sequences)), self.sequences)

    @cached_property
    def starts(self) -> Array:
        """The row of its shard at which each sequence begins (N,)."""
        ends = np.cumsum(self.lengths)
        firsts = np.cumsum(self.sequences) - self.sequences  # the first sequence of each shard
        before = (ends - self.lengths)[firsts]
        return ends - self.lengths - np.repeat(before, self.sequences)

    @cached_property
    def steps(self) -> Array:
        """Number of steps of each shard (S,)."""
        return np.add.reduceat(self.lengths, np.cumsum(self.sequences) - self.sequences)

    def path(self, shard: int) -> Path:
        """Return the file of a shard."""
        return self.folder / shard_name(shard)

    def write(self) -> None:
        """Write the index into its folder, after the shards."""
        arrays: Arrays = {name: getattr(self, name) for name in ("sequences", "sizes", "checksums", "lengths")}
        if isinstance(self.targets, LabelSequences):
            arrays["labels"] = np.concatenate([*self.targets.labels, np.empty(0, np.int64)])
            arrays["label lengths"] = self.targets.lengths
        elif self.targets is not None:
            arrays["targets"] = self.targets
        for name, (low, high) in self.bounds.items():
            arrays |= {f"least {name}": low, f"largest {name}": high}
        if self.weights is not None:
            arrays["weights"] = self.weights
        if self.ids is not None:
            arrays |= text_arrays("ids", self.ids)
        columns = None
        if self.info is not None:
            columns, more = table_arrays(self.info)
            arrays |= more
        header = {"format": VERSION, "form": vars(self.form), "ids": self.ids is not None, "info": columns}
        write_archive(self.folder / INDEX, KIND, header, arrays)


def read_index(folder: Path) -> Index:
    """Read the index of a folder, and check that its shards are there in their sizes.

    No more memory is allocated than a small multiple of the size of the file, whoever wrote it, no code in it is run,
    and no file outside of the folder is read.

    Raises
    ------
    FileNotFoundError
        If there is no such folder, or it is not one of shards, or one of these is missing.
    ValueError
        If the index or a shard is damaged; the message names the file.
    """
    path = folder / INDEX
    if not path.is_file():
        what = "it has no index.npz: rnnbp.write_shards writes such folders" if folder.is_dir() else "there is none"
        raise FileNotFoundError(f"folder must be one of shards, got {str(folder)!r}: {what}")
    header, arrays = read_archive(path, KIND)
    try:
        if header["format"] != VERSION:
            raise ValueError(f"it has version {header['format']!r:.20}, and {VERSION} is read")
        form = Form(**header["form"])
        form.check()
        index = _index(folder, form, header, arrays)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError) as error:
        raise ValueError(f"{str(path)!r} is damaged: {error}") from error
    for number, size in enumerate(index.sizes.tolist()):
        check_size(index.path(number), size)
    return index


def _index(folder: Path, form: Form, header: Mapping[str, Any], arrays: Arrays) -> Index:
    lengths, sequences = _counts(arrays, "lengths"), _counts(arrays, "sequences")
    size, shards = len(lengths), len(sequences)
    sizes, checksums = _counts(arrays, "sizes", shards), _counts(arrays, "checksums", shards, least=0)
    if _sum(sequences) != size or _sum(lengths) > MOST_STEPS:
        raise ValueError(f"it has {size} sequences, its shards {_sum(sequences)}")
    of_steps = form.targets.endswith("of steps")
    bounds = {}
    if of_steps:
        bounds["target"] = _targets(form, arrays["least target"], size), _targets(form, arrays["largest target"], size)
    if form.weights == "of steps":
        bounds["weight"] = _numbers(arrays["least weight"], size), _numbers(arrays["largest weight"], size)
    index = Index(
        *(folder, form, sequences, sizes, checksums, lengths),
        targets=None if of_steps else _targets_of_sequences(form, arrays, size),
        bounds=bounds,
        weights=_numbers(arrays["weights"], size) if form.weights == "of sequences" else None,
        ids=texts_from("ids", arrays) if header["ids"] else None,
        info=None if header["info"] is None else table_from(header["info"], arrays, size),
    )
    if index.ids is not None and len(index.ids) != size:
        raise ValueError(f"it has {len(index.ids)} ids for {size} sequences")
    too_small = np.flatnonzero(index.steps > sizes // row_bytes(form.layout))
    if too_small.size:
        raise ValueError(f"{shard_name(int(too_small[0]))} is too small for its steps")
    return index


def _counts(arrays: Mapping[str, Array], name: str, size: int | None = None, least: int = 1) -> Array:
    found = arrays[name]
    if found.dtype != np.int64 or found.ndim != 1 or not len(found) or size not in (None, len(found)):
        raise ValueError(f"{name} are {found.dtype} of {found.shape}")
    if found.min() < least or found.max() > MOST_STEPS:
        raise ValueError(f"{name} are {found.min()} to {found.max()}")
    return found


def _sum(counts: Array) -> int:
    """Return a sum that does not overflow: of fewer than 2**63 / MOST_STEPS numbers in parts."""
    return sum(int(part.sum()) for part in np.array_split(counts, 1 + len(counts) // 2**22))


def _numbers(found: Array, size: int) -> Array:
    if found.dtype != np.float64 or found.shape != (size,) or not np.isfinite(found).all() or found.min() < 0:
        raise ValueError(f"weights are {found.dtype} of {found.shape}")
    return found


def _targets(form: Form, found: Array, size: int) -> Array:
    """Return targets of sequences, or bounds of those of steps."""
    classes = form.targets.startswith("classes")
    shape = (size,) if classes else (size, form.values)
    if found.dtype != (np.int64 if classes else np.float64) or found.shape != shape:
        raise ValueError(f"targets are {found.dtype} of {found.shape}")
    if classes:
        _check_labels(form, found, -1 if form.targets.endswith("of steps") else 0)
    return found


def _check_labels(form: Form, labels: Array, least: int) -> None:
    most = 2**31 if form.classes is None else len(form.classes)
    if labels.size and (labels.min() < least or labels.max() >= most):
        raise ValueError(f"classes are {labels.min()} to {labels.max()}")


def _targets_of_sequences(form: Form, arrays: Arrays, size: int) -> Array | LabelSequences | None:
    if form.targets == "none":
        return None
    if form.targets != "labels":
        return _targets(form, arrays["targets"], size)
    labels, lengths = arrays["labels"], _counts(arrays, "label lengths", size, least=0)
    if labels.dtype != np.int64 or labels.shape != (_sum(lengths),):
        raise ValueError(f"labels are {labels.dtype} of {labels.shape}")
    _check_labels(form, labels, 0)
    return LabelSequences(np.split(labels, np.cumsum(lengths)[:-1]), form.classes)
