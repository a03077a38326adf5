"""What a dataset is made of, checked: sequences that are finite, and targets that fit them."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from rnnbp.held import HeldSequences
from rnnbp.label_sequences import LabelSequences
from rnnbp.lazy import LazySequences

Array = np.ndarray
Targets = Array | list[Array] | LabelSequences
Classes = tuple[str, ...]
Where = Callable[[int], str]


def checked_sequences(sequences: Sequence[ArrayLike], dtype: DTypeLike) -> HeldSequences | LazySequences:
    """Sequences (T_i, F) in a float dtype, or of tokens (T_i,) in int64; all finite, none empty, all of one F.

    Lazy ones are checked as they are loaded.

    Raises
    ------
    ValueError
        Naming the sequence, and the step and feature where it is a value that is wrong.

    Examples
    --------
    >>> checked_sequences([[[1.0], [np.nan]]], np.float32)
    Traceback (most recent call last):
    ValueError: sequence 0 holds nan at step 1, feature 0: inputs must be finite
    """
    kept = np.dtype(dtype)
    if kept not in (np.float16, np.float32, np.float64):
        raise ValueError(f"dtype must be float32, float64 or float16, got {kept}")
    if isinstance(sequences, LazySequences):
        return _checked_lazily(sequences, kept)
    found = HeldSequences(checked_sequence(f"sequence {i}", s, kept) for i, s in enumerate(sequences))
    if not found:
        raise ValueError("sequences must hold at least one sequence, got none")
    for i, s in enumerate(found):
        _check_alike(f"sequence {i}", s, found[0].shape)
    return found


def _checked_lazily(sequences: LazySequences, dtype: np.dtype[Any]) -> LazySequences:
    first = np.shape(sequences[0])
    load = partial(_checked_at, sequences, dtype, first)
    known, names = sequences.known_lengths, sequences.names
    return LazySequences(load, len(sequences), sequences.memory, lengths=known, names=names)


def _checked_at(sequences: LazySequences, dtype: np.dtype[Any], first: tuple[int, ...], place: int) -> Array:
    name = f"sequence {place} ({sequences.names[place]})"
    found = checked_sequence(name, sequences.passing(place), dtype)
    _check_alike(name, found, first)
    return found


def _check_alike(name: str, s: Array, first: tuple[int, ...]) -> None:
    if s.shape[1:] != first[1:]:
        raise ValueError(
            f"{name} has shape {_axes(s.shape)} = {s.shape}, but sequence 0 has {_axes(first)} = {first}: "
            "all must have as many features"
        )


def _axes(shape: tuple[int, ...]) -> str:
    return "(T, F)" if len(shape) == 2 else "(T,)"


def checked_sequence(name: str, values: ArrayLike, dtype: np.dtype[Any]) -> Array:
    """One sequence (T, F) in `dtype`, or of tokens (T,) in int64; `name` begins the errors.

    Examples
    --------
    >>> checked_sequence("x", [3, 1], np.dtype("float32"))
    array([3, 1])
    """
    try:
        given = np.asarray(values)
    except ValueError:
        raise ValueError(f"{name} must have shape (T, F), but its steps are of different sizes") from None
    if not given.size:
        raise ValueError(f"{name} is empty: it has shape {given.shape}")
    if given.ndim == 1 and given.dtype.kind in "iu":
        if given.min() < 0:
            t = int(np.argmax(given < 0))
            raise ValueError(f"{name} holds the token {given[t]} at step {t}: tokens must be 0 or more")
        return given.astype(np.int64)
    if given.ndim != 2 or given.dtype.kind not in "iufb":
        raise ValueError(
            f"{name} must have shape (T, F), or (T,) for integer tokens, got {given.dtype} of {given.shape}"
        )
    with np.errstate(over="ignore"):
        s = given.astype(dtype, order="C")
    if not np.isfinite(s).all():
        t, f = np.argwhere(~np.isfinite(s))[0]
        why = f"too large for {dtype}" if np.isfinite(given[t, f]) else "inputs must be finite"
        raise ValueError(f"{name} holds {given[t, f]} at step {t}, feature {f}: {why}")
    return s


def checked_classes(classes: Sequence[str] | None) -> Classes | None:
    """The classes' names, each once.

    Examples
    --------
    >>> checked_classes(["no", "yes"])
    ('no', 'yes')
    """
    if classes is None:
        return None
    names = tuple(map(str, classes))
    if not names:
        raise ValueError("classes must hold at least one name, got none")
    for k, name in enumerate(names):
        if name in names[:k]:
            raise ValueError(f"classes must be different names, got {name!r} twice")
    return names


def checked_targets(
    targets: Any, size: int, count: Callable[[], Array], classes: Classes | None
) -> tuple[Targets, Classes | None]:
    """Targets as numbers, and the names of their classes.

    Parameters
    ----------
    targets : see `rnnbp.SequenceDataset`
    size : int
        N, the number of sequences.
    count : callable
        Gives their steps (N,); called only where targets may be one a step.
    classes : tuple of str, optional

    Returns
    -------
    targets : ndarray (N,) of int or (N, K) of float; or a list of such, one row a step; or LabelSequences
    classes : tuple of str, optional
        As given, or of the names found.

    Examples
    --------
    >>> checked_targets(["b", "a"], 2, lambda: np.array([3, 5]), None)
    (array([1, 0]), ('a', 'b'))
    """
    if len(targets) != size:
        raise ValueError(f"targets must be one for each of the {size} sequences, got {len(targets)}")
    if isinstance(targets, LabelSequences):
        return _sequences_of_labels(targets, classes)
    may_be_steps = not _plain_array(targets) and all(np.ndim(t) >= 1 for t in targets)
    lengths = count() if may_be_steps else np.empty(0, np.int64)
    steps = _per_step(targets, lengths) if may_be_steps else None
    if steps is None:
        array = np.asarray(targets)
        if array.ndim not in (1, 2) or not array.size:
            raise ValueError(f"targets must have shape (N,) or (N, K), or be a list of N arrays, got {array.shape}")
        return _numbers(array, classes, lambda i: f"sequence {i}", least=0)
    ends = np.cumsum(lengths)

    def where(row: int) -> str:
        i = int(np.searchsorted(ends, row, side="right"))
        return f"sequence {i} at step {row - ends[i] + lengths[i]}"

    flat, classes = _numbers(np.concatenate(steps), classes, where, least=-1)
    return np.split(flat, ends[:-1]), classes


def _plain_array(targets: Any) -> bool:
    return isinstance(targets, np.ndarray) and targets.dtype != object


def _sequences_of_labels(targets: LabelSequences, classes: Classes | None) -> tuple[LabelSequences, Classes | None]:
    if classes is None or classes == targets.classes:
        return targets, targets.classes
    if targets.classes is not None:
        raise ValueError(f"classes must be those of the label sequences, {targets.classes}, got {classes}")
    return LabelSequences(targets.labels, classes), classes


def _per_step(targets: Any, lengths: Array) -> list[Array] | None:
    """Targets as one array a sequence with a row a step; None where they are one a sequence."""
    steps = [np.asarray(t) for t in targets]
    wrong = [i for i, t in enumerate(steps) if len(t) != lengths[i]]
    if not wrong:
        _same_width(steps)
        return steps
    if len({t.shape for t in steps}) > 1:
        i = wrong[0]
        raise ValueError(f"targets of sequence {i} are {len(steps[i])} for its {lengths[i]} steps: give one a step")
    return None


def _same_width(steps: list[Array]) -> None:
    for i, t in enumerate(steps):
        if t.ndim > 2 or t.shape[1:] != steps[0].shape[1:]:
            raise ValueError(
                f"targets of sequence {i} must have shape (T,) or (T, K), the same K for all: "
                f"got {t.shape}, and {steps[0].shape} for sequence 0"
            )


def _numbers(targets: Array, classes: Classes | None, where: Where, least: int) -> tuple[Array, Classes | None]:
    """Classes as int64 within their range, values as float64 (rows, K); names are numbered."""
    if targets.dtype.kind == "O":
        targets = _plain(targets)
    if targets.dtype.kind in "UO" and targets.ndim == 1:
        return _encoded(targets, classes, where, least)
    if targets.dtype.kind in "iub" and targets.ndim == 1:
        return _labels(targets.astype(np.int64), classes, where, least), classes
    if targets.dtype.kind not in "iubf":
        raise ValueError(f"targets must be numbers or names of classes, got {targets.dtype} of {targets.shape}")
    if classes is not None:
        raise ValueError(f"classes are given, so targets must be labels (integers or names), got {targets.dtype}")
    if np.isinf(targets).any():
        row = int(np.argwhere(np.isinf(targets))[0][0])
        raise ValueError(f"the target of {where(row)} is infinite; where there is none, give NaN")
    return targets.astype(np.float64).reshape(len(targets), -1), None


def _plain(targets: Array) -> Array:
    """An object array in a dtype of numbers, where it holds only numbers."""
    if all(isinstance(t, int | float | np.number) for t in targets.flat):
        return np.array(targets.tolist())
    return targets


def _labels(labels: Array, classes: Classes | None, where: Where, least: int) -> Array:
    top = np.inf if classes is None else len(classes) - 1
    wrong = (labels < least) | (labels > top)
    if wrong.any():
        row = int(np.argmax(wrong))
        limit = "an integer of 0 or more" if classes is None else f"from 0 to {len(classes) - 1}"
        nothing = ", or -1 where there is none" if least < 0 else ""
        raise ValueError(f"the class of {where(row)} must be {limit}{nothing}, got {labels[row]}")
    return labels


def _encoded(names: Array, classes: Classes | None, where: Where, least: int) -> tuple[Array, Classes]:
    """Names as numbers; None, which only a step may have, as -1."""
    missing = np.array([name is None or name != name for name in names])  # NaN differs from itself
    if missing.any() and least == 0:
        raise ValueError(f"the class of {where(int(np.argmax(missing)))} is missing")
    texts = np.where(missing, "", names).astype(str)
    if classes is None:
        classes = tuple(np.unique(texts[~missing]).tolist())
    number_of = {name: k for k, name in enumerate(classes)}
    labels = np.array([-1 if gone else number_of.get(text, -2) for text, gone in zip(texts.tolist(), missing)])
    if (labels == -2).any():
        row = int(np.argmax(labels == -2))
        raise ValueError(f"the class of {where(row)}, {str(texts[row])!r}, is not among {', '.join(classes)}")
    return labels, classes
