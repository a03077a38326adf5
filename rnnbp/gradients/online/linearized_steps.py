"""Steps of a cell, linearized: their recurrent Jacobians ds[t]/ds[t-1] and immediate Jacobians."""

import copy
from collections.abc import Sequence
from functools import cached_property
from typing import Any, Protocol

import numpy as np

from rnnbp.cells import Cell, Outer
from rnnbp.cells.base import Array, Delta, Residuals, Weights, basis_vjp, map_nested
from rnnbp.cells.outer import outer_method, outer_rows, side_by_side
from rnnbp.core import Parameters


class ImmediateJacobian(Protocol):
    """The derivative of pre-activations with respect to the parameters at a fixed previous state, of n sequences."""

    def vjp(self, delta: Delta) -> Array:
        """Return the gradient (..., n, P) with respect to the parameters, sequence by sequence, from delta (..., n, K).

        `Cell.param_vjp` gives the sum over sequences only.
        """
        ...

    def entries(self, delta: Delta, units: Array, parameters: Array) -> Array:
        """Return entries (n, ...) of ``vjp(delta)``, delta being (S, n, K), for pairs of a unit and a parameter."""
        ...


class OuterProductJacobian:
    """The immediate Jacobian of a cell with `outer_products`: each parameter enters one pre-activation, times an input.

    Parameters
    ----------
    columns : ndarray of int (P,)
        The pre-activation that each parameter enters.
    inputs : ndarray (n, P)
        The input by which it is multiplied.
    """

    def __init__(self, columns: Array, inputs: Array) -> None:
        self.columns, self.inputs = columns, inputs

    def vjp(self, delta: Delta) -> Array:
        """Return the gradient (..., n, P) from delta (..., n, K)."""
        return side_by_side(delta)[..., self.columns] * self.inputs

    def entries(self, delta: Delta, units: Array, parameters: Array) -> Array:
        """Compute only the entries that are asked for."""
        rows = np.moveaxis(side_by_side(delta), 1, 0)  # (n, S, K)
        here = units * rows.shape[2] + self.columns[parameters]
        return rows.reshape(len(rows), -1).take(here, axis=1) * self.inputs.take(parameters, axis=1)


class GenericJacobian:
    """The immediate Jacobian of any cell, by one call of `param_vjp` for each cotangent: slow.

    Parameters
    ----------
    cell : Cell
    params : Parameters
        For their names and shapes.
    state, x, residuals
        Of the step, (n, ...).
    """

    def __init__(self, cell: Cell, params: Parameters, state: Array, x: Array, residuals: Residuals) -> None:
        self.cell, self.params = cell, params
        self.state, self.x, self.residuals = state, x, residuals

    def vjp(self, delta: Delta) -> Array:
        """Return the gradient (..., n, P) from delta (..., n, K)."""
        leading = _leading_axes(delta)
        found = np.zeros((*leading, self.params.size), self.state.dtype)
        for place in np.ndindex(*leading):
            b, grad = place[-1], self.params.like(found[place])
            residuals = map_nested(lambda r, b=b: r[b], self.residuals)
            own_delta = map_nested(lambda d, place=place: d[place], delta)
            self.cell.param_vjp(self.state[b], self.x[b], residuals, own_delta, grad)
        return found

    def entries(self, delta: Delta, units: Array, parameters: Array) -> Array:
        """Compute all entries and take those that are asked for."""
        return np.moveaxis(self.vjp(delta)[units, :, parameters], -1, 0)


def _leading_axes(delta: Delta) -> tuple[int, ...]:
    while isinstance(delta, tuple):
        delta = delta[0]
    return delta.shape[:-1]


