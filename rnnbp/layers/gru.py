"""Layers of gated recurrent units, with the reset gate after and before the recurrent product."""

from dataclasses import dataclass

from rnnbp.cells import Cell, GRUCell, OriginalGRUCell
from rnnbp.layers.cell_layer import StackedLayer


@dataclass(frozen=True)
class GRU(StackedLayer):
    """Gated recurrent units, reset gate after the recurrent product as in PyTorch: (T, B, F) -> (T, B, H).

    Bidirectional: (T, B, 2 H).

    Parameters
    ----------
    {parameters}

    Raises
    ------
    ValueError
        If a size is not a positive integer, or `dropout` is outside [0, 1) or given for a single layer.

    See Also
    --------
    rnnbp.cells.GRUCell : the equations, and their source.
    OriginalGRU : with the reset gate before the recurrent product.

    Examples
    --------
    >>> GRU(12, 64).out_shape(("T", "B", 12))
    ('T', 'B', 64)
    """

    def make_cell(self, input_size: int) -> Cell:
        return GRUCell(input_size, self.hidden_size, init=self.init)


@dataclass(frozen=True)
class OriginalGRU(StackedLayer):
    """Gated recurrent units, reset gate before the recurrent product as published: (T, B, F) -> (T, B, H).

    Bidirectional: (T, B, 2 H).

    Parameters
    ----------
    {parameters}

    Raises
    ------
    ValueError
        If a size is not a positive integer, or `dropout` is outside [0, 1) or given for a single layer.

    See Also
    --------
    rnnbp.cells.OriginalGRUCell : the equations, and their source.
    GRU : with the reset gate after the recurrent product.

    Examples
    --------
    >>> OriginalGRU(12, 64).out_shape(("T", "B", 12))
    ('T', 'B', 64)
    """

    def make_cell(self, input_size: int) -> Cell:
        return OriginalGRUCell(input_size, self.hidden_size, init=self.init)
