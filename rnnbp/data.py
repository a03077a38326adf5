"""SequenceDataset: sequences with their targets, and the batches made of them."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, DTypeLike

from rnnbp import frames
from rnnbp._checks import number, positive_int
from rnnbp.batches import SequenceBatch, collate, stream_batches

__all__ = ["SequenceBatch", "SequenceDataset", "collate", "stream_batches"]

Array = np.ndarray


class SequenceDataset:
    """Sequences of any lengths, with a target for each sequence or for each step.

    Parameters
    ----------
    sequences : sequence of array_like (T_i, F), or of integer tokens (T_i,)
        At least one, none empty, all of the same F, without NaN or infinity.
    targets : optional
        One a sequence: N classes (integers, or strings, which are numbered in sorted order) or (N,) or (N, K) values.
        One a step: a list of N arrays, the i-th of length T_i, of classes (-1 where a step has none) or values (NaN
        where a step has none).
    classes : sequence of str, optional
        The classes' names; integer labels must be below their number.
    ids : sequence, optional
        A name for each sequence. Default: 0, 1, ...
    dtype : dtype, default float32
        What the sequences are kept in.

    Attributes
    ----------
    sequences : list of ndarray (T_i, F) or (T_i,)
    targets : ndarray (N,) or (N, K), or list of ndarray (T_i, ...), or None
    classes : tuple of str, or None
    lengths : ndarray (N,)
    feature_size : int
        F; 1 for tokens.

    Raises
    ------
    ValueError
        If anything does not fit; the message names the sequence.

    Examples
    --------
    >>> data = SequenceDataset([np.zeros((7, 12)), np.ones((9, 12))], targets=["no", "yes"])
    >>> data
    SequenceDataset: 2 sequences of 7 to 9 steps, 12 features; 2 classes
    >>> data.targets, data.classes
    (array([0, 1]), ('no', 'yes'))
    """

    def __init__(
        self,
        sequences: Sequence[ArrayLike],
        targets: Any = None,
        *,
        classes: Sequence[str] | None = None,
        ids: Sequence[Any] | None = None,
        dtype: DTypeLike = np.float32,
    ) -> None:
        self.sequences = [_sequence(i, s, dtype) for i, s in enumerate(sequences)]
        if not self.sequences:
            raise ValueError("sequences must hold at least one sequence, got none")
        first = self.sequences[0]
        for i, s in enumerate(self.sequences):
            if s.shape[1:] != first.shape[1:]:
                raise ValueError(f"sequence {i} has shape (T, F) = {s.shape}, but sequence 0 has {first.shape}")
        self.lengths = np.array([len(s) for s in self.sequences])
        self.feature_size = first.shape[1] if first.ndim == 2 else 1
        self.classes = None if classes is None else tuple(map(str, classes))
        self.ids = list(range(len(self))) if ids is None else list(ids)
        if len(self.ids) != len(self):
            raise ValueError(f"ids must be one a sequence, {len(self)}, got {len(self.ids)}")
        self.targets: Array | list[Array] | None = None if targets is None else self._targets(targets)

    def _targets(self, targets: Any) -> Array | list[Array]:
        if len(targets) != len(self):
            raise ValueError(f"targets must be one for each of the {len(self)} sequences, got {len(targets)}")
        if not isinstance(targets, np.ndarray) and all(np.ndim(t) >= 1 for t in targets):
            per_step = [np.asarray(t) for t in targets]
            if all(len(t) == n for t, n in zip(per_step, self.lengths, strict=True)):
                return [self._numbers(t, f"targets of sequence {i}") for i, t in enumerate(per_step)]
            if len({t.shape for t in per_step}) > 1:
                i = next(i for i, t in enumerate(per_step) if len(t) != self.lengths[i])
                raise ValueError(
                    f"targets of sequence {i} are {len(per_step[i])} for its {self.lengths[i]} steps: give one a step"
                )
        array = np.asarray(targets)
        if array.ndim not in (1, 2):
            raise ValueError(f"targets must have shape (N,) or (N, K), or be a list of N arrays, got {array.shape}")
        if array.dtype.kind in "USO":
            array = self._encoded(array)
        return self._numbers(array, "targets")

    def _encoded(self, labels: Array) -> Array:
        """Names of classes as their numbers."""
        names = np.array([str(label) for label in labels])
        if self.classes is None:
            self.classes = tuple(np.unique(names).tolist())
        number_of = {name: k for k, name in enumerate(self.classes)}
        for i, name in enumerate(names):
            if name not in number_of:
                raise ValueError(f"target {name!r} of sequence {i} is not among the classes {', '.join(self.classes)}")
        return np.array([number_of[name] for name in names])

    def _numbers(self, targets: Array, what: str) -> Array:
        """Integers as int64, other numbers as float64; labels within the classes."""
        if targets.dtype.kind in "iub":
            targets = targets.astype(np.int64)
            least = -1 if targets.size and what != "targets" else 0
            top = np.inf if self.classes is None else len(self.classes) - 1
            wrong = (targets < least) | (targets > top)
            if wrong.any() and (self.classes is not None or targets.ndim == 1):
                limit = "0 or more" if self.classes is None else f"from 0 to {len(self.classes) - 1}"
                raise ValueError(f"{what} must be classes {limit}, got {targets[wrong].flat[0]}")
            return targets
        if targets.dtype.kind == "f":
            return targets.astype(np.float64)
        raise ValueError(f"{what} must be numbers or strings, got {targets.dtype}")

    @property
    def per_step(self) -> bool:
        """Whether targets are one a step."""
        return isinstance(self.targets, list)

    def __len__(self) -> int:
        return len(self.sequences)

    def __getitem__(self, place: int) -> tuple[Array, Any]:
        return self.sequences[place], None if self.targets is None else self.targets[place]

    def __iter__(self) -> Iterator[tuple[Array, Any]]:
        return (self[i] for i in range(len(self)))

    def batch(self, dtype: DTypeLike | None = None) -> SequenceBatch:
        """All of it as one batch, longest first.

        Parameters
        ----------
        dtype : dtype, optional
            Default: the dataset's.

        Examples
        --------
        >>> SequenceDataset([np.zeros((7, 12)), np.ones((9, 12))]).batch().x.shape
        (9, 2, 12)
        """
        batch = collate(self.sequences, self.targets, np.arange(len(self)))
        return batch if dtype is None else batch.astype(dtype)

    def batches(
        self,
        batch_size: int,
        shuffle: bool = False,
        rng: np.random.Generator | None = None,
        bucket: int = 1,
    ) -> Iterator[SequenceBatch]:
        """The dataset batch by batch, each sorted longest first.

        Parameters
        ----------
        batch_size : int
            B; the last batch may be smaller.
        shuffle : bool, default False
            In an order that `rng` draws, a new one at each call.
        rng : numpy.random.Generator, optional
            Needed to shuffle.
        bucket : int, default 1
            So many batches' sequences are sorted by length together before they are cut into batches, which then hold
            sequences of like length and little padding; the batches come in random order if shuffled.

        Raises
        ------
        ValueError
            If a size is not a positive integer, or `shuffle` is asked for without `rng`.

        Examples
        --------
        >>> data = SequenceDataset([np.zeros((n, 1)) for n in (2, 9, 3, 8)])
        >>> [b.lengths.tolist() for b in data.batches(2, bucket=2)]
        [[9, 8], [3, 2]]
        """
        positive_int("batch_size", batch_size)
        positive_int("bucket", bucket)
        if shuffle and rng is None:
            raise ValueError("rng is needed to shuffle: numpy.random.default_rng(seed)")
        order = np.arange(len(self)) if rng is None or not shuffle else rng.permutation(len(self))
        parts = _cut(order, batch_size) if bucket == 1 else self._bucketed(order, batch_size, bucket)
        if shuffle and rng is not None and bucket > 1:
            parts = [parts[i] for i in rng.permutation(len(parts))]
        return (collate(self.sequences, self.targets, part) for part in parts)

    def _bucketed(self, order: Array, batch_size: int, bucket: int) -> list[Array]:
        parts = []
        for group in _cut(order, batch_size * bucket):
            parts += _cut(group[np.argsort(-self.lengths[group], kind="stable")], batch_size)
        return parts

    def subset(self, places: Sequence[int] | Array) -> "SequenceDataset":
        """Some of the sequences, in the order asked for.

        Parameters
        ----------
        places : sequence of int, or ndarray of bool (N,)

        Raises
        ------
        ValueError
            If there is none.

        Examples
        --------
        >>> SequenceDataset([np.zeros((n, 1)) for n in (2, 9, 3)]).subset([2, 0]).lengths
        array([3, 2])
        """
        chosen = np.asarray(places)
        chosen = np.flatnonzero(chosen) if chosen.dtype == bool else chosen.astype(np.int64)
        if not chosen.size:
            raise ValueError("places must hold at least one sequence, got none")
        targets = self.targets
        if targets is not None:
            targets = targets[chosen] if isinstance(targets, np.ndarray) else [targets[i] for i in chosen]
        return self._like([self.sequences[i] for i in chosen], targets, [self.ids[i] for i in chosen])

    def _like(self, sequences: list[Array], targets: Any, ids: list[Any]) -> "SequenceDataset":
        return SequenceDataset(sequences, targets, classes=self.classes, ids=ids, dtype=self.sequences[0].dtype)

    def split(self, share: float, seed: int = 0) -> tuple["SequenceDataset", "SequenceDataset"]:
        """Two parts, drawn at random; where targets are classes, with each class in the same proportion.

        Parameters
        ----------
        share : float
            Of the sequences that go to the first part, between 0 and 1.
        seed : int, default 0

        Raises
        ------
        ValueError
            If `share` is not between 0 and 1, or leaves a part empty.

        Examples
        --------
        >>> data = SequenceDataset([np.zeros((2, 1))] * 10, targets=[0] * 6 + [1] * 4)
        >>> [np.bincount(part.targets).tolist() for part in data.split(0.5)]
        [[3, 2], [3, 2]]
        """
        number("share", share, 0, 1)
        order = np.random.default_rng(seed).permutation(len(self))
        if isinstance(self.targets, np.ndarray) and self.targets.dtype.kind == "i" and self.targets.ndim == 1:
            order = order[np.argsort(self.targets[order], kind="stable")]
        # Along the order, the first part gets the next sequence whenever it has fallen behind its share.
        ahead = np.floor(np.arange(1, len(self) + 1) * share + 0.5)
        first = np.diff(ahead, prepend=0) > 0
        return self.subset(np.sort(order[first])), self.subset(np.sort(order[~first]))

    def map(self, function: Callable[[Array], ArrayLike]) -> "SequenceDataset":
        """`function` applied to every sequence (T_i, F); targets stay.

        Examples
        --------
        >>> SequenceDataset([np.ones((2, 3))]).map(lambda x: x[:, :1]).feature_size
        1
        """
        return self._like([np.asarray(function(s)) for s in self.sequences], self.targets, self.ids)

    def statistics(self) -> tuple[Array, Array]:
        """Mean and standard deviation of each feature over all steps, (F,) and (F,) in float64.

        Examples
        --------
        >>> SequenceDataset([np.array([[1.0], [3.0]])]).statistics()
        (array([2.]), array([1.]))
        """
        everything = np.concatenate(self.sequences).astype(np.float64).reshape(-1, self.feature_size)
        return everything.mean(axis=0), everything.std(axis=0)

    def describe(self) -> pd.DataFrame:
        """Counts and lengths, over all and for each class.

        Examples
        --------
        >>> SequenceDataset([np.zeros((7, 12)), np.ones((9, 12))], targets=["a", "b"]).describe()
             sequences  steps  shortest  median  longest
        all          2     16         7     8.0        9
        a            1      7         7     7.0        7
        b            1      9         9     9.0        9
        """
        groups = {"all": np.ones(len(self), bool)}
        if isinstance(self.targets, np.ndarray) and self.targets.dtype.kind == "i" and self.targets.ndim == 1:
            for k in range(int(self.targets.max()) + 1):
                groups[self.classes[k] if self.classes else str(k)] = self.targets == k
        rows = {}
        for name, member in groups.items():
            lengths = self.lengths[member] if member.any() else np.zeros(1, int)
            rows[name] = (int(member.sum()), lengths.sum(), lengths.min(), float(np.median(lengths)), lengths.max())
        columns = ["sequences", "steps", "shortest", "median", "longest"]
        return pd.DataFrame.from_dict(rows, orient="index", columns=columns)

    def to_frame(self) -> pd.DataFrame:
        """One row a step: `sequence` (its id), `step`, a column a feature, and `target` if there are targets.

        Examples
        --------
        >>> SequenceDataset([np.array([[1.0], [3.0]])], targets=["yes"]).to_frame()
           sequence  step   x0 target
        0         0     0  1.0    yes
        1         0     1  3.0    yes
        """
        return frames.to_frame(self.sequences, self.targets, self.classes, self.ids)

    @classmethod
    def from_frame(
        cls,
        frame: pd.DataFrame,
        *,
        sequence: str = "sequence",
        step: str = "step",
        target: str | Sequence[str] | None = "target",
        features: Sequence[str] | None = None,
        dtype: DTypeLike = np.float32,
    ) -> "SequenceDataset":
        """From a long table, one row a step.

        A target that is the same at all steps of every sequence is one a sequence; otherwise it is one a step.

        Parameters
        ----------
        frame : DataFrame
        sequence, step : str
            The columns that say which sequence, in order of appearance, and which step, sorted.
        target : str, or several, or None
            The column, or columns of values; None, or a single default column that is not there: no targets.
        features : sequence of str, optional
            Default: all other columns.
        dtype : dtype, default float32

        Raises
        ------
        ValueError
            If a column is missing or a sequence has a step twice.

        Examples
        --------
        >>> frame = pd.DataFrame({"sequence": [1, 1, 2], "step": [0, 1, 0], "x": [0.5, 1, 2]})
        >>> frame["target"] = ["a", "a", "b"]
        >>> SequenceDataset.from_frame(frame)
        SequenceDataset: 2 sequences of 1 to 2 steps, 1 features; 2 classes
        """
        sequences, targets, ids = frames.from_frame(frame, sequence, step, target, features)
        return cls(sequences, targets, ids=ids, dtype=dtype)

    @classmethod
    def from_padded(
        cls, x: ArrayLike, lengths: ArrayLike | None = None, targets: Any = None, *, dtype: DTypeLike = np.float32
    ) -> "SequenceDataset":
        """From a padded array, batch first.

        Parameters
        ----------
        x : array_like (N, T, F)
        lengths : array_like (N,) of int, optional
            Default: T for all.
        targets : optional
            (N,) or (N, K), one a sequence; or (N, T) or (N, T, K) with at least as many axes as `x` less one and T
            steps: one a step, cut to the lengths.
        dtype : dtype, default float32

        Raises
        ------
        ValueError
            If the shapes do not fit or a length is not from 1 to T.

        Examples
        --------
        >>> SequenceDataset.from_padded(np.zeros((2, 5, 3)), lengths=[5, 2]).lengths
        array([5, 2])
        """
        x = np.asarray(x)
        if x.ndim != 3:
            raise ValueError(f"x must have shape (N, T, F), got {x.shape}")
        N, T = x.shape[:2]
        lengths = np.full(N, T) if lengths is None else np.asarray(lengths)
        if lengths.shape != (N,) or lengths.min() < 1 or lengths.max() > T:
            raise ValueError(f"lengths must be {N} integers from 1 to T = {T}, got {lengths!r}")
        if targets is not None and not isinstance(targets, list):
            targets = np.asarray(targets)
            if targets.ndim >= 2 and targets.shape[:2] == (N, T):
                targets = [t[:n] for t, n in zip(targets, lengths, strict=True)]
        return cls([s[:n] for s, n in zip(x, lengths, strict=True)], targets, dtype=dtype)

    @classmethod
    def from_stream(
        cls, x: ArrayLike, targets: ArrayLike, batch_size: int, steps: int, *, dtype: DTypeLike = np.float32
    ) -> "SequenceDataset":
        """One long sequence as pieces, in such an order that ``batches(batch_size)`` go on from one another.

        For `rnnbp.Trainer` with ``stateful=True`` and the same `batch_size`.

        Parameters
        ----------
        x, targets, batch_size, steps
            As `rnnbp.data.stream_batches` takes them.
        dtype : dtype, default float32

        Raises
        ------
        ValueError
            As `rnnbp.data.stream_batches`.

        Examples
        --------
        >>> data = SequenceDataset.from_stream(np.arange(8)[:, None], np.arange(8), batch_size=2, steps=3)
        >>> [s[:, 0].astype(int).tolist() for s in data.sequences]
        [[0, 1, 2], [4, 5, 6], [3], [7]]
        """
        batches = list(stream_batches(x, targets, batch_size, steps))
        pieces = [(b.x[:, r], np.asarray(b.targets)[:, r]) for b in batches for r in range(b.size)]
        return cls([p for p, _ in pieces], [t for _, t in pieces], dtype=dtype)

    def __repr__(self) -> str:
        low, high = self.lengths.min(), self.lengths.max()
        steps = f"{low} to {high}" if low != high else str(low)
        inside = f"{self.feature_size} features" if self.sequences[0].ndim == 2 else "tokens"
        return f"SequenceDataset: {len(self)} sequences of {steps} steps, {inside}; {self._task()}"

    def _task(self) -> str:
        if self.targets is None:
            return "no targets"
        where = "a step" if self.per_step else "a sequence"
        if self.classes:
            return f"{len(self.classes)} classes" + (" a step" if self.per_step else "")
        return f"{'classes' if np.asarray(self.targets[0]).dtype.kind == 'i' else 'values'} {where}"


def _sequence(i: int, values: ArrayLike, dtype: DTypeLike) -> Array:
    s = np.asarray(values)
    if s.ndim == 1 and s.dtype.kind in "iu":
        s = s.astype(np.int64)
    elif s.ndim != 2 or s.dtype.kind not in "iufb":
        raise ValueError(f"sequence {i} must have shape (T, F), or (T,) for integer tokens, got {s.dtype} of {s.shape}")
    else:
        s = s.astype(dtype)
    if not len(s) or not s.size:
        raise ValueError(f"sequence {i} is empty: it has shape {s.shape}")
    if s.dtype.kind == "f" and not np.isfinite(s).all():
        t, f = np.argwhere(~np.isfinite(s))[0]
        raise ValueError(f"sequence {i} holds {s[t, f]} at step {t}, feature {f}: inputs must be finite")
    return s


def _cut(order: Array, size: int) -> list[Array]:
    return [order[i : i + size] for i in range(0, len(order), size)]