class LinearizedSteps:
    """A block of steps at constant parameters with their Jacobians, which are computed on first use.

    N is the number of real steps: for each step of the block, its active sequences, which are the first ones.

    Parameters
    ----------
    cell : Cell
    params : Parameters
    state : ndarray (N, S)
        Before each step.
    x : ndarray (N, F)
    active : ndarray (h,), optional
        The number of active sequences of each step. Default: all rows are one step.
    following : int, default 0
        The number of sequences that have a step after the block.
    residuals : ndarray (N, R), or nested, optional
        Of the cell's `step`. Default: it is computed here.

    Examples
    --------
    >>> from rnnbp.cells import ElmanCell
    >>> cell = ElmanCell(1, 2)
    >>> steps = LinearizedSteps(cell, Parameters(cell.shapes()), np.zeros((5, 2)), np.ones((5, 1)), np.array([3, 2]))
    >>> steps.jacobian.shape, steps.immediate_jacobian.vjp(steps.deltas).shape, steps.rows
    ((5, 2, 2), (2, 5, 10), [slice(0, 3, None), slice(3, 5, None)])
    """

    def __init__(
        self,
        cell: Cell,
        params: Parameters,
        state: Array,
        x: Array,
        active: Array | None = None,
        following: int = 0,
        residuals: Residuals = None,
    ) -> None:
        self.cell, self.params, self.state, self.x, self.following = cell, params, state, x, following
        self.active = np.array([len(state)]) if active is None else active
        self.weights = dict(params.items())
        self.residuals = cell.step(self.weights, state, x)[1] if residuals is None else residuals
        self._basis_vjp: tuple[Array, Delta] | None = None
        self._immediate: ImmediateJacobian | None = None

    def with_weights(self, weights: Weights) -> "LinearizedSteps":
        """Return the same steps with other weights in their vector-Jacobian products."""
        other = copy.copy(self)
        other.weights, other._basis_vjp = dict(weights), None
        return other

    @cached_property
    def outers(self) -> tuple[Outer, ...] | None:
        """The outer products of these steps; None for a cell without `outer_products`."""
        method = outer_method(self.cell)
        return None if method is None else method(self.state, self.x, self.residuals)

    @property
    def size(self) -> int:
        """N, the number of real steps."""
        return len(self.state)

    @property
    def rows(self) -> list[slice]:
        """The rows of each step."""
        ends = np.cumsum(self.active).tolist()
        return [slice(end - n, end) for end, n in zip(ends, self.active.tolist(), strict=True)]

    def _vjp_of_basis(self) -> tuple[Array, Delta]:
        if self._basis_vjp is None:
            self._basis_vjp = basis_vjp(self.cell, self.weights, self.state, self.x, self.residuals)
        return self._basis_vjp

    @property
    def jacobian(self) -> Array:
        """The recurrent Jacobian (N, S, S): the derivative of next state i with respect to state j."""
        return np.moveaxis(self._vjp_of_basis()[0], 0, -2)

    @property
    def deltas(self) -> Delta:
        """The derivative (S, N, K) of each unit of the next state with respect to the pre-activations."""
        return self._vjp_of_basis()[1]

    @property
    def immediate_jacobian(self) -> ImmediateJacobian:
        """The derivative of the pre-activations with respect to the parameters, at a fixed previous state."""
        if self._immediate is None:
            self._immediate = _immediate_jacobian(self)
        return self._immediate

    def immediate_vjp(self, d_next: Array) -> Array:
        """Return `d_next` (N, S) times the immediate Jacobian of the next state, row by row: (N, P)."""
        _, _, delta = self.cell.step_vjp(self.weights, self.state, self.x, self.residuals, d_next)
        return self.immediate_jacobian.vjp(delta)


def _immediate_jacobian(steps: LinearizedSteps) -> ImmediateJacobian:
    outers, params = steps.outers, steps.params
    if outers is None:
        return GenericJacobian(steps.cell, params, steps.state, steps.x, steps.residuals)
    return OuterProductJacobian(_columns(outers, params), _inputs(outers, params, steps.size, steps.state.dtype))


def _columns(outers: Sequence[Outer], params: Parameters) -> Array:
    """Return the column (P,) of delta that each parameter's gradient is computed from."""
    found = params.like(np.empty(params.size, np.intp))
    for outer in outers:
        part = outer_rows(found[outer.name], outer)
        part[:] = outer.columns[:, None]
    return found.vector


def _inputs(outers: Sequence[Outer], params: Parameters, n: int, dtype: Any) -> Array:
    """Return the input (n, P) by which each parameter is multiplied."""
    found = np.ones((n, params.size), dtype)
    for outer in outers:
        if outer.inputs is not None:
            block = found[:, params.place(outer.name)].reshape(n, *params.shapes[outer.name])
            part = block.swapaxes(1, 2) if outer.transposed else block
            part[:, outer.rows] = outer.inputs[:, None, :]
    return found
