"""ShardedDataset: a dataset in files, of which a few are in memory at a time."""

import copy
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, DTypeLike

from rnnbp.data.batch import SequenceBatch
from rnnbp.data.class_names import listed
from rnnbp.data.dataset import SequenceDataset, whole_batches
from rnnbp.data.frames import default_names
from rnnbp.data.labels import LabelSequences
from rnnbp.data.lazy import LazySequences
from rnnbp.data.parts import check_share
from rnnbp.data.shards.batching import Batching
from rnnbp.data.shards.collating import Collator, stream
from rnnbp.data.shards.index import read_index
from rnnbp.data.shards.layout import row_bytes
from rnnbp.data.shards.reader import Reader
from rnnbp.data.shards.steps import StepField
from rnnbp.data.splits import chosen_places, first_batch
from rnnbp.data.targets import checked_classes
from rnnbp.data.validation import checked_sequence
from rnnbp.runtime import checked_path, natural_int, positive_int, require

Array = np.ndarray
MEMORY = 2**27  # bytes


def load_shards(folder: str | Path, memory: int = MEMORY, *, buffer: int | None = None) -> "ShardedDataset":
    """Return the dataset in a folder that `write_shards` wrote, to train on or to evaluate.

    Only the index is read now: lengths, targets of sequences, ids, info. It takes memory for each sequence, of which
    there may be millions.

    Parameters
    ----------
    folder : str or Path
    memory : int, default 2**27
        Bytes that shards may take at any time while batches are made: those that are mixed, the one that is read ahead,
        and the bytes of its file. A batch itself comes on top of that, as of any dataset.
    buffer : int, optional
        Number of shards of which a shuffled batch mixes the sequences. Default: as many as fit in `memory`; all of
        them, where all do, and then batches are those of the same dataset in memory, bit for bit.

    Returns
    -------
    ShardedDataset

    Raises
    ------
    FileNotFoundError
        If there is no such folder, or it is not one of shards, or a shard is missing.
    ImportError
        If pyarrow is not installed.
    ValueError
        If the index is damaged, a shard has not the size that it says, or `memory` is too small for these shards.

    See Also
    --------
    write_shards : writes such a folder.

    Examples
    --------
    >>> import pyarrow, rnnbp, tempfile
    >>> folder = Path(tempfile.mkdtemp()) / "shards"
    >>> rnnbp.write_shards(((np.full((5 + i % 3, 2), i), i % 2) for i in range(100)), folder, sequences_per_shard=10)
    >>> data = load_shards(folder)
    >>> data
    ShardedDataset: 100 sequences of 5 to 7 steps, 2 features; classes a sequence
    >>> model = rnnbp.Sequential(rnnbp.GRU(2, 4), rnnbp.Last(), rnnbp.Dense(4, 2))
    >>> trainer = rnnbp.Trainer(model, rnnbp.CrossEntropy())
    >>> len(trainer.fit(data, epochs=2, progress=False))
    2
    """
    require("pyarrow", extra="parquet")
    natural_int("memory", memory)
    width = None if buffer is None else positive_int("buffer", buffer)
    return ShardedDataset(Reader(read_index(checked_path("folder", folder))), memory, width)


