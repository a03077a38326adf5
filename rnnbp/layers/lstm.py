"""Long short-term memory as a layer."""

from dataclasses import dataclass

from rnnbp.cells import Cell, LSTMCell
from rnnbp.layers.cell_layer import StackedLayer


@dataclass(frozen=True)
class LSTM(StackedLayer):
    """Long short-term memory (Hochreiter & Schmidhuber 1997): (T, B, F) -> (T, B, H), or 2 H where bidirectional.

    Parameters
    ----------
    {parameters}

    Raises
    ------
    ValueError
        If a size is not a positive integer, `dropout` outside [0, 1), or there is dropout but no second layer.

    See Also
    --------
    rnnbp.cells.LSTMCell : the equations.

    Examples
    --------
    >>> layer = LSTM(12, 64, num_layers=2, bidirectional=True)
    >>> list(layer.shapes())[:5]
    ['w_ih_l0', 'w_hh_l0', 'b_ih_l0', 'b_hh_l0', 'w_ih_l0_reverse']
    >>> layer.out_shape(("T", "B", 12))
    ('T', 'B', 128)
    """

    def make_cell(self, input_size: int) -> Cell:
        """An `LSTMCell`."""
        return LSTMCell(input_size, self.hidden_size, self.init)
