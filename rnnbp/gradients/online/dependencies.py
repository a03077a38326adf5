"""Cells whose vector-Jacobian products show every dependency of their equation.

The derivative of ``maximum(a, b)`` with respect to b is zero wherever a is greater, and that of a rectified unit where
it is off: no number of random points is sure to show that they depend on b at all. So for the sparsity pattern of a
declared cell its derivatives are taken as one wherever the equation's reverse pass has any, and the weights by their
absolute values, so that no terms cancel.
"""

from dataclasses import dataclass, replace

import numpy as np

from rnnbp.cells import Cell, Outer, Stack
from rnnbp.cells.base import Array, Residuals, Weights
from rnnbp.cells.declared import DeclaredCell
from rnnbp.cells.declared.expressions import Expression
from rnnbp.cells.declared.reverse import Cotangent
from rnnbp.cells.wrapped import WrappedCell
from rnnbp.gradients.online.detached_layers import Detached


def with_dependencies(cell: Cell) -> Cell:
    """Return a cell in which the declared ones show their dependencies; any other one unchanged."""
    if isinstance(cell, DeclaredCell) and cell.is_derived:
        return DependencyCell(cell)
    if isinstance(cell, Stack):
        return Stack(tuple(map(with_dependencies, cell.cells)))
    return replace(cell, cell=with_dependencies(cell.cell)) if isinstance(cell, Detached) else cell


@dataclass(frozen=True)
class DependencyCell(WrappedCell):
    """A declared cell whose vector-Jacobian product is positive wherever the cotangent depends on incoming ones.

    Parameters
    ----------
    cell : DeclaredCell

    Examples
    --------
    >>> from rnnbp.cells.declared import linear, maximum
    >>> class Floor(DeclaredCell):
    ...     parameters = "p"
    ...     @staticmethod
    ...     def update(x, h, p):
    ...         return maximum(h + linear("h", x), p)
    >>> cell = Floor(1, 1)
    >>> weights = {"w_ih": np.ones((1, 1)), "p": np.full(1, -1000.0)}
    >>> for one in (cell, with_dependencies(cell)):
    ...     _, residuals = one.step(weights, np.zeros((1, 1)), np.ones((1, 1)))
    ...     print(one.step_vjp(weights, np.zeros((1, 1)), np.ones((1, 1)), residuals, np.ones((1, 1)))[2])
    [[1. 0.]]
    [[1. 1.]]
    """

    cell: DeclaredCell

    def step_vjp(
        self, params: Weights, state: Array, x: Array, residuals: Residuals, d_next: Array
    ) -> tuple[Array, Array, Array]:
        found = _Reversed(self.cell, params, abs(d_next))
        return found.d_state(), found.d_input(), found.delta()

    def outer_products(self, state: Array, x: Array, residuals: Residuals) -> tuple[Outer, ...]:
        return self.cell.outer_products(state, x, residuals)


class _Reversed:
    """The reverse pass of a declared cell's step, with ones as factors and positive weights.

    Parameters
    ----------
    cell : DeclaredCell
    params : mapping of str to ndarray
    d_next : ndarray (..., S)
        Not negative.
    """

    def __init__(self, cell: DeclaredCell, params: Weights, d_next: Array) -> None:
        program = cell.derivation.program
        self.equation, self.reverse, self.layout = program.equation, program.reverse, program.layout
        self.params, self.hidden_size = params, cell.hidden_size
        parts = np.split(d_next, len(self.equation.states), axis=-1)
        self.zero, self.no_input = np.zeros_like(parts[0]), np.zeros((*d_next.shape[:-1], cell.input_size))
        self.values = dict(zip(self.reverse.incoming.values(), parts, strict=True))
        self.sources = {product: source for source, product in self.reverse.products.items()}

    def delta(self) -> Array:
        """Return the cotangents of all columns, (..., K)."""
        return np.concatenate([self.zero[..., :0], *map(self.cotangent, self.layout.columns)], axis=-1)

    def d_state(self) -> Array:
        """Return the cotangent of the state before the step, (..., S)."""
        found = []
        for name, symbol in self.equation.states.items():
            through_weights = self.through_weights(symbol, self.zero)
            found.append(sum(map(self.cotangent, self.reverse.states[name]), through_weights))
        return np.concatenate(found, axis=-1)

    def d_input(self) -> Array:
        """Return the cotangent of the input, (..., F)."""
        return self.through_weights(self.equation.x, self.no_input)

    def cotangent(self, cotangent: Cotangent) -> Array:
        """Return the value of a cotangent."""
        factor = cotangent.factor
        return self.zero if factor.op == "number" and factor.label == 0 else self.value(cotangent.root)

    def value(self, node: Expression) -> Array:
        """Return the sum of the cotangents that an expression depends on."""
        if node not in self.values:
            if node.op == "product":
                self.values[node] = self.through_weights(self.sources[node], self.zero)
            else:
                self.values[node] = sum(map(self.value, node.args), self.zero)
        return self.values[node]

    def through_weights(self, source: Expression, zero: Array) -> Array:
        """Return the cotangent of a source of weights."""
        H, found = self.hidden_size, zero
        for block in self.layout.blocks:
            if block.source is source:
                weight = self.params[f"w_{block.suffix}"][block.row * H : (block.row + 1) * H]
                found = found + self.cotangent(self.layout.columns[block.column]) @ abs(weight)
        return found
