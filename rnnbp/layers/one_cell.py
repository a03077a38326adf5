"""Base class of the layers of one cell."""

from dataclasses import dataclass
from typing import Any

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

    def __getstate__(self) -> dict[str, Any]:
        """Return the fields, without what is derived from them."""
        return {name: value for name, value in vars(self).items() if not name.startswith("_")}

    def shapes(self) -> dict[str, tuple[int, ...]]:
        return self.cell.shapes()

    def initialize(self, params: Parameters, rng: np.random.Generator) -> None:
        self.cell.initialize(params, rng)

    def out_shape(self, shape: Shape) -> Shape:
        check_sequences(self, shape, self.cell.input_size)
        return (*shape[:2], self.cell.output_size)
