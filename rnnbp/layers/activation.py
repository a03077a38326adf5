"""Element-wise activation."""

from dataclasses import dataclass

from rnnbp.cells.base import Array
from rnnbp.core import Parameters, activation
from rnnbp.layers.base import Layer, Residuals, Run, Shape, State
from rnnbp.runtime import refuses_by_name


@refuses_by_name
@dataclass(frozen=True)
class Activation(Layer):
    """Element-wise activation, y = act(x): (..., F) -> (..., F).

    For what has no activation of its own, as `LayerNorm` and `Residual`.

    Parameters
    ----------
    name : {'tanh', 'sigmoid', 'relu', 'linear'}

    Raises
    ------
    ValueError
        If the activation is unknown.

    Examples
    --------
    >>> import numpy as np
    >>> y, _, _ = Activation("relu").forward(Parameters({}), np.array([[-1.0, 2.0]]), Run(np.array([1])))
    >>> y
    array([[0., 2.]])
    """

    name: str

    def __post_init__(self) -> None:
        activation(self.name)

    def out_shape(self, shape: Shape) -> Shape:
        return shape

    def forward(self, params: Parameters, x: Array, run: Run, state: State = None) -> tuple[Array, Residuals, State]:
        y = activation(self.name).function(x)
        return y, y, None

    def backward(
        self, params: Parameters, residuals: Residuals, dy: Array, grad: Parameters, d_state: State = None
    ) -> tuple[Array, State]:
        return dy * activation(self.name).slope(residuals), None
