"""Gated recurrent units as layers, in both conventions."""

from dataclasses import dataclass

from rnnbp.cells import Cell, GRUCell, OriginalGRUCell
from rnnbp.layers.cell_layer import StackedLayer


@dataclass(frozen=True)
class GRU(StackedLayer):
    """Gated recurrent units in PyTorch's convention: (T, B, F) -> (T, B, H), or 2 H where bidirectional.

    Parameters
    ----------
    {parameters}

    Raises
    ------
    ValueError
        If a size is not a positive integer, `dropout` outside [0, 1), or there is dropout but no second layer.

    See Also
    --------
    rnnbp.cells.GRUCell : the equations.
    OriginalGRU : the reset gate acts before the recurrent product.

    Examples
    --------
    >>> GRU(12, 64).out_shape(("T", "B", 12))
    ('T', 'B', 64)
    """

    def make_cell(self, input_size: int) -> Cell:
        """A `GRUCell`."""
        return GRUCell(input_size, self.hidden_size, self.init)


@dataclass(frozen=True)
class OriginalGRU(StackedLayer):
    """Gated recurrent units as first published (Cho et al. 2014): (T, B, F) -> (T, B, H), or 2 H where bidirectional.

    Parameters
    ----------
    {parameters}

    Raises
    ------
    ValueError
        If a size is not a positive integer, `dropout` outside [0, 1), or there is dropout but no second layer.

    See Also
    --------
    rnnbp.cells.OriginalGRUCell : the equations.
    GRU : the reset gate acts after the recurrent product.

    Examples
    --------
    >>> OriginalGRU(12, 64).out_shape(("T", "B", 12))
    ('T', 'B', 64)
    """

    def make_cell(self, input_size: int) -> Cell:
        """An `OriginalGRUCell`."""
        return OriginalGRUCell(input_size, self.hidden_size, self.init)
