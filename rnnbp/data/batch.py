"""Batch of sequences of different lengths in one time-major array, longest first."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from rnnbp.data.batch_fields import check_fields, checked_reset, ordered_targets, targets_per_step
from rnnbp.data.labels import LabelSequences
from rnnbp.data.parts import BatchPart, Share
from rnnbp.data.targets import Targets
from rnnbp.data.validation import checked_sequence, one_feature
from rnnbp.data.weights import Weights, chosen_weights, padded_weights
from rnnbp.runtime import (
    as_array,
    counted,
    flag,
    floating,
    integer,
    named_axes,
    natural_int,
    of_type,
    positive_int,
    refuses_by_name,
)

Array = np.ndarray
ByPlace = Sequence[Array] | Mapping[int, Array]


@refuses_by_name
@dataclass(frozen=True, repr=False)
class SequenceBatch:
    """Batch of padded sequences, sorted by length: those that are active at step t are the first ``active[t]``.

    Parameters
    ----------
    x : ndarray (T, B, F), or integer tokens (T, B)
        Zero past a sequence's end.
    lengths : ndarray (B,) of int
        Longest first. `from_array` takes any order.
    targets : ndarray or LabelSequences, optional
        One a sequence, (B,) classes or values, or (B, K) values; or one a step, (T, B) classes (-1 past the end) or
        (T, B, K) values (0 past the end). A class of -1 and a value of NaN do not count. Integers are classes, except
        where they have three axes. Or a sequence of labels for each.
    order : ndarray (B,) of int, optional
        ``order[b]`` is the index of sequence b in the caller's order. Default: 0, 1, ...
    reset : array_like (T, B) of bool, optional
        Where the state of a sequence is set back to the initial state before the step, as at the beginning of an
        episode. The gradient stops there. Default: nowhere.
    weights : array_like (B,) or (T, B), optional
        Weight of each sequence in the loss, or, where targets are one a step, of each step: 0 or more, and 0 past the
        end. A sequence's weight counts for each of its steps. Default: 1 for all.
    part : BatchPart, optional
        Which sequences of a larger batch these are, where several processes compute it together
        (`rnnbp.SequenceDataset.batches` with `share`). Default: it is the whole batch.

    Attributes
    ----------
    x, lengths, targets, order, reset, weights, part
        As above.
    per_step : bool
        Whether the targets are one for each step. It follows from whether they are integers and from their number of
        axes, never from sizes.

    Raises
    ------
    ValueError
        If shapes or dtypes do not fit, or the lengths are not sorted.

    Examples
    --------
    >>> batch = SequenceBatch.from_array(np.ones((3, 2, 1)), lengths=[1, 3])
    >>> batch
    SequenceBatch: 2 sequences of 1 to 3 steps, x (T, B, F) = (3, 2, 1) float64; no targets
    >>> batch.lengths, batch.active, batch.order
    (array([3, 1]), array([2, 1, 1]), array([1, 0]))
    """

    x: Array
    lengths: Array
    targets: Array | LabelSequences | None = None
    order: Array = None  # type: ignore[assignment]  # the default needs B
    reset: Array | None = field(default=None, kw_only=True)
    weights: Array | None = field(default=None, kw_only=True)
    part: BatchPart | None = field(default=None, kw_only=True, compare=False)
    per_step: bool = field(init=False)

    def __post_init__(self) -> None:
        given = {"x": as_array("x", self.x), "lengths": as_array("lengths", self.lengths)}
        given["order"] = np.arange(given["lengths"].size) if self.order is None else as_array("order", self.order)
        check_fields(**given)
        targets = self.targets
        if targets is not None and not isinstance(targets, LabelSequences):
            given["targets"] = targets = as_array("targets", targets)
        if self.part is not None:  # a batch has none but under MPI, and is made for every span
            of_type("part", self.part, BatchPart | None)
        T, B = given["x"].shape[:2]
        per_step = targets_per_step(targets, T, B)
        if self.weights is not None:
            given["weights"] = padded_weights(self.weights, T, B, per_step or targets is None)
        for name, value in given.items():
            object.__setattr__(self, name, value)
        object.__setattr__(self, "reset", checked_reset(self.reset, given["lengths"], len(given["x"])))
        object.__setattr__(self, "per_step", per_step)

    @classmethod
    def _fitting(
        cls,
        x: Array,
        lengths: Array,
        targets: Array | LabelSequences | None,
        order: Array,
        reset: Array | None = None,
        weights: Array | None = None,
        part: BatchPart | None = None,
    ) -> "SequenceBatch":
        """Return a batch of arrays that are known to fit each other, which takes a fifth of the time of the checks."""
        made = object.__new__(cls)
        per_step = targets_per_step(targets, *x.shape[:2])
        vars(made).update(x=x, lengths=lengths, targets=targets, order=order, reset=reset, weights=weights)
        vars(made).update(per_step=per_step, part=part)
        return made

    @classmethod
    @refuses_by_name
    def from_array(
        cls,
        x: ArrayLike,
        lengths: ArrayLike | None = None,
        targets: ArrayLike | LabelSequences | None = None,
        *,
        per_step: bool | None = None,
        reset: ArrayLike | None = None,
        weights: ArrayLike | None = None,
    ) -> "SequenceBatch":
        """Create a batch from padded sequences in any order.

        Parameters
        ----------
        x : array_like (T, B, F), or integer tokens (T, B)
        lengths : array_like (B,) of int, optional
            From 1 to T. Default: T for all.
        targets : array_like or LabelSequences, optional
            One a sequence, (B,) classes or values; or one a step, (T, B) classes or values, or (T, B, K) values; or a
            sequence of labels for each. (B, K) values a sequence need ``per_step=False``.
        per_step : bool, optional
            Whether targets of two axes are one a step. Default: True, whatever their sizes.
        reset : array_like (T, B) of bool, optional
            Where the state of a sequence is set back to the initial state before the step. Default: nowhere.
        weights : array_like (B,) or (T, B), optional
            One a sequence, or, where targets are one a step, one a step; those past the end are set to 0.

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
        >>> SequenceBatch.from_array(np.ones((3, 2, 1)), targets=np.zeros((2, 5)), per_step=False)
        SequenceBatch: 2 sequences of 3 steps, x (T, B, F) = (3, 2, 1) float64; targets (B, K) = (2, 5) float64
        """
        x = as_array("x", x)
        if x.ndim not in (2, 3) or 0 in x.shape[:2] or (x.ndim == 2 and x.dtype.kind not in "iu"):
            raise ValueError(
                f"x must have shape (T, B, F), or (T, B) for integer tokens, got {x.dtype} of {x.shape}"
                f"{one_feature(x, '(T, B)')}"
            )
        T, B = x.shape[:2]
        lengths = np.full(B, T) if lengths is None else as_array("lengths", lengths)
        if lengths.shape != (B,) or not np.issubdtype(lengths.dtype, np.integer):
            raise ValueError(f"lengths must be integers of shape (B,) = ({B},), got {lengths.dtype} of {lengths.shape}")
        if lengths.min() < 1 or lengths.max() > T:
            raise ValueError(f"lengths must be from 1 to T = {T}, got {lengths.min()} to {lengths.max()}")
        order = np.argsort(-lengths, kind="stable")
        past = np.arange(T)[:, None] >= lengths[order]
        sorted_x = np.ascontiguousarray(x[:, order])
        sorted_x[past] = 0
        ordered = ordered_targets(targets, order, past, per_step)
        flags = checked_reset(reset, lengths, T)
        flags = None if flags is None else flags[:, order]
        if weights is not None:
            weights = padded_weights(weights, T, B, per_step=True)[..., order]
            weights = np.where(past, 0, weights) if weights.ndim == 2 else weights
        return cls(sorted_x, lengths[order].astype(np.int64), ordered, order, reset=flags, weights=weights)

    @property
    def steps(self) -> int:
        """T, the number of steps of the longest sequence."""
        return len(self.x)

    @property
    def size(self) -> int:
        """B, the number of sequences."""
        return len(self.lengths)

    @property
    def active(self) -> Array:
        """Number of sequences (T,) that have not ended before each step."""
        return np.searchsorted(-self.lengths, -np.arange(self.steps), side="left")

    @refuses_by_name
    def restore(self, array: Array, axis: int = 0) -> Array:
        """Return `array` with its batch axis in the caller's order.

        Examples
        --------
        >>> SequenceBatch.from_array(np.ones((3, 2, 1)), lengths=[1, 3]).restore(np.array([10, 20]))
        array([20, 10])
        """
        axis, shape = integer("axis", axis), np.shape(array)
        if not (-len(shape) <= axis < len(shape) and shape[axis] == self.size):
            raise ValueError(f"array must have B = {self.size} sequences along axis {axis}, got shape {shape}")
        return np.take(array, np.argsort(self.order), axis=axis)

    @refuses_by_name
    def span(self, start: int, stop: int) -> "SequenceBatch":
        """Return the batch of the steps from `start` to before `stop`; a sequence past its end has length 0.

        Targets and weights of steps are cut in the same way; those of sequences are unchanged.

        Examples
        --------
        >>> SequenceBatch.from_array(np.ones((3, 2, 1)), lengths=[1, 3]).span(1, 3).lengths
        array([2, 0])
        """
        start, stop = _steps(start, stop)
        lengths = np.clip(self.lengths - start, 0, len(self.x[start:stop]))
        reset = None if self.reset is None else self.reset[start:stop]
        targets, weights = self.targets_of(start, stop), self.weights_of(start, stop)
        return SequenceBatch(self.x[start:stop], lengths, targets, self.order, reset=reset, weights=weights)

    def targets_of(self, start: int, stop: int) -> Array | LabelSequences | None:
        """Return the targets of the steps from `start` to before `stop`; those of sequences whole.

        Examples
        --------
        >>> SequenceBatch(np.ones((3, 2, 1)), np.array([3, 3]), np.zeros((3, 2), int)).targets_of(1, 2)
        array([[0, 0]])
        """
        start, stop = _steps(start, stop)
        return self.targets[start:stop] if self.per_step and self.targets is not None else self.targets

    def weights_of(self, start: int, stop: int) -> Array | None:
        """Return the weights of the steps from `start` to before `stop`; those of sequences whole; None for all 1.

        Examples
        --------
        >>> SequenceBatch(np.ones((3, 2, 1)), np.array([3, 3]), weights=[1, 0.5]).weights_of(1, 2)
        array([1. , 0.5])
        """
        start, stop = _steps(start, stop)
        return self.weights if self.weights is None or self.weights.ndim == 1 else self.weights[start:stop]

    @refuses_by_name
    def due(self, start: int, stop: int, per_step: bool) -> Array:
        """Return the mask of the outputs that are due in the steps from `start` to before `stop`.

        Parameters
        ----------
        start, stop : int
        per_step : bool
            Whether the model has an output for each step, or one for each sequence, due at its last step.

        Returns
        -------
        ndarray of bool (stop - start, B), or (B,)

        Examples
        --------
        >>> batch = SequenceBatch.from_array(np.ones((3, 2, 1)), lengths=[1, 3])
        >>> batch.due(0, 2, per_step=True).tolist(), batch.due(0, 2, per_step=False).tolist()
        ([[True, True], [True, False]], [False, True])
        """
        start, stop = _steps(start, stop)
        if flag("per_step", per_step):
            return np.arange(start, stop)[:, None] < self.lengths
        return (start < self.lengths) & (self.lengths <= stop)

    def astype(self, dtype: DTypeLike) -> "SequenceBatch":
        """Return the batch with `x` in another dtype; tokens are unchanged.

        Examples
        --------
        >>> SequenceBatch.from_array(np.ones((3, 2, 1))).astype(np.float32).x.dtype
        dtype('float32')
        """
        if np.issubdtype(self.x.dtype, np.integer):
            return self
        return replace(self, x=self.x.astype(floating("dtype", dtype)))

    def __repr__(self) -> str:
        low, high = self.lengths.min(initial=self.steps), self.lengths.max(initial=0)
        steps = f"{low} to {high} steps" if low != high else counted(low, "step")
        targets = "no targets" if self.targets is None else f"targets {self._shape_of_targets()}"
        x = f"x {named_axes(self.x.shape, ('T', 'B', 'F'))} {self.x.dtype}"
        w = self.weights
        weights = "" if w is None else f"; weights {named_axes(w.shape, ('T', 'B')[-w.ndim :])}"
        return f"{type(self).__name__}: {counted(self.size, 'sequence')} of {steps}, {x}; {targets}{weights}"

    def _shape_of_targets(self) -> str:
        if not isinstance(self.targets, np.ndarray):
            return repr(self.targets)
        axes = ("T", "B", "K") if self.per_step else ("B", "K")
        return f"{named_axes(self.targets.shape, axes)} {self.targets.dtype}"


def collate(
    sequences: ByPlace,
    targets: Targets | ByPlace | None,
    places: Array,
    resets: ByPlace | None = None,
    weights: Weights | ByPlace | None = None,
) -> SequenceBatch:
    """Return a batch of some sequences of a dataset.

    Parameters
    ----------
    sequences : sequence of ndarray (T_i, F) or (T_i,)
        Or a dict of those at `places`, and so for everything that is one array a sequence.
    targets : ndarray (N, ...) or LabelSequences, one a sequence, or list of ndarray (T_i, ...), one a step, or None
    places : ndarray (B,) of int
        Indices of the sequences, in any order.
    resets : sequence of ndarray (T_i,) of bool, optional
        Flags of the steps before which the state is set back to the initial state.
    weights : ndarray (N,), one a sequence, or list of ndarray (T_i,), one a step, optional

    Examples
    --------
    >>> batch = collate([np.ones((1, 2)), np.ones((3, 2))], np.array([7, 8]), np.array([0, 1]))
    >>> batch.x.shape, batch.targets
    ((3, 2, 2), array([8, 7]))
    """
    places = np.asarray(places, np.int64)
    chosen = [sequences[i] for i in places.tolist()]  # each accessed once: it may have to be loaded
    steps = list(map(len, chosen))
    lengths = np.array(steps, np.int64)
    if steps.count(steps[0]) < len(steps):
        by_length = np.argsort(-lengths, kind="stable")
        places, lengths = places[by_length], lengths[by_length]
        chosen = [chosen[i] for i in by_length.tolist()]
    x = _padded(chosen, lengths)
    given = None if weights is None else chosen_weights(weights, places)
    if isinstance(given, list):
        given = _padded(given, lengths)
    reset = None if resets is None else _padded([resets[i] for i in places.tolist()], lengths)
    if targets is None:
        return SequenceBatch._fitting(x, lengths, None, places, reset, given)
    if isinstance(targets, np.ndarray | LabelSequences):
        return SequenceBatch._fitting(x, lengths, targets[places], places, reset, given)
    per_step = _padded([targets[i] for i in places.tolist()], lengths)
    if np.issubdtype(per_step.dtype, np.integer):
        per_step[np.arange(len(x))[:, None] >= lengths] = -1
    return SequenceBatch._fitting(x, lengths, per_step, places, reset, given)


def collate_part(
    sequences: ByPlace,
    targets: Targets | ByPlace | None,
    places: Array,
    resets: ByPlace | None,
    weights: Weights | ByPlace | None,
    lengths: Array,
    share: Share,
) -> SequenceBatch:
    """Return the part of one process of a batch; other arguments as of `collate`.

    Parameters
    ----------
    sequences, targets, places, resets, weights
    lengths : ndarray (B,) of int
        Of the sequences at `places`.
    share : (int, int)
        Rank and number of ranks.

    Examples
    --------
    >>> data = [np.zeros((n, 1)) for n in (2, 9, 3)]
    >>> batch = collate_part(data, None, np.arange(3), None, None, np.array([2, 9, 3]), (1, 2))
    >>> batch.lengths, batch.weights, batch.order
    (array([9, 3]), array([0., 1.]), array([1, 2]))
    """
    by_length = np.argsort(-lengths, kind="stable")
    part = BatchPart.of(lengths[by_length], share)
    return collate_columns(sequences, targets, places[by_length[part.columns]], resets, weights, part)


def collate_columns(
    sequences: ByPlace,
    targets: Targets | ByPlace | None,
    places: Array,
    resets: ByPlace | None,
    weights: Weights | ByPlace | None,
    part: BatchPart,
) -> SequenceBatch:
    """Return a part of a batch, whose sequences are those at `places`; other arguments as of `collate`.

    Examples
    --------
    >>> data = [np.zeros((n, 1)) for n in (2, 9, 3)]
    >>> part = BatchPart(np.array([9, 3, 2]), columns=np.array([0, 2]), padded=True)
    >>> collate_columns(data, None, np.array([1, 0]), None, None, part).weights
    array([0., 1.])
    """
    batch = collate(sequences, targets, places, resets, weights)
    given = np.ones(batch.size) if batch.weights is None else batch.weights.astype(np.float64)
    if part.padded:
        given[..., 0] = 0
    return SequenceBatch._fitting(batch.x, batch.lengths, batch.targets, batch.order, batch.reset, given, part)


def _padded(arrays: Sequence[Array], lengths: Array) -> Array:
    """Return arrays (T_i, ...), longest first, as one array (T, B, ...) with zeros past the end."""
    T, B, features = int(lengths[0]), len(arrays), arrays[0].shape[1:]
    if lengths[-1] == T:
        return np.ascontiguousarray(np.concatenate(arrays).reshape(B, T, *features).swapaxes(0, 1))
    x = np.zeros((T, B, *features), arrays[0].dtype)
    for b, array in enumerate(arrays):
        x[: len(array), b] = array
    return x


def stream_batches(
    x: ArrayLike,
    targets: ArrayLike,
    batch_size: int,
    steps: int,
    dtype: DTypeLike = np.float32,
    weights: ArrayLike | None = None,
) -> Iterator[SequenceBatch]:
    """Cut one long sequence into parallel rows, and those into batches of a number of steps.

    Sequence b of a batch continues sequence b of the batch before, so that a network can carry its state from batch to
    batch. A remainder at the end of the stream that does not fill all rows is dropped.

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
    weights : array_like (N,), optional
        One a step. Default: 1 for all.

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
    parts = stream_parts(x, targets, batch_size, steps, dtype, weights)
    return (SequenceBatch(here, np.full(here.shape[1], len(here)), aims, weights=own) for here, aims, own in parts)


