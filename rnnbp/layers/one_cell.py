"""Base class of the layers of one cell."""

from dataclasses import dataclass

import numpy as np

from rnnbp.cells import Cell
from rnnbp.core import Parameters
from rnnbp.layers.base import Layer, Shape, check_sequences


@dataclass(frozen=True)
class OneCellLayer(Layer):
    """Base class of layers of one cell, (T, B, F) -> (T, B, O), whose parameters are those of the cell, by its names.

    Parameters
    ----------
    cell : Cell
    """

    cell: Cell

    recurrent = True

    def shapes(self) -> dict[str, tuple[int, ...]]:
        return self.cell.shapes()

    def initialize(self, params: Parameters, rng: np.random.Generator) -> None:
        self.cell.initialize(params, rng)

    def out_shape(self, shape: Shape) -> Shape:
        check_sequences(self, shape, self.cell.input_size)
        return (*shape[:2], self.cell.output_size)