class ShardedDataset(SequenceDataset):
    """Dataset in a folder of shards, read by a thread while batches are made; made by `load_shards`.

    It is a `SequenceDataset` to a trainer, a model and an evaluation: `batches`, subsets, splits, maps, iteration, and
    access to single sequences read what they need. What needs all steps at once, `cut`, `shifted`, `batch` and
    `to_frame`, does it in memory, and raises where they do not fit.

    Attributes
    ----------
    reader : Reader
        Of the shards of the folder.
    sequences : LazySequences
    targets : ndarray (N,) or (N, K), LabelSequences or None; or StepField, which is read on access
    weights, resets
        As of a SequenceDataset; a StepField where they are one a step.
    memory : int
    buffer : int, or None
        As `load_shards` takes them.

    See Also
    --------
    load_shards, write_shards

    Examples
    --------
    >>> import pyarrow, rnnbp, tempfile
    >>> folder = Path(tempfile.mkdtemp()) / "shards"
    >>> rnnbp.write_shards(((np.full((5, 2), i), i % 3) for i in range(100)), folder, sequences_per_shard=10)
    >>> train, test = load_shards(folder).split(0.8)
    >>> train, test.sequences[0].shape
    (ShardedDataset: 80 sequences of 5 steps, 2 features; classes a sequence, (5, 2))
    """

    def __init__(self, reader: Reader, memory: int, buffer: int | None) -> None:
        index, form = reader.index, reader.index.form
        self.reader, self.memory, self.buffer = reader, memory, buffer
        self.places = np.arange(len(index.lengths))
        self.dtype, self.feature_size = np.dtype(form.dtype), form.features or 1
        self.feature_names = tuple(form.feature_names)
        self.classes = None if form.classes is None else tuple(form.classes)
        self.tokenizer, self.rows = form.tokenizer, form.rows
        load = partial(reader.steps, "x")
        first = int(index.lengths[0]) * (form.features * self.dtype.itemsize or 8)
        self.sequences = self._unmapped = LazySequences(load, len(index.lengths), first, lengths=index.lengths)
        self.targets: Any = self._field("target", index.targets)
        self.weights: Any = self._field("weight", index.weights)
        self.resets: Any = self._field("reset", None)
        self._mapped: tuple[Callable[[Array], ArrayLike], ...] = ()
        self._batching.check_memory()

    def _field(self, name: str, of_sequences: Any) -> Any:
        """Return what is one a step, where shards have such a column, else what is one a sequence."""
        index = self.reader.index
        column = next((one for one in index.form.layout if one.name == name), None)
        if column is None:
            return of_sequences
        dtype = np.dtype(bool if name == "reset" else column.dtype)
        return StepField(partial(self.reader.steps, name), self.places, dtype, *index.bounds.get(name, ()))

    @property
    def lengths(self) -> Array:  # there cached
        """T_i (N,)."""
        return self.reader.index.lengths[self.places]

    @property
    def ids(self) -> list[Any]:  # type: ignore[override]  # of millions of sequences they are made where needed
        """A name for each sequence."""
        ids = self.reader.index.ids
        return self.places.tolist() if ids is None else [ids[i] for i in self.places.tolist()]

    @property
    def info(self) -> pd.DataFrame | None:  # type: ignore[override]
        """Further information on each sequence, one row each."""
        info = self.reader.index.info
        return None if info is None else info.iloc[self.places].reset_index(drop=True)

    @property
    def per_step(self) -> bool:
        """Whether targets are one a step."""
        return isinstance(self.targets, StepField | list)

    @property
    def labelled(self) -> bool:
        """Whether targets are classes."""
        return self.targets.dtype.kind == "i" if isinstance(self.targets, StepField) else super().labelled

    def subset(self, places: Sequence[int] | Array) -> Self:
        chosen = chosen_places(places, len(self))
        part = copy.copy(self)
        part.places, part._unmapped = self.places[chosen], self._unmapped.chosen(chosen)
        part.sequences = self.sequences.chosen(chosen) if self._mapped else part._unmapped
        for name in ("targets", "weights", "resets"):
            field = getattr(self, name)
            if isinstance(field, list):  # of a summary
                setattr(part, name, [field[i] for i in chosen])
            elif field is not None:
                setattr(part, name, field[chosen])
        part.rows = self.rows if self.rows and whole_batches(chosen, self.rows) else None
        return part

    def map(self, function: Callable[[Array], ArrayLike]) -> Self:
        """Return the dataset with `function` applied to every sequence (T_i, F) when it is read.

        Parameters
        ----------
        function : callable
            Maps a sequence, which it may not change, to one of the same length.

        Raises
        ------
        ValueError
            If the first sequence is mapped to one of another length; if another one is, on access.
        """
        part = copy.copy(self)
        part._mapped = (*self._mapped, function)
        first = part._applied(0, self._unmapped[0])
        part.feature_size = first.shape[1] if first.ndim == 2 else 1
        alike = first.shape[1:] == self.sequences[0].shape[1:]
        part.feature_names = self.feature_names if alike else default_names(first)
        load = partial(_mapped_at, part, part._unmapped)
        part.sequences = LazySequences(load, len(self), first.nbytes, lengths=self.lengths)
        return part

    def _applied(self, place: int, sequence: Array) -> Array:
        """Return a sequence as read with the functions of `map` applied."""
        for function in self._mapped:
            found = checked_sequence(f"sequence {place}, mapped,", function(sequence), self.dtype)
            if len(found) != len(sequence):
                raise ValueError(
                    f"map must not change the number of steps of sequences in shards, and gives {len(found)} for the "
                    f"{len(sequence)} of sequence {place}: map them before write_shards"
                )
            sequence = found
        return sequence

    def with_classes(self, classes: Sequence[str]) -> Self:
        if not isinstance(self.targets, StepField) or self.classes is None:
            return super().with_classes(classes)
        wanted = checked_classes(classes)
        if wanted is None or wanted == self.classes:
            return self
        new_of = {name: k for k, name in enumerate(wanted)}
        unknown = [name for name in self.classes if name not in new_of]
        if unknown:
            raise ValueError(f"the classes {listed(unknown)} are not among {listed(wanted)}")
        part = copy.copy(self)
        part.classes = wanted
        part.targets = self.targets.renumbered(np.array([*(new_of[name] for name in self.classes), -1]))
        return part

    def summarized(self) -> Self:
        """Return the dataset with what is one a step by its least and largest value, for checks that read no shard."""
        part = copy.copy(self)
        part.targets, part.weights = (
            field.bounds if isinstance(field, StepField) else field for field in (self.targets, self.weights)
        )
        return part

    def in_memory(self) -> SequenceDataset:
        """Return the dataset in memory.

        Raises
        ------
        ValueError
            If its steps take more than `memory`.

        Examples
        --------
        >>> import pyarrow, rnnbp, tempfile
        >>> folder = Path(tempfile.mkdtemp()) / "shards"
        >>> rnnbp.write_shards(((np.full((5, 2), i), i) for i in range(100)), folder)
        >>> load_shards(folder)[90:].in_memory().targets
        array([90, 91, 92, 93, 94, 95, 96, 97, 98, 99])
        """
        needed = int(self.lengths.sum()) * row_bytes(self.reader.index.form.layout)
        if needed > self.memory:
            raise ValueError(
                f"the {len(self)} sequences take {needed} bytes, and memory= of load_shards is {self.memory}: do this "
                "before write_shards, or with a subset"
            )
        lists = {name: getattr(self, name) for name in ("targets", "weights", "resets")}
        targets, weights, resets = (list(field) if isinstance(field, StepField) else field for field in lists.values())
        names: dict[str, Any] = {"classes": self.classes, "ids": self.ids, "info": self.info}
        per_step = None if targets is None or isinstance(targets, LabelSequences) else self.per_step
        whole = SequenceDataset(
            *(list(self.sequences), targets),
            **names,
            feature_names=self.feature_names,
            per_step=per_step,
            resets=resets,
            weights=weights,
            dtype=self.dtype,
        )
        whole.tokenizer, whole.rows = self.tokenizer, self.rows
        return whole

    def batch(self, dtype: DTypeLike | None = None) -> SequenceBatch:
        return self.in_memory().batch(dtype)

    def cut(self, steps: int) -> Any:
        return self.in_memory().cut(steps)

    def shifted(self, steps: int = 1, features: str | int | Sequence[str | int] | None = None) -> SequenceDataset:
        return self.in_memory().shifted(steps, features)

    def to_frame(self, info: str | Sequence[str] = ()) -> pd.DataFrame:
        return self.in_memory().to_frame(info)

    def batches(
        self,
        batch_size: int,
        shuffle: bool = False,
        rng: np.random.Generator | None = None,
        bucket: int = 1,
        start: int = 0,
        share: tuple[int, int] | None = None,
    ) -> Iterator[SequenceBatch]:
        """Iterate over the dataset in batches, each sorted by length, while a thread reads the next shard.

        As `SequenceDataset.batches`, but that with `shuffle` the sequences of `buffer` shards are mixed, and with
        `bucket` the batches that are sorted together stay together. Shards that are needed only before `start` are not
        read.

        Parameters
        ----------
        batch_size, shuffle, rng, bucket, start
            As of `SequenceDataset.batches`.
        share : (int, int), optional
            Rank and number of ranks. Batches are the same whatever the number of ranks is. Where a batch mixes at least
            twice as many shards as there are ranks, each rank reads shards of its own, and its part of a batch is what
            it has of them; else the sequences of a batch are dealt out in turn, and each rank reads all shards. A
            padding sequence has zeros.

        Raises
        ------
        FileNotFoundError, ValueError
            While iterating: if a shard is missing or damaged; the message names its file.
        ValueError
            If an argument is wrong, or these batches need more shards at a time than `memory` takes.
        """
        first = first_batch(len(self), batch_size, shuffle, rng, bucket, start)
        own = None if share is None else check_share(share)
        parts = self._batching.parts(batch_size, rng if shuffle else None, bucket, own)[first:]
        collator = Collator(
            self.reader.index,
            self.places,
            self.targets,
            self.weights,
            self._applied if self._mapped else None,
            self.feature_size,
        )
        return stream(self.reader, self._batching.file_bytes, self._batching.schedule(parts), parts, collator)

    def repeated(self, batch_size: int, share: tuple[int, int] | None = None) -> Iterable[SequenceBatch]:
        return _Repeated(self, batch_size, share)

    @property
    def _batching(self) -> Batching:
        return Batching(self.reader.index, self.places, self.memory, self.buffer)


@dataclass(frozen=True)
class _Repeated:
    """Batches of a dataset in order, which are read again by each iteration."""

    data: ShardedDataset
    batch_size: int
    share: tuple[int, int] | None = None

    def __iter__(self) -> Iterator[SequenceBatch]:
        return self.data.batches(self.batch_size, share=self.share)


def _mapped_at(data: ShardedDataset, sequences: LazySequences, place: int) -> Array:
    return data._applied(place, sequences.uncached(place))
