"""Sequences of different lengths without their padding, and padded again."""

import numpy as np

from rnnbp.runtime import empty

Array = np.ndarray


def padded_steps(rows: int, shape: tuple[int, ...], dtype: np.dtype) -> Array:
    """Allocate (T, B, ...), zeroed if fewer than all of its rows are real steps.

    Examples
    --------
    >>> padded_steps(1, (2, 1, 3), np.dtype(np.float32))[1]
    array([[0., 0., 0.]], dtype=float32)
    """
    steps = empty(shape, dtype)
    if rows < shape[0] * shape[1]:
        steps[...] = 0
    return steps


def pack(x: Array, active: Array) -> Array:
    """Return the real steps of (T, B, ...), one after the other: (N, ...); a view where nothing is padding.

    Examples
    --------
    >>> pack(np.arange(6).reshape(3, 2), np.array([2, 1, 1]))
    array([0, 1, 2, 4])
    """
    T, B = x.shape[:2]
    if active.sum() == T * B:
        return x.reshape(T * B, *x.shape[2:])
    return x[np.arange(B) < active[:, None]]


def unpack(packed: Array, active: Array, batch_size: int) -> Array:
    """Return rows (N, ...) as (T, B, ...), with zeros for padding.

    Examples
    --------
    >>> unpack(np.array([1, 2, 3, 4]), np.array([2, 1, 1]), 2)
    array([[1, 2],
           [3, 0],
           [4, 0]])
    """
    T = len(active)
    if len(packed) == T * batch_size:
        return packed.reshape(T, batch_size, *packed.shape[1:])
    x = padded_steps(len(packed), (T, batch_size, *packed.shape[1:]), packed.dtype)
    x[np.arange(batch_size) < active[:, None]] = packed
    return x
