"""Weights of sequences and of steps in a loss: validation, subsets, and those of the items of a batch."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from rnnbp.data.targets import Targets
from rnnbp.runtime import as_array, one_each

Array = np.ndarray
Weights = Array | list[Array]
LEAST, MOST = 1e-100, 1e100  # of a weight above 0, so that sums and their inverses are finite
RANGE = f" ({LEAST:g} to {MOST:g} where not 0)"


def checked_weights(weights: Any, size: int, targets: Targets | None) -> Weights | None:
    """Return the weights of a dataset: (N,) float64, one a sequence, or a list of N arrays (T_i,), one a step.

    Parameters
    ----------
    weights : see `rnnbp.SequenceDataset`
    size : int
        N, the number of sequences.
    targets : see `rnnbp.data.targets.checked_targets`
        Weights of steps need targets of steps.

    Raises
    ------
    ValueError
        If they do not fit, or one is negative or not finite; the message names the sequence.

    Examples
    --------
    >>> checked_weights([1, 0.5], 2, None)
    array([1. , 0.5])
    """
    if weights is None:
        return None
    one_each("weights", weights, size)
    items = [_numbers(f"weights of sequence {i}", one) for i, one in enumerate(weights)]
    axes = items[0].ndim
    for i, one in enumerate(items):
        if one.ndim != axes or one.ndim > 1:
            raise ValueError(
                "weights must be a number for each sequence, or an array (T_i,) for each, got shape "
                f"{one.shape} for sequence {i} and {items[0].shape} for sequence 0"
            )
    if not axes:
        return _valid("weights", np.array(items), lambda place: f"sequence {place[0]}")
    _check_steps(items, targets)
    return [
        _valid("weights", one, lambda place, i=i: f"sequence {i} at step {place[0]}") for i, one in enumerate(items)
    ]


def _check_steps(weights: list[Array], targets: Targets | None) -> None:
    """Raise unless each sequence has targets of steps, and as many weights."""
    if not isinstance(targets, list):
        has = "there are no targets" if targets is None else "targets are one a sequence"
        raise ValueError(f"weights are one a step, but {has}: give a number for each sequence")
    for i, (one, own) in enumerate(zip(weights, targets, strict=True)):
        if len(one) != len(own):
            raise ValueError(f"weights of sequence {i} are {len(one)} for its {len(own)} steps: give one a step")


def _numbers(name: str, weights: Any) -> Array:
    given = as_array(name, weights)
    if given.dtype.kind not in "iufb":
        raise ValueError(f"{name} must be numbers, got {given.dtype}")
    return given.astype(np.float64)


def _valid(name: str, weights: Array, where: Any) -> Array:
    wrong = _out_of_range(weights)
    if wrong.any():
        place = tuple(map(int, np.argwhere(wrong)[0]))
        raise ValueError(f"{name} must be finite and 0 or more{RANGE}, got {weights[place]:g} for {where(place)}")
    return weights


def _out_of_range(weights: Array) -> Array:
    """Return where weights are none: negative, not finite, or too large or small to be added up."""
    return ~((weights == 0) | ((weights >= LEAST) & (weights <= MOST)))


def chosen_weights(weights: Weights | Sequence[Array] | Mapping[int, Array] | None, places: Array) -> Weights | None:
    """Return the weights of some sequences of a dataset.

    Examples
    --------
    >>> chosen_weights(np.array([1.0, 2.0]), np.array([1, 1, 0]))
    array([2., 2., 1.])
    """
    if weights is None or isinstance(weights, np.ndarray):
        return None if weights is None else weights[places]
    return [weights[i] for i in places]


def padded_weights(weights: ArrayLike, T: int, B: int, per_step: bool) -> Array:
    """Return the weights of a batch as float64, (B,) or (T, B).

    Parameters
    ----------
    weights : array_like (B,) or (T, B)
    T, B : int
    per_step : bool
        Whether the targets of the batch are one a step, or it has none.

    Raises
    ------
    ValueError
        If they do not fit, or one is negative or not finite.

    Examples
    --------
    >>> padded_weights([1, 2], 5, 2, per_step=True)
    array([1., 2.])
    """
    given = _numbers("weights", weights)
    if given.shape == (T, B) and not per_step:
        raise ValueError(f"weights (T, B) = ({T}, {B}) are one a step, but targets are one a sequence: give (B,)")
    if given.shape not in ((B,), (T, B)):
        raise ValueError(f"weights must have shape (B,) = ({B},) or (T, B) = ({T}, {B}), got {given.shape}")
    return _valid("weights", given, lambda place: f"sequence {place[-1]}" + f" at step {place[0]}" * (len(place) - 1))


def unpadded_weights(weights: ArrayLike | None, lengths: Sequence[int], shape: tuple[int, ...]) -> Any:
    """Return the weights of a dataset from those of padded arrays, batch first: (N,), or (N, T) without the padding.

    Raises
    ------
    ValueError
        If they have any other shape.

    Examples
    --------
    >>> unpadded_weights([[1, 2], [3, 0]], [2, 1], (2, 2))
    [array([1, 2]), array([3])]
    """
    if weights is None:
        return None
    given = as_array("weights", weights)
    if given.shape not in (shape, shape[:1]):
        raise ValueError(f"weights must have shape (N,) = {shape[:1]} or (N, T) = {shape}, got {given.shape}")
    return given if given.ndim == 1 else [one[:n] for one, n in zip(given, lengths, strict=True)]


def item_weights(weights: ArrayLike, shape: tuple[int, ...]) -> Array:
    """Return the weight of each item that a model has an output for, float64 of a shape (B,) or (T, B).

    Parameters
    ----------
    weights : array_like (B,) or (T, B)
        A sequence's weight counts for each of its steps.
    shape : tuple of int
        (B,) or (T, B).

    Raises
    ------
    ValueError
        If they do not fit, or one is negative or not finite.

    Examples
    --------
    >>> item_weights([1, 2], (3, 2)).tolist()
    [[1.0, 2.0], [1.0, 2.0], [1.0, 2.0]]
    """
    given = _numbers("weights", weights)
    if given.shape not in (shape, shape[-1:]):
        outputs = "one output a sequence, (B, K)" if len(shape) == 1 else "an output for each step, (T, B, K)"
        wanted = f"(B,) = {shape}" if len(shape) == 1 else f"(B,) = {shape[-1:]} or (T, B) = {shape}"
        raise ValueError(f"weights must have shape {wanted} for {outputs}, got {given.shape}")
    if _out_of_range(given).any():
        raise ValueError(f"weights must be finite and 0 or more{RANGE}, got {given.min():g} to {given.max():g}")
    return np.broadcast_to(given, shape)


def of_positive_weight(weights: Sequence[Any] | Array) -> Array:
    """Return the indices of the sequences of a dataset that have a weight above 0, or a step with one.

    Parameters
    ----------
    weights : ndarray (N,), or sequence of ndarray (T_i,)

    Examples
    --------
    >>> of_positive_weight(np.array([1.0, 0.0, 2.0]))
    array([0, 2])
    """
    return np.flatnonzero([np.any(one) for one in weights])
