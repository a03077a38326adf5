"""Elman's simple recurrent network as a layer."""

from dataclasses import dataclass, field

from rnnbp.cells import Cell, ElmanCell
from rnnbp.layers.cell_layer import StackedLayer


@dataclass(frozen=True)
class Elman(StackedLayer):
    """Elman's simple recurrent network (1990): (T, B, F) -> (T, B, H), or 2 H where bidirectional.

    Parameters
    ----------
    {parameters}
    activation : {'tanh', 'relu', 'sigmoid', 'linear'}, default 'tanh'

    Raises
    ------
    ValueError
        If a size is not a positive integer, the activation unknown, `dropout` outside [0, 1), or there is dropout but
        no second layer.

    See Also
    --------
    rnnbp.cells.ElmanCell : the equations.

    Examples
    --------
    >>> list(Elman(12, 64).shapes())
    ['w_ih', 'w_hh', 'b_ih', 'b_hh']
    """

    activation: str = field(default="tanh", kw_only=True)

    def make_cell(self, input_size: int) -> Cell:
        """An `ElmanCell`."""
        return ElmanCell(input_size, self.hidden_size, self.activation, self.init)
