"""Layer of leaky rate units."""

from dataclasses import KW_ONLY, dataclass

from rnnbp.cells import Cell, LeakyElmanCell
from rnnbp.layers.cell_layer import StackedLayer


@dataclass(frozen=True)
class LeakyElman(StackedLayer):
    """Leaky rate units: (T, B, F) -> (T, B, H), or 2 H where bidirectional.

    Parameters
    ----------
    {parameters}
    tau : float, default 10
        Time constant of the units, at least 1 [steps].
    activation : {'tanh', 'relu', 'sigmoid', 'linear'}, default 'tanh'

    Raises
    ------
    ValueError
        If a size is not a positive integer, `tau` is below 1, the activation is unknown, or `dropout` is outside [0, 1)
        or given for a single layer.

    See Also
    --------
    rnnbp.cells.LeakyElmanCell : the equation, and its source.

    Examples
    --------
    >>> LeakyElman(12, 64, tau=5).out_shape(("T", "B", 12))
    ('T', 'B', 64)
    """

    _: KW_ONLY
    tau: float = 10.0
    activation: str = "tanh"

    def make_cell(self, input_size: int) -> Cell:
        return LeakyElmanCell(input_size, self.hidden_size, self.tau, self.activation, init=self.init)
