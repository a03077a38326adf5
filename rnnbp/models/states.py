"""The states of a model in use: copied, set back for some sequences, selected, put side by side, and saved.

A state is a list with one entry a layer: None for a layer without state, an array (B, ...), or a list of such. A
sequence is a row of every array.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from rnnbp.layers.base import Array, State


def map_states(function: Callable[..., Any], *states: State) -> Any:
    """Apply a function to the arrays in the same places of several states; None where one of them has none.

    Examples
    --------
    >>> map_states(np.add, [np.ones(2), None], [np.ones(2), None])
    [array([2., 2.]), None]
    """
    first = states[0]
    if any(state is None for state in states):
        return None
    if isinstance(first, list | tuple):
        return type(first)(map_states(function, *parts) for parts in zip(*states, strict=True))
    return function(*states)


def replace_rows(state: State, other: State, rows: Array) -> State:
    """Return a state with the given rows (B,) of bool from another one.

    Examples
    --------
    >>> replace_rows([np.ones((3, 1)), None], [np.zeros((3, 1)), None], np.array([False, True, False]))[0].tolist()
    [[1.0], [0.0], [1.0]]
    """
    if state is None or other is None:
        return other if state is None else state
    if isinstance(state, list | tuple):
        return type(state)(replace_rows(own, new, rows) for own, new in zip(state, other, strict=True))
    return np.where(rows.reshape(-1, *[1] * (np.ndim(state) - 1)), other, state)


def only_rows(state: State, rows: Array) -> State:
    """Return a state whose rows are zero but the given ones (B,) of bool.

    Examples
    --------
    >>> only_rows([np.ones((2, 1))], np.array([False, True]))[0].tolist()
    [[0.0], [1.0]]
    """

    def zeroed(array: Array) -> Array:
        found = array.copy()
        found[~rows] = 0
        return found

    return map_states(zeroed, state)


def add_states(one: State, other: State) -> State:
    """Return the sum of two states, of which None counts as zero.

    Examples
    --------
    >>> add_states(None, [np.ones(1)]), add_states([np.ones(1), None], [np.ones(1), None])
    ([array([1.])], [array([2.]), None])
    """
    if one is None or other is None:
        return other if one is None else one
    if isinstance(one, list | tuple):
        return type(one)(add_states(a, b) for a, b in zip(one, other, strict=True))
    return one + other
