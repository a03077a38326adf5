"""Validation of the targets of a dataset: classes or values, one a sequence or one a step."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import is_integer_dtype

from rnnbp.data.categories import ordered_names
from rnnbp.data.labels import LabelSequences
from rnnbp.runtime import flag, of_type, one_each, repeated

Array = np.ndarray
Targets = Array | list[Array] | LabelSequences
Classes = tuple[str, ...]
Where = Callable[[int], str]


def checked_classes(classes: Sequence[str] | None) -> Classes | None:
    """Return the class names as a tuple; raise if one occurs twice.

    Parameters
    ----------
    classes : sequence of str, optional

    Examples
    --------
    >>> checked_classes(["no", "yes"])
    ('no', 'yes')
    """
    if classes is None:
        return None
    names = tuple(map(str, of_type("classes", classes, Iterable)))
    if not names:
        raise ValueError("classes must hold at least one name, got none")
    if (twice := repeated(names)) is not None:
        raise ValueError(f"classes must be different names, got {twice!r} twice")
    return names


def checked_targets(
    targets: Any, size: int, count: Callable[[], Array], classes: Classes | None, per_step: bool | None = None
) -> tuple[Targets, Classes | None]:
    """Return targets as numbers, and the names of their classes.

    Parameters
    ----------
    targets : see `rnnbp.SequenceDataset`
    size : int
        N, the number of sequences.
    count : callable
        Returns their lengths (N,); called only where targets may be one a step.
    classes : tuple of str, optional
    per_step : bool, optional
        See `rnnbp.SequenceDataset`.

    Returns
    -------
    targets : ndarray (N,) of int or (N, K) of float; or a list of such, with one row per step; or LabelSequences
    classes : tuple of str, optional
        As given, or the names that occur.

    Examples
    --------
    >>> checked_targets(["b", "a"], 2, lambda: np.array([3, 5]), None)
    (array([1, 0]), ('a', 'b'))
    """
    one_each("targets", targets, size)
    if isinstance(targets, LabelSequences):
        check_no_steps(targets, per_step)
        return _sequences_of_labels(targets, classes)
    items = _items(targets)
    classes = ordered_names(targets) if classes is None else classes
    if not _are_steps(items, count, per_step):
        return _numbers(_of_sequences(targets, items), classes, lambda i: f"sequence {i}", least=0)
    lengths = count()
    _check_steps(items, lengths)
    ends = np.cumsum(lengths)

    def where(row: int) -> str:
        i = int(np.searchsorted(ends, row, side="right"))
        return f"sequence {i} at step {row - ends[i] + lengths[i]}"

    flat, classes = _numbers(np.concatenate(items), classes, where, least=-1)
    return np.split(flat, ends[:-1]), classes


def check_no_steps(targets: LabelSequences | None, per_step: bool | None) -> None:
    """Raise if `per_step` is True for targets that cannot be one a step."""
    if per_step is not None and flag("per_step", per_step):
        what = "there are no targets" if targets is None else "targets are sequences of labels of lengths of their own"
        raise ValueError(f"per_step=True says that targets are one a step, but {what}")


def padded_per_step(targets: Array, per_step: bool | None) -> bool:
    """Return whether padded targets are one a step: from their number of axes, or `per_step` where it is given.

    One axis is one a sequence, three axes are K values a step; two axes are one a step unless ``per_step=False``.

    Examples
    --------
    >>> padded_per_step(np.zeros((4, 3)), None), padded_per_step(np.zeros((4, 3)), False)
    (True, False)
    """
    taken = {1: (False,), 2: (True, False), 3: (True,)}.get(targets.ndim)
    if taken is None:
        raise ValueError(f"targets must have one to three axes, got shape {targets.shape}")
    found = taken[0] if per_step is None else flag("per_step", per_step)
    if found not in taken:
        said = "one a sequence" if targets.ndim == 1 else "one a step"
        raise ValueError(f"per_step={per_step} does not fit targets of shape {targets.shape}, which are {said}")
    return found


def _sequences_of_labels(targets: LabelSequences, classes: Classes | None) -> tuple[LabelSequences, Classes | None]:
    if classes is None or classes == targets.classes:
        return targets, targets.classes
    if targets.classes is not None:
        raise ValueError(f"classes must be those of the label sequences, {targets.classes}, got {classes}")
    return LabelSequences(targets.labels, classes), classes


def _items(targets: Any) -> Array | list[Array]:
    """Return targets that are a plain array unchanged, others as a list with one array per sequence."""
    if is_integer_dtype(getattr(targets, "dtype", object)) and np.any(pd.isna(targets)):  # NumPy would make it NaN
        raise ValueError(f"targets: the class of sequence {int(np.argmax(pd.isna(targets)))} is missing")
    whole = np.asarray(targets) if hasattr(targets, "__array__") else np.empty(0, object)
    return whole if whole.dtype != object or whole.ndim > 1 else [np.asarray(t) for t in targets]


def _of_own_shape(items: Array | list[Array]) -> Array | list[Array]:
    """Return the items that may have shapes of their own: of an array, the first one stands for all."""
    return items if isinstance(items, list) else items[:1]


def _are_steps(items: Array | list[Array], count: Callable[[], Array], per_step: bool | None) -> bool:
    """Return whether targets are one a step: from dtype and number of axes, or `per_step` where it is given."""
    if per_step is not None:
        flag("per_step", per_step)
    axes = items[0].ndim
    for i, t in enumerate(_of_own_shape(items)):
        if t.ndim != axes:
            raise ValueError(
                f"targets must be numbers or names for all sequences or arrays for all: that of sequence {i} has "
                f"shape {t.shape}, that of sequence 0 {items[0].shape}"
            )
    if axes == 0 and per_step:
        raise ValueError("per_step=True needs an array of targets for each sequence, got one number or name for each")
    if per_step is not None or axes != 1:
        return axes > 1 if per_step is None else per_step
    if not any(_of_values(t) for t in items):
        return True
    widths = {len(t) for t in items}
    if isinstance(items, list) and len(widths) == 1 and (count() == len(items[0])).all():
        raise ValueError(
            f"targets are {len(items[0])} values for each sequence, all of which have as many steps: say "
            "per_step=True if they are one a step, per_step=False if they are values of the whole sequence"
        )
    return len(widths) > 1


def _of_values(targets: Array) -> bool:
    """Return whether targets are values: floats or complex numbers."""
    return (_plain(targets) if targets.dtype.kind == "O" else targets).dtype.kind in "fc"


def _check_steps(items: Array | list[Array], lengths: Array) -> None:
    """Raise unless every sequence has one target per step."""
    alike = items[0].ndim == 1 and len({len(t) for t in items}) == 1
    other = f", or per_step=False if they are {len(items[0])} values of the whole sequence" if alike else ""
    for i, t in enumerate(items):
        if len(t) != lengths[i]:
            raise ValueError(f"targets of sequence {i} are {len(t)} for its {lengths[i]} steps: give one a step{other}")
    _same_width(items)


def _of_sequences(targets: Any, items: Array | list[Array]) -> Array:
    """Return targets of whole sequences as one array (N,) or (N, K)."""
    for i, t in enumerate(_of_own_shape(items)):
        if t.shape != items[0].shape:
            raise ValueError(
                f"targets of sequence {i} have shape {t.shape}, those of sequence 0 {items[0].shape}: "
                "K values of a whole sequence must be as many for all"
            )
    array = np.asarray(targets)
    if array.ndim not in (1, 2) or not array.size:
        raise ValueError(f"targets must have shape (N,) or (N, K), or be a list of N arrays, got {array.shape}")
    return array


def _same_width(steps: Array | list[Array]) -> None:
    for i, t in enumerate(steps):
        if t.ndim > 2 or t.shape[1:] != steps[0].shape[1:]:
            raise ValueError(
                f"targets of sequence {i} must have shape (T,) or (T, K), the same K for all: "
                f"got {t.shape}, and {steps[0].shape} for sequence 0"
            )


def _numbers(targets: Array, classes: Classes | None, where: Where, least: int) -> tuple[Array, Classes | None]:
    """Return classes as int64 within their range, values as float64 (rows, K), and the names of the classes."""
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
    """Return an object array of numbers in a numeric dtype, others unchanged."""
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
    """Return names as numbers; None, which only a step may have, as -1."""
    missing = pd.isna(names)
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
