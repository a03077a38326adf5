"""Layer of Jordan's recurrent network."""

from dataclasses import KW_ONLY, dataclass
from functools import cached_property

from rnnbp.cells import JordanCell
from rnnbp.core import Initializer, Uniform
from rnnbp.layers.cell_layer import CellLayer
from rnnbp.layers.recurrent import Recurrent
from rnnbp.runtime import refuses_by_name


@refuses_by_name
@dataclass(frozen=True)
class Jordan(CellLayer):
    """Jordan's recurrent network, with feedback from the output: (T, B, F) -> (T, B, O).

    Parameters
    ----------
    input_size, hidden_size, output_size : int
        F, H and O.
    decay : float, default 0
        Weight of the context units' self-connection, between 0 and 1.
    activation : {'tanh', 'sigmoid', 'relu', 'linear'}, default 'tanh'
        Activation of the output units.
    init : Initializer, default Uniform()
        The initialization of the parameters.

    Raises
    ------
    ValueError
        If a size is not a positive integer, `decay` is not between 0 and 1, or the activation is unknown.

    See Also
    --------
    rnnbp.cells.JordanCell : the equations, and their source.

    Examples
    --------
    >>> Jordan(12, 64, 9).out_shape(("T", "B", 12))
    ('T', 'B', 9)
    """

    input_size: int
    hidden_size: int
    output_size: int
    _: KW_ONLY
    decay: float = 0.0
    activation: str = "tanh"
    init: Initializer = Uniform()  # noqa: RUF009 - frozen

    @cached_property
    def unrolled(self) -> Recurrent:
        return Recurrent(
            JordanCell(self.input_size, self.hidden_size, self.output_size, self.decay, self.activation, self.init)
        )
