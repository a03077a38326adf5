"""Layer of Elman's simple recurrent network."""

from dataclasses import dataclass, field

from rnnbp.cells import Cell, ElmanCell
from rnnbp.layers.cell_layer import StackedLayer


@dataclass(frozen=True)
class Elman(StackedLayer):
    """Elman's simple recurrent network: (T, B, F) -> (T, B, H), or 2 H where bidirectional.

    Parameters
    ----------
    {parameters}
    activation : {'tanh', 'relu', 'sigmoid', 'linear'}, default 'tanh'

    Raises
    ------
    ValueError
        If a size is not a positive integer, the activation is unknown, or `dropout` is outside [0, 1) or given for a
        single layer.

    See Also
    --------
    rnnbp.cells.ElmanCell : the equation, and its source.

    Examples
    --------
    >>> list(Elman(12, 64).shapes())
    ['w_ih', 'w_hh', 'b_ih', 'b_hh']
    """

    activation: str = field(default="tanh", kw_only=True)

    def make_cell(self, input_size: int) -> Cell:
        return ElmanCell(input_size, self.hidden_size, self.activation, init=self.init)
