"""Validation of the sequences of a dataset: finite, none empty, all with the same number of features."""

from collections.abc import Sequence
from functools import partial
from itertools import accumulate, pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from rnnbp.data.in_memory import InMemorySequences
from rnnbp.data.lazy import LazySequences
from rnnbp.runtime import floating

Array = np.ndarray
TOGETHER = 2**14  # numbers of short sequences that are copied and checked in one call


def checked_sequences(sequences: Sequence[ArrayLike], dtype: DTypeLike) -> InMemorySequences | LazySequences:
    """Return sequences (T_i, F) in a float dtype, or tokens (T_i,) in int64: finite, none empty, all of one F.

    Lazy sequences are checked when they are loaded.

    Raises
    ------
    ValueError
        If a sequence does not fit; the message names it, and the step and feature of a wrong value.

    Examples
    --------
    >>> checked_sequences([[[1.0], [np.nan]]], np.float32)
    Traceback (most recent call last):
    ValueError: sequence 0 holds nan at step 1, feature 0: inputs must be finite
    """
    float_type = floating("dtype", dtype, "float32", "float64", "float16")
    if isinstance(sequences, LazySequences):
        return _checked_lazily(sequences, float_type)
    if isinstance(sequences, np.ndarray) and sequences.ndim == 2 and sequences.dtype.kind == "f":
        raise ValueError(
            f"sequences have shape {sequences.shape}: give x[:, :, None] if they are (N, T) of one feature, or [x] for "
            "one sequence (T, F)"
        )
    given = list(sequences)
    if not given:
        raise ValueError("sequences must hold at least one sequence, got none")
    found = _float_arrays(given, float_type)
    if found is None:
        found = InMemorySequences(checked_sequence(f"sequence {i}", s, float_type) for i, s in enumerate(given))
        for i, s in enumerate(found):
            _check_alike(f"sequence {i}", s, found[0].shape)
    return found


def _float_arrays(sequences: list[Any], dtype: np.dtype[Any]) -> InMemorySequences | None:
    """Return arrays (T_i, F) of floats in `dtype`; None if they need a closer look, sequence by sequence.

    Many short sequences are copied and checked together, and are then views of one small array.
    """
    width: tuple[int, ...] = getattr(sequences[0], "shape", ())[1:]
    for s in sequences:
        if type(s) is not np.ndarray or s.dtype.kind != "f" or s.ndim != 2 or s.shape[1:] != width or not s.size:
            return None
    together = 1 + TOGETHER // (max(map(len, sequences)) * width[0])
    found = InMemorySequences()
    for i in range(0, len(sequences), together):
        given = sequences[i : i + together]
        ends = list(accumulate(map(len, given), initial=0))
        steps = np.empty((ends[-1], *width), dtype)
        with np.errstate(over="ignore", invalid="ignore"):  # signaling NaN too: the result is checked
            np.concatenate(given, out=steps, casting="unsafe")
        if not np.isfinite(steps).all():
            return None
        found += [steps[start:end] for start, end in pairwise(ends)]
    return found


def _checked_lazily(sequences: LazySequences, dtype: np.dtype[Any]) -> LazySequences:
    first = np.shape(sequences[0])
    load = partial(_checked_at, sequences, dtype, first)
    known, names = sequences.known_lengths, sequences.names
    return LazySequences(load, len(sequences), sequences.memory, lengths=known, names=names)


def _checked_at(sequences: LazySequences, dtype: np.dtype[Any], first: tuple[int, ...], place: int) -> Array:
    name = f"sequence {place} ({sequences.names[place]})"
    found = checked_sequence(name, sequences.uncached(place), dtype)
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
    """Return one sequence (T, F) in `dtype`, or tokens (T,) in int64; error messages begin with `name`.

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
            f"{one_feature(given, '(T,)')}"
        )
    with np.errstate(over="ignore", invalid="ignore"):  # signaling NaN too: the result is checked
        s = given.astype(dtype, order="C")
    if not np.isfinite(s).all():
        t, f = np.argwhere(~np.isfinite(s))[0]
        why = f"too large for {dtype}" if np.isfinite(given[t, f]) else "inputs must be finite"
        raise ValueError(f"{name} holds {given[t, f]} at step {t}, feature {f}: {why}")
    return s


def one_feature(x: Array, axes: str) -> str:
    """Return the advice for floats that lack the feature axis, ": for one feature give ..."; empty for other input.

    Parameters
    ----------
    x : ndarray
        What the caller gave.
    axes : str
        The axes that floats without features have: ``"(T,)"``.

    Examples
    --------
    >>> one_feature(np.zeros(5), "(T,)")
    ': for one feature give x[:, None]'
    """
    lacking = x.dtype.kind == "f" and x.ndim == axes.count(",") + (axes[-2] != ",")
    return f": for one feature give x[{':, ' * x.ndim}None]" if lacking else ""
