"""Trial step of a user's cell on zeros, so that wrong return values are reported where the cell is passed."""

import copy
from collections.abc import Mapping
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from rnnbp.core import Parameters

ROWS = 2  # sequences of the trial

_passed: WeakKeyDictionary[type, set[tuple[int, int, int]]] = WeakKeyDictionary()


def try_step(name: str, cell: Any) -> None:
    """Run one step of a cell and its vector-Jacobian products on a batch of zeros, and check the returned shapes.

    A cell of this package is not tried, others once for each class and sizes. The trial runs on a deep copy, so that it
    has no effect on the cell; a cell that cannot be copied is not tried.

    Parameters
    ----------
    name : str
        Name of the argument, for messages.
    cell : Cell
        With all members of the protocol.

    Raises
    ------
    ValueError
        Naming the method, what it returned and what it must return.

    Examples
    --------
    >>> from rnnbp.cells import ElmanCell
    >>> class TwoValues(ElmanCell):
    ...     def step_vjp(self, params, state, x, residuals, d_next):
    ...         return super().step_vjp(params, state, x, residuals, d_next)[:2]
    >>> TwoValues.__module__ = "mine"
    >>> try:
    ...     try_step("cell", TwoValues(1, 2))
    ... except ValueError as error:
    ...     print(error)
    cell: TwoValues.step_vjp must return (d_state, d_x, delta), got a tuple of 2
    """
    cls, sizes = type(cell), (cell.input_size, cell.output_size, cell.state_size)
    if cls.__module__.partition(".")[0] == "rnnbp" or sizes in _passed.get(cls, ()):
        return
    try:
        copied = copy.deepcopy(cell)
    except Exception:
        return
    trial = _Trial(name, cls.__name__)
    try:
        with np.errstate(all="ignore"):
            trial.run(copied)
    except Exception as error:
        error.add_note(
            f"{name}: one step of {cls.__name__} was tried on zeros, state (B, S) = ({ROWS}, {cell.state_size}) "
            f"and x (B, F) = ({ROWS}, {cell.input_size})"
        )
        raise
    _passed.setdefault(cls, set()).add(sizes)


class _Trial:
    """Trial of a cell, with its error messages."""

    def __init__(self, name: str, cell: str) -> None:
        self.name, self.cell = name, cell

    def run(self, cell: Any) -> None:
        """Run one step and its vector-Jacobian products."""
        shapes = cell.shapes()
        if not isinstance(shapes, Mapping):
            raise self._mismatch("shapes", "must return a dict of names and shapes", f"{type(shapes).__name__}")
        params = Parameters(shapes, dtype=np.float64)
        cell.initialize(params, np.random.default_rng(0))
        weights, state, x = dict(params.items()), np.zeros((ROWS, cell.state_size)), np.zeros((ROWS, cell.input_size))
        next_state, residuals = self._values("step", ("next_state", "residuals"), cell.step(weights, state, x))
        self._shape("step", "next_state (B, S)", next_state, state.shape)
        self._nested("step", "residuals", residuals)
        returned = cell.step_vjp(weights, state, x, residuals, np.zeros_like(state))
        d_state, d_x, delta = self._values("step_vjp", ("d_state", "d_x", "delta"), returned)
        self._shape("step_vjp", "d_state (B, S)", d_state, state.shape)
        self._shape("step_vjp", "d_x (B, F)", d_x, x.shape)
        self._nested("step_vjp", "delta", delta)
        cell.param_vjp(state, x, residuals, delta, params.zeros())

    def _mismatch(self, method: str, wanted: str, got: str) -> ValueError:
        return ValueError(f"{self.name}: {self.cell}.{method} {wanted}, got {got}")

    def _values(self, method: str, names: tuple[str, ...], found: Any) -> tuple[Any, ...]:
        if not isinstance(found, tuple) or len(found) != len(names):
            got = f"a tuple of {len(found)}" if isinstance(found, tuple) else type(found).__name__
            raise self._mismatch(method, f"must return ({', '.join(names)})", got)
        return found

    def _shape(self, method: str, what: str, found: Any, wanted: tuple[int, ...]) -> None:
        if not isinstance(found, np.ndarray) or found.shape != wanted:
            got = f"shape {found.shape}" if isinstance(found, np.ndarray) else type(found).__name__
            raise self._mismatch(method, f"must return {what} = {wanted} for B = {ROWS}", got)

    def _nested(self, method: str, what: str, found: Any) -> None:
        """Check arrays with the axis of the batch first, or nested tuples of such."""
        if isinstance(found, tuple):
            for item in found:
                self._nested(method, what, item)
        elif not isinstance(found, np.ndarray) or found.shape[:-1] != (ROWS,):
            got = f"an array of shape {found.shape}" if isinstance(found, np.ndarray) else repr(type(found).__name__)
            wanted = f"must return {what} as an array (B, K), or as a tuple of such, with B = {ROWS} here"
            raise self._mismatch(method, wanted, got)
