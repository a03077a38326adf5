"""The step of a cell at constant inputs, and its transposed Jacobian at given states, for some rows at a time.

Of a declared cell, all that does not change between iterations is computed once: the products with the inputs, and the
factors of the cotangents (`rnnbp.cells.declared.numpy_fixed_point`).
"""

from collections.abc import Callable
from typing import Any, Protocol, TypeGuard

import numpy as np

from rnnbp.cells import Cell
from rnnbp.cells.base import Array, Residuals, Weights, map_nested
from rnnbp.cells.constrained import ConstrainedCell
from rnnbp.cells.declared import DeclaredCell
from rnnbp.cells.declared.numpy_fixed_point import fixed_point_functions


class Rows:
    """Rows of arrays (N, ...), taken only when other rows are asked for than the last time.

    Parameters
    ----------
    arrays : ndarray or nested tuple of such

    Examples
    --------
    >>> take, rows = Rows(np.arange(5)), np.array([1, 3])
    >>> rows.flags.writeable = False  # so that it is known to be the same rows next time
    >>> take(rows), take(rows) is take(rows)
    (array([1, 3]), True)
    """

    def __init__(self, arrays: Any) -> None:
        self.arrays = arrays
        self._rows: Array | None = None
        self._taken: Any = None

    def __call__(self, rows: Array) -> Any:
        """Return these rows (R,)."""
        if rows is not self._rows or rows.flags.writeable:
            self._taken = map_nested(lambda a: a.take(rows, axis=0), self.arrays)
            self._rows = rows
        return self._taken


class ConstantInput(Protocol):
    """The function f(z) = step(z, x) for constant inputs x (N, F)."""

    def __call__(self, rows: Array, z: Array) -> tuple[Array, Any]:
        """Return f(z) (R, S) for the inputs of these rows (R,), and what `residuals` needs."""

    def residuals(self, z: Array, found: Any) -> Residuals:
        """Return the residuals of the cell's step at z, given what the call has returned."""


class _CellStep:
    """The step of any cell."""

    def __init__(self, cell: Cell, weights: Weights, x: Array) -> None:
        self.cell, self.weights, self.x = cell, weights, Rows(x)

    def __call__(self, rows: Array, z: Array) -> tuple[Array, Residuals]:
        return self.cell.step(self.weights, z, self.x(rows))

    def residuals(self, z: Array, found: Residuals) -> Residuals:
        return found


class _DerivedStep:
    """The step of a declared cell, without the products with x, which are computed once."""

    def __init__(self, cell: DeclaredCell, weights: Weights, x: Array) -> None:
        functions = fixed_point_functions(cell.derivation.program)
        self.step, self.constants = functions["step"], cell.constants
        # matrices are stored by columns, as a product with the transposed one is faster then
        self.weights = {n: np.asfortranarray(w) for n, w in _weights_of_equation(cell, weights).items()}
        start = np.zeros((len(x), cell.state_size), x.dtype)
        self.given = _rows_of_values(functions["given"](self.weights, start, x, self.constants), len(x))

    def __call__(self, rows: Array, z: Array) -> tuple[Array, tuple[Array, ...]]:
        return self.step(self.weights, z, self.given(rows), self.constants)

    def residuals(self, z: Array, found: tuple[Array, ...]) -> Array:
        return found[0] if len(found) == 1 else np.concatenate([z[:, :0], *found], axis=-1)


def step_at(cell: Cell, weights: Weights, x: Array) -> ConstantInput:
    """Return the step of a cell at constant inputs x (N, F)."""
    return _DerivedStep(cell, weights, x) if _is_derived(cell) else _CellStep(cell, weights, x)


def transposed_jacobian(
    cell: Cell, weights: Weights, state: Array, x: Array, residuals: Residuals
) -> Callable[[Array, Array], Array]:
    """Return the function (rows, a) -> J'a, for J the Jacobian of the step with respect to these states.

    Parameters
    ----------
    cell : Cell
    weights : mapping of str to ndarray
    state : ndarray (N, S)
    x : ndarray (N, F)
    residuals
        Of the cell's step.

    Returns
    -------
    callable
        Takes rows (R,) and a (R, S).

    Examples
    --------
    >>> from rnnbp.cells import ElmanCell
    >>> weights = {"w_ih": np.zeros((1, 1)), "w_hh": np.array([[0.5]]), "b_ih": np.zeros(1), "b_hh": np.zeros(1)}
    >>> cell, state, x = ElmanCell(1, 1), np.zeros((3, 1)), np.zeros((3, 1))
    >>> transposed_jacobian(cell, weights, state, x, cell.step(weights, state, x)[1])(np.array([2]), np.ones((1, 1)))
    array([[0.5]])
    """
    if _is_derived(cell):
        functions, weights = fixed_point_functions(cell.derivation.program), _weights_of_equation(cell, weights)
        values = functions["factors"](weights, state, residuals, cell.constants)
        factors, constants = _rows_of_values(values, len(state)), cell.constants
        return lambda rows, a: functions["state_vjp"](weights, factors(rows), a, constants)
    taken = Rows((state, x, residuals))

    def product(rows: Array, a: Array) -> Array:
        z_, x_, residuals_ = taken(rows)
        return cell.step_vjp(weights, z_, x_, residuals_, a)[0]

    return product


def _is_derived(cell: Cell) -> TypeGuard[DeclaredCell]:
    """Return whether a cell's equation says it all."""
    if isinstance(cell, ConstrainedCell):
        return cell.is_constrained
    return isinstance(cell, DeclaredCell) and cell.is_derived


def _weights_of_equation(cell: Cell, weights: Weights) -> Weights:
    return cell.with_constrained(weights) if isinstance(cell, ConstrainedCell) else weights


def _rows_of_values(values: list[Array], count: int) -> Rows:
    """Return rows of values, each (N, H), or (H,) where it is the same for all of them."""
    return Rows(tuple(np.broadcast_to(value, (count, value.shape[-1])) for value in values))
