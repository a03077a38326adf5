"""SequenceBatch: sequences of different lengths in one time-major array, longest first."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from rnnbp._checks import positive_int
from rnnbp.checked import Targets, checked_sequence
from rnnbp.label_sequences import LabelSequences

Array = np.ndarray


@dataclass(frozen=True)
class SequenceBatch:
    """Sequences side by side; those still running at step t are the first ``active[t]``.

    Attributes
    ----------
    x : ndarray (T, B, F), or integer tokens (T, B)
        Zero past a sequence's end.
    lengths : ndarray (B,) of int
        Longest first.
    targets : ndarray or LabelSequences, optional
        One a sequence, (B,) classes or (B, K) values; or one a step, (T, B) classes (-1 past the end) or (T, B, K)
        values (0 past the end). A class of -1 and a value of NaN do not count.
        Or a sequence of labels for each.
    order : ndarray (B,) of int
        ``order[b]`` is the place of sequence b in what the caller gave.

    Examples
    --------
    >>> batch = SequenceBatch.from_array(np.ones((3, 2, 1)), lengths=[1, 3])
    >>> batch.lengths, batch.active, batch.order
    (array([3, 1]), array([2, 1, 1]), array([1, 0]))
    """

    x: Array
    lengths: Array
    targets: Array | LabelSequences | None
    order: Array

    @classmethod
    def from_array(
        cls, x: ArrayLike, lengths: ArrayLike | None = None, targets: ArrayLike | LabelSequences | None = None
    ) -> "SequenceBatch":
        """A batch of padded sequences in any order.

        Parameters
        ----------
        x : array_like (T, B, F), or integer tokens (T, B)
        lengths : array_like (B,) of int, optional
            From 1 to T. Default: T for all.
        targets : array_like or LabelSequences, optional
            One a sequence, (B,) classes or (B, K) values, or one a step, (T, B) classes or (T, B, K) values; or a
            sequence of labels for each.

        Raises
        ------
        ValueError
            If shapes or lengths do not fit.

        Examples
        --------
        >>> SequenceBatch.from_array(np.ones((3, 2, 1)), [1, 3], targets=[[0, 0], [1, 1], [1, 1]]).targets
        array([[ 0,  0],
               [ 1, -1],
               [ 1, -1]])
        """
        x = np.asarray(x)
        if x.ndim not in (2, 3) or 0 in x.shape[:2]:
            raise ValueError(f"x must have shape (T, B, F), or (T, B) for tokens, got {x.shape}")
        T, B = x.shape[:2]
        lengths = np.full(B, T) if lengths is None else np.asarray(lengths)
        if lengths.shape != (B,) or not np.issubdtype(lengths.dtype, np.integer):
            raise ValueError(f"lengths must be integers of shape (B,) = ({B},), got {lengths.dtype} of {lengths.shape}")
        if lengths.min() < 1 or lengths.max() > T:
            raise ValueError(f"lengths must be from 1 to T = {T}, got {lengths.min()} to {lengths.max()}")
        order = np.argsort(-lengths, kind="stable")
        past = np.arange(T)[:, None] >= lengths[order]
        sorted_x = np.ascontiguousarray(x[:, order])
        sorted_x[past] = 0
        ordered = None if targets is None else _ordered(targets, T, order, past)
        return cls(sorted_x, lengths[order].astype(np.int64), ordered, order)

    @property
    def steps(self) -> int:
        """T."""
        return len(self.x)

    @property
    def size(self) -> int:
        """B."""
        return len(self.lengths)

    @property
    def active(self) -> Array:
        """(T,): how many sequences are still running at each step."""
        return np.searchsorted(-self.lengths, -np.arange(self.steps), side="left")

    @property
    def per_step(self) -> bool:
        """Whether the targets are one for each step."""
        if not isinstance(self.targets, np.ndarray) or self.targets.ndim < 2:
            return False
        # (B, K) values may happen to have the shape (T, B); values for each step have three axes.
        values = self.targets.ndim == 2 and self.targets.dtype.kind == "f"
        return not values and self.targets.shape[:2] == self.x.shape[:2]

    def restore(self, array: Array, axis: int = 0) -> Array:
        """`array` with its batch axis in the caller's order.

        Examples
        --------
        >>> SequenceBatch.from_array(np.ones((3, 2, 1)), lengths=[1, 3]).restore(np.array([10, 20]))
        array([20, 10])
        """
        return np.take(array, np.argsort(self.order), axis=axis)

    def span(self, start: int, stop: int) -> "SequenceBatch":
        """The steps from `start` to before `stop`; a sequence that is over has length 0.

        Targets of steps are cut with them; those of sequences stay.

        Examples
        --------
        >>> SequenceBatch.from_array(np.ones((3, 2, 1)), lengths=[1, 3]).span(1, 3).lengths
        array([2, 0])
        """
        targets = self.targets[start:stop] if self.per_step and self.targets is not None else self.targets
        lengths = np.clip(self.lengths - start, 0, len(self.x[start:stop]))
        return SequenceBatch(self.x[start:stop], lengths, targets, self.order)

    def astype(self, dtype: DTypeLike) -> "SequenceBatch":
        """The same with `x` in another dtype; tokens stay as they are.

        Examples
        --------
        >>> SequenceBatch.from_array(np.ones((3, 2, 1))).astype(np.float32).x.dtype
        dtype('float32')
        """
        if np.issubdtype(self.x.dtype, np.integer):
            return self
        return replace(self, x=self.x.astype(dtype))


def _ordered(given: ArrayLike | LabelSequences, T: int, order: Array, past: Array) -> Array | LabelSequences:
    """Targets of `from_array` in the batch's order, blank past the end."""
    B = len(order)
    if isinstance(given, LabelSequences):
        if len(given) != B:
            raise ValueError(f"targets must be labels for each of the B = {B} sequences, got {len(given)}")
        return given[order]
    targets = np.asarray(given)
    values = targets.dtype.kind == "f"
    if targets.shape == (T, B) and values and T != B:
        targets = targets[:, :, None]
    per_step = targets.shape[:2] == (T, B) and not (values and targets.ndim == 2)
    if not per_step and (targets.ndim not in (1, 2) or len(targets) != B):
        raise ValueError(
            f"targets must have shape (B,) or (B, K), or one a step (T, B) or (T, B, K), with T = {T} and B = {B}; "
            f"got {targets.shape}"
        )
    if not per_step:
        return targets[order]
    ordered = targets[:, order]
    ordered[past] = 0 if values else -1
    return ordered


