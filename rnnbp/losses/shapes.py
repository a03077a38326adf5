"""Shapes of the outputs and targets that a loss takes, with their errors."""

import numpy as np
from numpy.typing import ArrayLike

from rnnbp.runtime import as_array, named_axes

Array = np.ndarray
Shape = tuple[int, ...]


def as_outputs(outputs: ArrayLike) -> Array:
    """Return `outputs` as a float or complex array (B, K) or (T, B, K).

    Raises
    ------
    ValueError
        If it is anything else.
    """
    outputs = as_array("outputs", outputs)
    if outputs.ndim not in (2, 3):
        raise ValueError(f"outputs must have shape (B, K) or (T, B, K), got {outputs.shape}")
    if outputs.dtype.kind not in "fc":
        raise ValueError(f"outputs must be float or complex, got {outputs.dtype}")
    return outputs


def real_items(shape: Shape, lengths: ArrayLike | None) -> Array:
    """Return a mask of the given shape, (B,) or (T, B): True up to the end of each sequence.

    Raises
    ------
    ValueError
        If `lengths` are not B integers from 0 to T.

    Examples
    --------
    >>> real_items((3, 2), [3, 1]).astype(int)
    array([[1, 1],
           [1, 0],
           [1, 0]])
    """
    if lengths is None:
        return np.ones(shape, bool)
    (T, B), lengths = shape, as_array("lengths", lengths)
    if lengths.shape != (B,) or not np.issubdtype(lengths.dtype, np.integer):
        raise ValueError(f"lengths must be integers (B,) = ({B},), got {lengths.dtype} of {lengths.shape}")
    if lengths.size and not 0 <= lengths.min() <= lengths.max() <= T:
        raise ValueError(f"lengths must be from 0 to T = {T}, got {lengths.min()} to {lengths.max()}")
    return np.arange(T)[:, None] < lengths


def axes(shape: Shape, names: str = "TBK") -> str:
    """Return a shape with the names of its axes, the last ones of `names`.

    Examples
    --------
    >>> axes((7, 2, 3)), axes((2,), "TB")
    ('(T, B, K) = (7, 2, 3)', '(B,) = (2,)')
    """
    return named_axes(shape, names[-len(shape) :])


def target_shape_error(outputs: Array, targets: Array, wanted: str) -> ValueError:
    """Return the error for targets that do not fit the outputs, with advice."""
    advice = ""
    if outputs.ndim == 3 and targets.shape[:1] == outputs.shape[1:2] and targets.shape[:2] != outputs.shape[:2]:
        advice = ": add rnnbp.Last() to the model, or give a target for every step"
    elif outputs.ndim == 2 and targets.ndim >= 2 and targets.shape[1] == len(outputs):
        advice = ": leave out the layer that pools over time (rnnbp.Last()), or give one target for every sequence"
    return ValueError(
        f"targets must have shape {wanted} for outputs of shape {axes(outputs.shape)}, got {targets.shape}{advice}"
    )


def first_place(wrong: Array, names: str) -> tuple[tuple[int, ...], str]:
    """Return the first index where a mask is True, and its text with the names of its axes, the last ones of `names`.

    Examples
    --------
    >>> first_place(np.array([[False, False], [False, True]]), "tb")[1]
    't=1, b=1'
    """
    where = tuple(np.argwhere(wrong)[0].tolist())
    return where, ", ".join(f"{name}={i}" for name, i in zip(names[-len(where) :], where, strict=True))
