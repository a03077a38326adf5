"""Base class of the cells around a cell."""

from dataclasses import dataclass

import numpy as np

from rnnbp.cells.base import Array, Cell, Delta, Residuals, Weights
from rnnbp.core import Parameters


@dataclass(frozen=True)
class WrappedCell:
    """Base class of the cells around a cell: sizes, parameters and step are those of the cell, until redefined.

    `outer_products` is defined beside `step_vjp`: an inherited one does not count (see `outer_method`).

    Parameters
    ----------
    cell : Cell
    """

    cell: Cell

    @property
    def input_size(self) -> int:
        return self.cell.input_size

    @property
    def output_size(self) -> int:
        return self.cell.output_size

    @property
    def state_size(self) -> int:
        return self.cell.state_size

    def shapes(self) -> dict[str, tuple[int, ...]]:
        return self.cell.shapes()

    def initialize(self, params: Parameters, rng: np.random.Generator) -> None:
        self.cell.initialize(params, rng)

    def step(self, params: Weights, state: Array, x: Array) -> tuple[Array, Residuals]:
        return self.cell.step(params, state, x)

    def param_vjp(self, state: Array, x: Array, residuals: Residuals, delta: Delta, grad: Parameters) -> None:
        self.cell.param_vjp(state, x, residuals, delta, grad)
