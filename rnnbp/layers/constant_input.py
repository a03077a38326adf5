"""The step of a cell at constant inputs, and its transposed Jacobian at given states, for some rows at a time.

Of a declared cell, all that does not change between iterations is computed once: the products with the inputs, and the
factors of the cotangents (`rnnbp.cells.declared.numpy_fixed_point`). Where they can be, iterations are compiled
(`rnnbp.kernels.fixed_points`).
"""

from functools import cached_property
from typing import Any, Protocol, TypeGuard

import numpy as np

from rnnbp.cells import Cell
from rnnbp.cells.base import Array, Residuals, Weights, map_nested
from rnnbp.cells.constrained import ConstrainedCell
from rnnbp.cells.declared import DeclaredCell
from rnnbp.cells.declared.instructions import ADDED, Key, state_vjp_instructions, step_instructions
from rnnbp.cells.declared.numpy_fixed_point import factor_values, fixed_point_functions, given_values
from rnnbp.kernels.fixed_point_equation import Equation


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


# ---- the step ---------------------------------------------------------------------------------------------------


class ConstantInput(Protocol):
    """The function f(z) = step(z, x) for constant inputs x (N, F)."""

    def __call__(self, rows: Array, z: Array) -> tuple[Array, Any]:
        """Return f(z) (R, S) for the inputs of these rows (R,), and what `residuals` needs."""

    def residuals(self, z: Array, found: Any) -> Residuals:
        """Return the residuals of the cell's step at z, given what the call has returned."""

    def equation(self) -> Equation | None:
        """Return the equation z = f(z), if it is known."""


class _CellStep:
    """The step of any cell, by its method `step`."""

    def __init__(self, cell: Cell, weights: Weights, x: Array) -> None:
        self.cell, self.weights, self.x = cell, weights, Rows(x)

    def __call__(self, rows: Array, z: Array) -> tuple[Array, Residuals]:
        return self.cell.step(self.weights, z, self.x(rows))

    def residuals(self, z: Array, found: Residuals) -> Residuals:
        return found

    def equation(self) -> None:
        return None


class _DerivedStep:
    """The step of a declared cell, without the products with x, which are computed once."""

    def __init__(self, cell: DeclaredCell, weights: Weights, x: Array) -> None:
        self.cell, functions = cell, fixed_point_functions(cell.derivation.program)
        self.step, self.constants = functions["step"], cell.constants
        self.weights = _weights_of_equation(cell, weights)
        start = np.zeros((len(x), cell.state_size), x.dtype)
        self.given = _rows_of_values(functions["given"](self.weights, start, x, self.constants), len(x))

    def __call__(self, rows: Array, z: Array) -> tuple[Array, tuple[Array, ...]]:
        return self.step(self.by_columns, z, self.given(rows), self.constants)

    @cached_property
    def by_columns(self) -> Weights:
        """The weights, with matrices stored by columns: a product with the transposed one is faster then."""
        return {name: np.asfortranarray(w) for name, w in self.weights.items()}

    def residuals(self, z: Array, found: tuple[Array, ...]) -> Array:
        return found[0] if len(found) == 1 else np.concatenate([z[:, :0], *found], axis=-1)

    def equation(self) -> Equation:
        program = self.cell.derivation.program
        values: dict[Key, Array] = dict(zip(given_values(program), self.given.arrays, strict=True))
        return Equation(self.cell, step_instructions(program), self.weights, values)


def step_at(cell: Cell, weights: Weights, x: Array) -> ConstantInput:
    """Return the step of a cell at constant inputs x (N, F).

    Examples
    --------
    >>> from rnnbp.cells import ElmanCell
    >>> weights = {"w_ih": np.ones((1, 1)), "w_hh": np.array([[0.5]]), "b_ih": np.zeros(1), "b_hh": np.zeros(1)}
    >>> step = step_at(ElmanCell(1, 1), weights, np.zeros((3, 1)))
    >>> z, _ = step(np.array([2]), np.ones((1, 1)))
    >>> z.round(4)  # tanh(0.5)
    array([[0.4621]])
    """
    return _DerivedStep(cell, weights, x) if _is_derived(cell) else _CellStep(cell, weights, x)


