"""Layer of long short-term memory."""

from dataclasses import dataclass

from rnnbp.cells import Cell, LSTMCell
from rnnbp.layers.cell_layer import StackedLayer


@dataclass(frozen=True)
class LSTM(StackedLayer):
    """Long short-term memory: (T, B, F) -> (T, B, H), or 2 H where bidirectional.

    Parameters
    ----------
    {parameters}

    Raises
    ------
    ValueError
        If a size is not a positive integer, or `dropout` is outside [0, 1) or given for a single layer.

    See Also
    --------
    rnnbp.cells.LSTMCell : the equations, and their source.

    Examples
    --------
    >>> layer = LSTM(12, 64, num_layers=2, bidirectional=True)
    >>> list(layer.shapes())[:5]
    ['w_ih_l0', 'w_hh_l0', 'b_ih_l0', 'b_hh_l0', 'w_ih_l0_reverse']
    >>> layer.out_shape(("T", "B", 12))
    ('T', 'B', 128)
    """

    def make_cell(self, input_size: int) -> Cell:
        return LSTMCell(input_size, self.hidden_size, init=self.init)
