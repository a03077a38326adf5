"""One step of a cell, linearized: how the next state depends on the state before, and on each parameter directly."""

import copy
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from rnnbp.cells import Cell, Outer
from rnnbp.cells.base import Array, Delta, Residuals, Weights, basis_vjp, map_nested
from rnnbp.cells.outer import outer_method, rows_of, side_by_side
from rnnbp.core import Parameters

STEP = 1e-30


class Action(Protocol):
    """How the parameters act at one step of n sequences.

    ``rows(delta)`` turns an error at the pre-activations, (..., n, K), into one by each parameter, sequence by
    sequence: (..., n, P). `param_vjp` gives the sum over sequences only.
    """

    def rows(self, delta: Delta) -> Array: ...

    def entries(self, delta: Delta, units: Array, parameters: Array) -> Array:
        """Of ``rows(delta)``, delta being (S, n, K), the entries (n, ...) of pairs of a unit and a parameter."""
        ...


class ByColumns:
    """Of a cell that says by which column of delta and by what input each of its parameters acts.

    Parameters
    ----------
    columns : ndarray of int (P,)
    inputs : ndarray (n, P)
    """

    def __init__(self, columns: Array, inputs: Array) -> None:
        self.columns, self.inputs = columns, inputs

    def rows(self, delta: Delta) -> Array:
        """(..., n, K) -> (..., n, P)."""
        return side_by_side(delta)[..., self.columns] * self.inputs

    def entries(self, delta: Delta, units: Array, parameters: Array) -> Array:
        """Only those that are asked for are computed."""
        rows = np.moveaxis(side_by_side(delta), 1, 0)  # (n, S, K)
        here = units * rows.shape[2] + self.columns[parameters]
        return rows.reshape(len(rows), -1).take(here, axis=1) * self.inputs.take(parameters, axis=1)


class OneByOne:
    """Of any cell: `param_vjp` for each error by itself, which takes its time.

    Parameters
    ----------
    cell : Cell
    params : Parameters
        For their names.
    state, x, residuals
        Of the step, (n, ...).
    """

    def __init__(self, cell: Cell, params: Parameters, state: Array, x: Array, residuals: Residuals) -> None:
        self.cell, self.params = cell, params
        self.state, self.x, self.residuals = state, x, residuals

    def rows(self, delta: Delta) -> Array:
        """(..., n, K) -> (..., n, P)."""
        leading = _leading(delta)
        found = np.zeros((*leading, self.params.size), self.state.dtype)
        for place in np.ndindex(*leading):
            b, grad = place[-1], self.params.like(found[place])
            residuals = map_nested(lambda r, b=b: r[b], self.residuals)
            own = map_nested(lambda d, place=place: d[place], delta)
            self.cell.param_vjp(self.state[b], self.x[b], residuals, own, grad)
        return found

    def entries(self, delta: Delta, units: Array, parameters: Array) -> Array:
        """All are computed, and those that are asked for are taken."""
        return np.moveaxis(self.rows(delta)[units, :, parameters], -1, 0)


def _leading(delta: Delta) -> tuple[int, ...]:
    while isinstance(delta, tuple):
        delta = delta[0]
    return delta.shape[:-1]


class Linear:
    """One step of the running sequences.

    Parameters
    ----------
    cell : Cell
    params : Parameters
    state : ndarray (n, S)
    x : ndarray (n, F)

    Attributes
    ----------
    next_state : ndarray (n, S)

    Examples
    --------
    >>> from rnnbp.cells import ElmanCell
    >>> cell = ElmanCell(1, 2)
    >>> step = Linear(cell, Parameters(cell.shapes()), np.zeros((5, 2)), np.ones((5, 1)))
    >>> step.jacobian.shape, step.action.rows(step.deltas).shape
    ((5, 2, 2), (2, 5, 10))
    """

    def __init__(self, cell: Cell, params: Parameters, state: Array, x: Array) -> None:
        self.cell, self.params, self.state, self.x = cell, params, state, x
        self.weights = dict(params.items())
        self.next_state, self.residuals = cell.step(self.weights, state, x)
        self._basis: tuple[Array, Delta] | None = None
        self._action: Action | None = None

    def by(self, weights: Weights) -> "Linear":
        """The same step, passed backwards by other weights."""
        other = copy.copy(self)
        other.weights, other._basis = dict(weights), None
        return other

    @property
    def size(self) -> int:
        """n, how many sequences run."""
        return len(self.state)

    def _on_basis(self) -> tuple[Array, Delta]:
        if self._basis is None:
            self._basis = basis_vjp(self.cell, self.weights, self.state, self.x, self.residuals)
        return self._basis

    @property
    def jacobian(self) -> Array:
        """(n, S, S): the derivative of next state i by state j."""
        return np.moveaxis(self._on_basis()[0], 0, -2)

    @property
    def deltas(self) -> Delta:
        """(S, n, K): of each of the next state's units, its derivative by the pre-activations."""
        return self._on_basis()[1]

    @property
    def action(self) -> Action:
        """How the parameters act directly."""
        if self._action is None:
            self._action = _action(self.cell, self.params, self.state, self.x, self.residuals)
        return self._action

    def pushed(self, tangent: Array) -> Array:
        """The Jacobian times `tangent` (n, S), by the complex step: the cost of one step."""
        size = np.abs(tangent).max(initial=0.0)
        if size == 0:
            return np.zeros_like(tangent)
        h = STEP / float(size)
        moved, _ = self.cell.step(self.weights, self.state + 1j * (h * tangent.astype(np.float64)), self.x)
        return (moved.imag / h).astype(tangent.dtype)

    def pulled(self, d_next: Array) -> Array:
        """The error by each parameter's direct action, sequence by sequence: (n, S) -> (n, P)."""
        _, _, delta = self.cell.step_vjp(self.weights, self.state, self.x, self.residuals, d_next)
        return self.action.rows(delta)


def _action(cell: Cell, params: Parameters, state: Array, x: Array, residuals: Residuals) -> Action:
    method = outer_method(cell)
    if method is None:
        return OneByOne(cell, params, state, x, residuals)
    outers = method(state, x, residuals)
    return ByColumns(_columns(outers, params), _inputs(outers, params, len(state), state.dtype))


def _columns(outers: Sequence[Outer], params: Parameters) -> Array:
    """(P,): the column of delta by which each parameter acts."""
    found = params.like(np.empty(params.size, np.intp))
    for outer in outers:
        part = rows_of(found[outer.name], outer)
        part[:] = outer.columns[:, None]
    return found.vector


def _inputs(outers: Sequence[Outer], params: Parameters, n: int, dtype: Any) -> Array:
    """(n, P): what each parameter is multiplied with."""
    found = np.ones((n, params.size), dtype)
    for outer in outers:
        if outer.inputs is not None:
            block = found[:, params.place(outer.name)].reshape(n, *params.shapes[outer.name])
            part = block.swapaxes(1, 2) if outer.transposed else block
            part[:, outer.rows] = outer.inputs[:, None, :]
    return found
