"""The states of a model in use: copied, set back for some sequences, selected, put side by side, and saved.

A state is a list with one entry a layer: None for a layer without state, an array (B, ...), or a list of such. A
sequence is a row of every array.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from rnnbp.layers.base import Array, State
from rnnbp.runtime import read_archive, refuses_by_name, write_archive

STATE_FILE = "rnnbp state"
DEEPEST = 20  # lists within lists of a state in a file


def copy_state(state: State) -> Any:
    """Return a copy of a state, which shares no memory with it.

    Parameters
    ----------
    state : list, one per layer
        As `rnnbp.Sequential.start` and `rnnbp.Sequential.step` return it.

    Examples
    --------
    >>> state = [np.zeros((1, 2)), None]
    >>> copied = copy_state(state)
    >>> copied[0][:] = 1
    >>> state
    [array([[0., 0.]]), None]
    """
    return map_states(np.copy, state)


def take_rows(state: State, rows: ArrayLike) -> Any:
    """Return the state of some of the sequences, in the given order; a sequence may be taken several times.

    Parameters
    ----------
    state : list
        As `rnnbp.Sequential.step` returns it.
    rows : array_like of int (n,), or of bool (B,)

    Raises
    ------
    ValueError
        If there is no such sequence.

    Examples
    --------
    >>> take_rows([np.arange(3.0)[:, None], None], [2, 0, 0])[0].tolist()
    [[2.0], [0.0], [0.0]]
    """
    B = batch_size_of(state)
    if B is None:
        return copy_state(state)
    try:
        chosen = np.arange(B)[np.asarray(rows)]
    except IndexError:
        given = np.asarray(rows).tolist()
        raise ValueError(f"rows must be among the {B} sequences of the state, got {given}") from None
    return map_states(lambda array: array[chosen], state)


def join_states(states: Sequence[State]) -> Any:
    """Return the states of several runs of one model side by side, as the state of one run.

    Parameters
    ----------
    states : sequence of list
        The state of each run, of any number of rows.

    Raises
    ------
    ValueError
        If there is none, or they are not of one model.

    Examples
    --------
    >>> join_states([[np.zeros((1, 2)), None], [np.ones((2, 2)), None]])[0].shape
    (3, 2)
    """
    if not len(states):
        raise ValueError("states must be at least one state, got none")
    layouts = [map_states(lambda array: array.shape[1:], state) for state in states]
    for i, layout in enumerate(layouts):
        if layout != layouts[0]:
            raise ValueError(f"states must be of one model, but state {i} is {layout}, and state 0 is {layouts[0]}")
    return map_states(lambda *arrays: np.concatenate(arrays), *states)


@refuses_by_name
def save_state(path: str | Path, state: State) -> None:
    """Write a state to a .npz file, which `load_state` reads; the file appears only once it is complete.

    Parameters
    ----------
    path : str or Path
    state : list
        As `rnnbp.Sequential.step` returns it.

    Raises
    ------
    FileNotFoundError
        If the folder does not exist.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "state.npz"
    >>> save_state(path, [np.zeros((1, 2)), None])
    >>> load_state(path)
    [array([[0., 0.]]), None]
    """
    arrays: dict[str, Array] = {}

    def place(part: State) -> Any:
        if part is None:
            return None
        if isinstance(part, list | tuple):
            return [place(one) for one in part]
        arrays[f"array{len(arrays)}"] = np.asarray(part)
        return len(arrays) - 1

    write_archive(path, STATE_FILE, {"state": place(state)}, arrays)


@refuses_by_name
def load_state(path: str | Path) -> Any:
    """Read a state that `save_state` wrote.

    Parameters
    ----------
    path : str or Path

    Raises
    ------
    FileNotFoundError, IsADirectoryError
        If there is no such file, or it is a folder.
    ValueError
        If the file is not a state, or is damaged. Whether it fits a model, `rnnbp.Sequential.step` checks.

    Examples
    --------
    >>> import rnnbp, tempfile
    >>> path = Path(tempfile.mkdtemp()) / "state.npz"
    >>> model = rnnbp.Sequential(rnnbp.LSTM(2, 3), rnnbp.Dense(3, 1))
    >>> _, state = model.step(np.ones((1, 2)), model.start())
    >>> save_state(path, state)
    >>> y, _ = model.step(np.ones((1, 2)), load_state(path))
    >>> bool((y == model.step(np.ones((1, 2)), state)[0]).all())
    True
    """
    header, arrays = read_archive(path, STATE_FILE)

    def built(part: Any, depth: int) -> Any:
        if isinstance(part, list) and depth < DEEPEST:
            return [built(one, depth + 1) for one in part]
        if part is None or isinstance(part, list):
            return None if part is None else _refuse(path, "it is nested too deeply")
        array = arrays.get(f"array{part}")
        if array is None or array.dtype.kind not in "fiub" or not array.ndim:
            return _refuse(path, f"it has no array of numbers {part!r}")
        return array

    if not isinstance(header.get("state"), list):
        _refuse(path, "it has no list of layers")
    return built(header["state"], 0)


def _refuse(path: str | Path, why: str) -> Any:
    raise ValueError(f"{str(path)!r} does not contain a state: {why}")


def batch_size_of(state: State) -> int | None:
    """Return the number of sequences of a state; None where no layer has one.

    Examples
    --------
    >>> batch_size_of([None, [np.zeros((3, 8))]]), batch_size_of([None])
    (3, None)
    """
    if isinstance(state, list | tuple):
        return next((size for part in state if (size := batch_size_of(part)) is not None), None)
    return None if state is None else len(state)


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