def collate(sequences: Sequence[Array], targets: Targets | None, places: Array) -> SequenceBatch:
    """Some of a dataset's sequences as a batch.

    Parameters
    ----------
    sequences : sequence of ndarray (T_i, F) or (T_i,)
    targets : ndarray (N, ...) or LabelSequences, one a sequence, or list of ndarray (T_i, ...), one a step, or None
    places : ndarray (B,) of int
        Which sequences, in any order.

    Examples
    --------
    >>> batch = collate([np.ones((1, 2)), np.ones((3, 2))], np.array([7, 8]), np.array([0, 1]))
    >>> batch.x.shape, batch.targets
    ((3, 2, 2), array([8, 7]))
    """
    chosen = [sequences[i] for i in places]  # each asked for once: it may have to be loaded
    lengths = np.array([len(s) for s in chosen], np.int64)
    by_length = np.argsort(-lengths, kind="stable")
    places, lengths = np.asarray(places, np.int64)[by_length], lengths[by_length]
    x = _padded([chosen[i] for i in by_length], lengths)
    if targets is None:
        return SequenceBatch(x, lengths, None, places)
    if not isinstance(targets, list):
        return SequenceBatch(x, lengths, targets[places], places)
    per_step = _padded([targets[i] for i in places], lengths)
    if np.issubdtype(per_step.dtype, np.integer):
        per_step[np.arange(len(x))[:, None] >= lengths] = -1
    return SequenceBatch(x, lengths, per_step, places)


def _padded(arrays: Sequence[Array], lengths: Array) -> Array:
    """(T_i, ...) arrays, longest first, as (T, B, ...) with zeros past the end."""
    x = np.zeros((lengths[0], len(arrays), *arrays[0].shape[1:]), arrays[0].dtype)
    if lengths[0] == lengths[-1]:
        return np.stack(arrays, axis=1, out=x)
    for b, array in enumerate(arrays):
        x[: len(array), b] = array
    return x


def stream_batches(
    x: ArrayLike, targets: ArrayLike, batch_size: int, steps: int, dtype: DTypeLike = np.float32
) -> Iterator[SequenceBatch]:
    """One long sequence cut into rows that run in parallel, and those into batches of some steps each.

    Sequence b of a batch goes on where sequence b of the batch before ended, so that a net may keep its state from
    batch to batch. What is left at the end of the stream and does not fill all rows is left out.

    Parameters
    ----------
    x : array_like (N, F), or integer tokens (N,)
    targets : array_like (N,) of int, or (N,) or (N, K) of float
        One a step; (N,) values become (N, 1). -1, or NaN, where a step has none.
    batch_size : int
        B, the number of rows.
    steps : int
        T of each batch; the last may be shorter.
    dtype : dtype, default float32
        Of `x` in the batches; tokens stay integers.

    Returns
    -------
    iterator of SequenceBatch

    Raises
    ------
    ValueError
        If there are fewer steps than rows, or not as many targets as steps, or `x` is not finite.

    Examples
    --------
    >>> [b.x[:, :, 0].T.tolist() for b in stream_batches(np.arange(8)[:, None], np.arange(8), 2, 3)]
    [[[0.0, 1.0, 2.0], [4.0, 5.0, 6.0]], [[3.0], [7.0]]]
    """
    rows, steps = positive_int("batch_size", batch_size), positive_int("steps", steps)
    stream = checked_sequence("x", x, np.dtype(dtype))
    wanted = np.asarray(targets)
    if wanted.ndim not in (1, 2) or len(wanted) != len(stream):
        raise ValueError(f"targets must be one for each of the {len(stream)} steps, got shape {wanted.shape}")
    if len(stream) < rows:
        raise ValueError(f"batch_size must be at most the number of steps, {len(stream)}, got {rows}")
    if wanted.ndim == 2 or wanted.dtype.kind == "f":
        wanted = wanted.reshape(len(wanted), -1).astype(np.float64)
    length, order = len(stream) // rows, np.arange(rows)

    def cut(a: Array) -> Array:
        return np.ascontiguousarray(a[: rows * length].reshape(rows, length, *a.shape[1:]).swapaxes(0, 1))

    def part(start: int) -> SequenceBatch:
        here = wide[start : start + steps]
        return SequenceBatch(here, np.full(rows, len(here)), aims[start : start + steps], order)

    wide, aims = cut(stream), cut(wanted)
    return map(part, range(0, length, steps))
