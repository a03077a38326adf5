"""Several cells in a stack, as one cell."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, pairwise

import numpy as np

from rnnbp.cells.base import Array, Cell, Delta, Residuals, Weights, as_cells
from rnnbp.cells.outer import Outer, outer_method, width
from rnnbp.core import Parameters


@dataclass(frozen=True)
class Stack:
    """Stack of cells: within one step, the output of each cell is the input of the next.

    As a cell, a stack works with every gradient algorithm and with fixed points. The output is that of the last cell;
    the state is [last cell's | ... | first cell's], so that the output comes first. Parameters are named ``0.w_ih``,
    ``1.w_ih``, ...

    Parameters
    ----------
    cells : tuple of Cell
        Lowest cell first.

    Raises
    ------
    ValueError
        If it is empty, an element is not a cell, or the input size of a cell is not the output size of the one below.

    Examples
    --------
    >>> from rnnbp.cells import ElmanCell, LSTMCell
    >>> stack = Stack((LSTMCell(12, 8), ElmanCell(8, 4)))
    >>> stack.input_size, stack.output_size, stack.state_size
    (12, 4, 20)
    >>> list(stack.shapes())[-1]
    '1.b_hh'
    """

    cells: tuple[Cell, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "cells", as_cells(self.cells, "stack"))
        for k, (below, above) in enumerate(pairwise(self.cells)):
            if above.input_size != below.output_size:
                raise ValueError(
                    f"cell {k + 1} of the stack takes {above.input_size} features, "
                    f"but cell {k} below it has {below.output_size} outputs"
                )

    @property
    def input_size(self) -> int:
        """F: the input size of the first cell."""
        return self.cells[0].input_size

    @property
    def output_size(self) -> int:
        """O: the output size of the last cell."""
        return self.cells[-1].output_size

    @property
    def state_size(self) -> int:
        """S: the sum of the state sizes of all cells."""
        return sum(cell.state_size for cell in self.cells)

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the names and shapes of the parameters, with the index of the cell as prefix."""
        return {f"{k}.{name}": shape for k, cell in enumerate(self.cells) for name, shape in cell.shapes().items()}

    def initialize(self, params: Parameters, rng: np.random.Generator) -> None:
        """Initialize `params` in place, cell by cell."""
        for k, cell in enumerate(self.cells):
            cell.initialize(params.scope(f"{k}."), rng)

    @cached_property
    def _parts(self) -> tuple[slice, ...]:
        """Where the state of each cell is, first cell first."""
        ends = list(accumulate(cell.state_size for cell in reversed(self.cells)))
        return tuple(slice(begin, end) for begin, end in pairwise([0, *ends]))[::-1]

    def split(self, state: Array) -> list[Array]:
        """Return the states of the cells, first cell first."""
        return [state[..., part] for part in self._parts]

    def step(self, params: Weights, state: Array, x: Array) -> tuple[Array, Residuals]:
        """Compute one step; the residuals are pairs of each cell's input and its residuals."""
        states, residuals = [], []
        for k, (cell, s) in enumerate(zip(self.cells, self.split(state), strict=True)):
            next_state, r = cell.step(_scope(params, k), s, x)
            residuals.append((x, r))
            states.append(next_state)
            x = next_state[..., : cell.output_size]
        return np.concatenate(states[::-1], axis=-1), tuple(residuals)

    def step_vjp(
        self, params: Weights, state: Array, x: Array, residuals: Residuals, d_next: Array
    ) -> tuple[Array, Array, Delta]:
        """Compute the vector-Jacobian product of one step; delta is a tuple, first cell first."""
        states, d_nexts = self.split(state), self.split(d_next)
        d_states, deltas = [], []
        d_x = np.zeros_like(d_nexts[-1][..., : self.output_size])
        for k in reversed(range(len(self.cells))):
            cell, d = self.cells[k], d_nexts[k].copy()
            d[..., : cell.output_size] += d_x
            inputs, r = residuals[k]
            d_state, d_x, delta = cell.step_vjp(_scope(params, k), states[k], inputs, r, d)
            d_states.append(d_state)
            deltas.append(delta)
        return np.concatenate(d_states, axis=-1), d_x, tuple(deltas[::-1])

    def param_vjp(self, state: Array, x: Array, residuals: Residuals, delta: Delta, grad: Parameters) -> None:
        """Add the gradient with respect to the parameters to `grad`."""
        for k, (cell, s) in enumerate(zip(self.cells, self.split(state), strict=True)):
            inputs, r = residuals[k]
            cell.param_vjp(s, inputs, r, delta[k], grad.scope(f"{k}."))

    @cached_property
    def _widths(self) -> tuple[int, ...]:
        """Number of columns of each cell's delta."""
        return tuple(width(cell) for cell in self.cells)

    def outer_products(self, state: Array, x: Array, residuals: Residuals) -> tuple[Outer, ...]:
        """Return the outer products of which the gradient with respect to the parameters is the sum.

        All cells must have `outer_products`.
        """
        found: list[Outer] = []
        first, end = 0, self.state_size
        for k, (cell, s, columns_of_cell) in enumerate(zip(self.cells, self.split(state), self._widths, strict=True)):
            begin, (inputs, r) = end - cell.state_size, residuals[k]
            method = outer_method(cell)
            assert method is not None
            for outer in method(s, inputs, r):
                units = outer.units and slice(outer.units.start + begin, outer.units.stop + begin)
                name, columns = f"{k}.{outer.name}", outer.columns + first
                found.append(Outer(name, columns, outer.inputs, outer.rows, units, outer.transposed))
            first, end = first + columns_of_cell, begin
        return tuple(found)


def _scope(params: Weights, k: int) -> Mapping[str, Array]:
    """Return the weights of cell k, under the names that the cell itself uses."""
    prefix = f"{k}."
    return {name[len(prefix) :]: w for name, w in params.items() if name.startswith(prefix)}