def stream_parts(
    x: ArrayLike, targets: ArrayLike, batch_size: int, steps: int, dtype: DTypeLike, weights: ArrayLike | None = None
) -> Iterator[tuple[Array, Array, Array | None]]:
    """Yield x (T, B, F) or tokens (T, B), targets (T, B, ...), which may be names, and weights (T, B) of each batch.

    Examples
    --------
    >>> [names.T.tolist() for _, names, _ in stream_parts(np.arange(4), list("abcd"), 2, 2, np.float32)]
    [[['a', 'b'], ['c', 'd']]]
    """
    rows, steps = positive_int("batch_size", batch_size), positive_int("steps", steps)
    stream = checked_sequence("x", x, np.dtype(dtype))
    wanted = np.asarray(targets)
    if wanted.ndim not in (1, 2) or len(wanted) != len(stream):
        raise ValueError(f"targets must be one for each of the {len(stream)} steps, got shape {wanted.shape}")
    of_steps = None if weights is None else np.asarray(weights)
    if of_steps is not None and of_steps.shape != (len(stream),):
        raise ValueError(f"weights must be one for each of the {len(stream)} steps, got shape {of_steps.shape}")
    if len(stream) < rows:
        raise ValueError(f"batch_size must be at most the number of steps, {len(stream)}, got {rows}")
    if wanted.ndim == 2 or wanted.dtype.kind == "f":
        wanted = wanted.reshape(len(wanted), -1).astype(np.float64)
    length = len(stream) // rows

    def cut(a: Array) -> Array:
        return np.ascontiguousarray(a[: rows * length].reshape(rows, length, *a.shape[1:]).swapaxes(0, 1))

    wide, aims, own = cut(stream), cut(wanted), None if of_steps is None else cut(of_steps)
    spans = (slice(t, t + steps) for t in range(0, length, steps))
    return ((wide[span], aims[span], None if own is None else own[span]) for span in spans)


def check_batch(batch: SequenceBatch) -> None:
    """Raise unless `batch` is a SequenceBatch.

    Parameters
    ----------
    batch : object
        What the caller gave.

    Raises
    ------
    ValueError
        If it is not; the message says how to make a batch of a dataset.

    Examples
    --------
    >>> check_batch([1, 2])
    Traceback (most recent call last):
    ValueError: batch must be a SequenceBatch, got list: data.batch() makes one of a SequenceDataset
    """
    if not isinstance(batch, SequenceBatch):
        raise ValueError(
            f"batch must be a SequenceBatch, got {type(batch).__name__}: data.batch() makes one of a SequenceDataset"
        )


def _steps(start: int, stop: int) -> tuple[int, int]:
    return natural_int("start", start), natural_int("stop", stop)