# ---- the transposed Jacobian ------------------------------------------------------------------------------------


class TransposedJacobian(Protocol):
    """The function a -> J'a, for J the Jacobian of the step with respect to states (N, S)."""

    def __call__(self, rows: Array, a: Array) -> Array:
        """Return J'a (R, S) at these rows (R,) of the states."""

    def adjoint(self, d: Array) -> Equation | None:
        """Return the equation a = J'a + d (N, S), if it is known."""


class _CellJacobian:
    """The transposed Jacobian of any cell's step, by its method `step_vjp`."""

    def __init__(self, cell: Cell, weights: Weights, state: Array, x: Array, residuals: Residuals) -> None:
        self.cell, self.weights, self.taken = cell, weights, Rows((state, x, residuals))

    def __call__(self, rows: Array, a: Array) -> Array:
        state, x, residuals = self.taken(rows)
        return self.cell.step_vjp(self.weights, state, x, residuals, a)[0]

    def adjoint(self, d: Array) -> None:
        return None


class _DerivedJacobian:
    """The transposed Jacobian of a declared cell's step, whose factors are computed once."""

    def __init__(self, cell: DeclaredCell, weights: Weights, state: Array, x: Array, residuals: Residuals) -> None:
        functions, self.weights = fixed_point_functions(cell.derivation.program), _weights_of_equation(cell, weights)
        self.cell, self.product, self.constants = cell, functions["state_vjp"], cell.constants
        values = functions["factors"](self.weights, state, residuals, self.constants)
        self.factors = _rows_of_values(values, len(state))

    def __call__(self, rows: Array, a: Array) -> Array:
        return self.product(self.weights, self.factors(rows), a, self.constants)

    def adjoint(self, d: Array) -> Equation:
        program, H = self.cell.derivation.program, self.cell.hidden_size
        values: dict[Key, Array] = dict(zip(factor_values(program), self.factors.arrays, strict=True))
        values |= {(ADDED, k): d[:, k * H : (k + 1) * H] for k in range(d.shape[1] // H)}
        return Equation(self.cell, state_vjp_instructions(program), self.weights, values)


def transposed_jacobian(
    cell: Cell, weights: Weights, state: Array, x: Array, residuals: Residuals
) -> TransposedJacobian:
    """Return the function a -> J'a for the step of a cell.

    Parameters
    ----------
    cell : Cell
    weights : mapping of str to ndarray
    state : ndarray (N, S)
    x : ndarray (N, F)
    residuals
        Of the cell's step.

    Examples
    --------
    >>> from rnnbp.cells import ElmanCell
    >>> weights = {"w_ih": np.zeros((1, 1)), "w_hh": np.array([[0.5]]), "b_ih": np.zeros(1), "b_hh": np.zeros(1)}
    >>> cell, state, x = ElmanCell(1, 1), np.zeros((3, 1)), np.zeros((3, 1))
    >>> transposed_jacobian(cell, weights, state, x, cell.step(weights, state, x)[1])(np.array([2]), np.ones((1, 1)))
    array([[0.5]])
    """
    if _is_derived(cell):
        return _DerivedJacobian(cell, weights, state, x, residuals)
    return _CellJacobian(cell, weights, state, x, residuals)


# ---- cells ------------------------------------------------------------------------------------------------------


def _is_derived(cell: Cell) -> TypeGuard[DeclaredCell]:
    """Return whether a cell computes its declared equation: no method that is derived from it is overridden."""
    if isinstance(cell, ConstrainedCell):
        return cell.is_constrained
    return isinstance(cell, DeclaredCell) and cell.is_derived


def _weights_of_equation(cell: Cell, weights: Weights) -> Weights:
    """Return the weights as the equation takes them: constrained ones computed from their parameters."""
    return cell.with_constrained(weights) if isinstance(cell, ConstrainedCell) else weights


def _rows_of_values(values: list[Array], count: int) -> Rows:
    """Return rows of values, each (N, H), or (H,) where it is the same for all of them."""
    return Rows(tuple(v if v.ndim == 2 else np.broadcast_to(v, (count, *v.shape)) for v in values))
