"""Validation of the fields of a batch: padded sequences, lengths and targets."""

import numpy as np
from numpy.typing import ArrayLike

from rnnbp.data.labels import LabelSequences
from rnnbp.data.targets import check_no_steps, padded_per_step
from rnnbp.runtime import as_array

Array = np.ndarray


def check_fields(x: Array, lengths: Array, order: Array) -> None:
    """Raise unless x, lengths and order of a batch have the shapes, dtypes and order that kernels require."""
    if x.ndim not in (2, 3) or (x.ndim == 2 and x.dtype.kind not in "iu") or x.dtype.kind not in "iufcb":
        raise ValueError(f"x must have shape (T, B, F), or (T, B) for integer tokens, got {x.dtype} of {x.shape}")
    T, B = x.shape[:2]
    for name, given in (("lengths", lengths), ("order", order)):
        if given.shape != (B,) or given.dtype.kind not in "iu":
            raise ValueError(f"{name} must be integers of shape (B,) = ({B},), got {given.dtype} of {given.shape}")
    if (lengths[1:] > lengths[:-1]).any():
        raise ValueError(
            f"lengths must be sorted, longest first, got {_few(lengths)}: "
            "SequenceBatch.from_array(x, lengths, targets) takes any order"
        )
    if B and not 0 <= lengths[-1] <= lengths[0] <= T:
        raise ValueError(f"lengths must be from 0 to T = {T}, got {lengths[-1]} to {lengths[0]}")


def checked_reset(given: ArrayLike | None, lengths: Array, T: int) -> Array | None:
    """Return the reset flags of a batch as bool (T, B), False past a sequence's end.

    Raises
    ------
    ValueError
        If they are not flags of this shape.

    Examples
    --------
    >>> checked_reset([[0, 0], [1, 1]], np.array([2, 1]), 2)
    array([[False, False],
           [ True, False]])
    """
    if given is None:
        return None
    reset, wanted = as_array("reset", given), (T, len(lengths))
    if reset.shape != wanted:
        raise ValueError(f"reset must have shape (T, B) = {wanted}, got {reset.shape}")
    return as_flags("reset", reset) & (np.arange(T)[:, None] < lengths)


def as_flags(name: str, given: Array) -> Array:
    """Return an array of flags as bool, or raise unless all are True or False, 1 or 0.

    Examples
    --------
    >>> as_flags("reset", np.array([1, 0]))
    array([ True, False])
    """
    if given.dtype.kind not in "biu" or not np.isin(given, (0, 1)).all():
        raise ValueError(f"{name} must be flags, True or False, got {given.dtype} {_few(given.ravel())}")
    return given.astype(bool)


def _few(numbers: Array) -> str:
    return str(numbers.tolist()) if len(numbers) < 9 else f"{str(numbers[:8].tolist())[:-1]}, ...]"


def targets_per_step(targets: Array | LabelSequences | None, T: int, B: int) -> bool:
    """Return whether the targets of a batch are one a step, from their dtype and number of axes.

    Raises
    ------
    ValueError
        If their shape does not fit T and B.
    """
    if targets is None:
        return False
    if isinstance(targets, LabelSequences):
        _check_labels(targets, B)
        return False
    if targets.dtype.kind not in "iufb" or targets.ndim not in (1, 2, 3):
        raise ValueError(
            f"targets must be numbers (B,), (B, K), (T, B) or (T, B, K), got {targets.dtype} of {targets.shape}"
        )
    steps = targets.ndim == 3 or (targets.ndim == 2 and targets.dtype.kind != "f")
    if steps and targets.shape[:2] != (T, B):
        few = ""
        if targets.ndim == 2:
            few = ", as integers are classes; K values a sequence are floats: targets.astype(float)"
        wanted = "(T, B)" if targets.ndim == 2 else "(T, B, K)"
        raise ValueError(f"targets must have shape {wanted} with T = {T} and B = {B}, got {targets.shape}{few}")
    if not steps and len(targets) != B:
        few = ": one value a step is (T, B, 1), targets[:, :, None]" if targets.shape == (T, B) else ""
        wanted = "(B,)" if targets.ndim == 1 else "(B, K)"
        raise ValueError(f"targets must have shape {wanted} with B = {B}, got {targets.shape}{few}")
    return steps


def ordered_targets(
    given: ArrayLike | LabelSequences | None, order: Array, past: Array, per_step: bool | None
) -> Array | LabelSequences | None:
    """Return targets of `from_array` in the order of the batch, values as floats, classes as int64.

    Past the end of a sequence a value is 0 and a class -1.
    """
    T, B = past.shape
    if given is None or isinstance(given, LabelSequences):
        check_no_steps(given, per_step)
        if given is None:
            return None
        _check_labels(given, B)
        return given[order]
    targets = as_array("targets", given)
    if targets.dtype.kind not in "iufb":
        raise ValueError(f"targets must be numbers, got {targets.dtype}")
    steps = padded_per_step(targets, per_step)
    if targets.shape[: 1 + steps] != ((T, B) if steps else (B,)):
        few = ": (B, K) values a sequence need per_step=False" if targets.ndim == 2 and steps else ""
        wanted = ("(T, B)", "(T, B, K)")[targets.ndim - 2] if steps else ("(B,)", "(B, K)")[targets.ndim - 1]
        raise ValueError(f"targets must have shape {wanted} with T = {T} and B = {B}, got {targets.shape}{few}")
    values = targets.dtype.kind == "f" or targets.ndim == 2 + steps
    if not values:
        targets = targets.astype(np.int64)
    elif targets.dtype.kind != "f":
        targets = targets.astype(np.float64)
    if not steps:
        return targets[order]
    ordered = targets[:, order, None] if values and targets.ndim == 2 else targets[:, order]
    ordered[past] = 0 if values else -1
    return ordered


def _check_labels(labels: LabelSequences, B: int) -> None:
    if len(labels) != B:
        raise ValueError(f"targets must be labels for each of the B = {B} sequences, got {len(labels)}")
