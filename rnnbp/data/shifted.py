"""Datasets whose targets are the next steps of their own inputs."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from rnnbp.runtime import did_you_mean

Array = np.ndarray


def shifted_sequences(
    sequences: Sequence[Array], steps: int, columns: list[int] | None, resets: Sequence[Array] | None
) -> tuple[list[Array], list[Array]]:
    """Return sequences without their last steps, and for each step that remains its target, the steps that follow.

    Parameters
    ----------
    sequences : sequence of ndarray (T_i, F), or of integer tokens (T_i,)
    steps : int
        n, how many steps each target has.
    columns : list of int, or None
        The features that are targets. None for tokens.
    resets : sequence of ndarray (T_i,) of bool, or None

    Raises
    ------
    ValueError
        If a sequence has no more than n steps.

    Examples
    --------
    >>> inputs, targets = shifted_sequences([np.arange(8.0).reshape(4, 2)], 1, [1], None)
    >>> inputs[0].shape, targets[0].ravel()
    ((3, 2), array([3., 5., 7.]))
    """
    inputs, targets = [], []
    for i, s in enumerate(sequences):
        if len(s) <= steps:
            raise ValueError(f"sequence {i} must have more than steps = {steps} steps, got {len(s)}")
        inputs.append(s[:-steps])
        targets.append(
            next_steps(s if columns is None else s[:, columns], steps, None if resets is None else resets[i])
        )
    return inputs, targets


def next_steps(x: Array, steps: int, reset: Array | None = None) -> Array:
    """Return for each step of a sequence, but the last ones, the steps that follow.

    Parameters
    ----------
    x : ndarray (T, D), or integer tokens (T,)
    steps : int
        n, fewer than T.
    reset : ndarray (T,) of bool, optional
        A step that follows after a reset belongs to another episode: its target does not count.

    Returns
    -------
    ndarray (T - n, n D), or (T - n,) of tokens
        [x[t+1] | x[t+2] | ... | x[t+n]]. NaN, or -1 for tokens, after a reset.

    Examples
    --------
    >>> next_steps(np.arange(4.0)[:, None], 2).tolist()
    [[1.0, 2.0], [2.0, 3.0]]
    """
    T = len(x) - steps
    following = np.stack([x[k : T + k] for k in range(1, steps + 1)], axis=1)
    if reset is not None:
        episode = np.cumsum(reset)
        other = np.stack([episode[k : T + k] != episode[:T] for k in range(1, steps + 1)], axis=1)
        following[other] = np.nan if following.dtype.kind == "f" else -1
    return following[:, 0] if x.ndim == 1 else following.reshape(T, -1)


def columns_of(names: Sequence[str], features: Any) -> list[int]:
    """Return the numbers of features that are given by name or number, one or several.

    Raises
    ------
    ValueError
        If there is no such feature, or one is named twice.

    Examples
    --------
    >>> columns_of(["load", "temperature"], "temperature"), columns_of(["a", "b"], [0, "b"]), columns_of(["a"], None)
    ([1], [0, 1], [0])
    """
    if features is None:
        return list(range(len(names)))
    found: list[int] = []
    for one in [features] if isinstance(features, str | int | np.integer) else features:
        if isinstance(one, str) and one in names:
            found.append(list(names).index(one))
        elif isinstance(one, int | np.integer) and not isinstance(one, bool) and 0 <= one < len(names):
            found.append(int(one))
        else:
            listed = ", ".join(map(repr, names))
            raise ValueError(
                f"features must be among {listed}, by name or number, got {one!r}.{did_you_mean(one, names)}"
            )
    if not found or len(set(found)) < len(found):
        raise ValueError(f"features must be at least one, each of them once, got {features!r}")
    return found
