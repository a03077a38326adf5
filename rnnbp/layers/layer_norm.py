"""Layer normalization."""

from dataclasses import dataclass

import numpy as np

from rnnbp.cells.base import Array, total
from rnnbp.cells.layer_norm import EPSILON, normalized, normalized_vjp
from rnnbp.core import Parameters
from rnnbp.layers.base import Layer, Residuals, Run, Shape, State, check_features
from rnnbp.runtime import number, positive_int


@dataclass(frozen=True)
class LayerNorm(Layer):
    """Layer normalization over the features, y = w (x - mean) / sqrt(variance + eps) + b: (..., F) -> (..., F).

    Mean and variance are those of the F features of one step, so no step depends on another, nor a sequence on those
    beside it. Parameters are the gain `w`, initially 1, and the bias `b`, initially 0.

    Parameters
    ----------
    size : int
        F, the number of features.
    eps : float, default 1e-5
        It is added to the variance.

    Raises
    ------
    ValueError
        If `size` is not a positive integer, or `eps` not positive.

    See Also
    --------
    Normalize : by fixed statistics of the training data.

    References
    ----------
    J. L. Ba, J. R. Kiros & G. E. Hinton (2016), "Layer normalization", arXiv:1607.06450

    Examples
    --------
    >>> layer = LayerNorm(2)
    >>> params = Parameters(layer.shapes())
    >>> layer.initialize(params, np.random.default_rng(0))
    >>> y, _, _ = layer.forward(params, np.array([[3.0, 5.0], [10.0, -10.0]]), Run(np.array([1, 1])))
    >>> y.round(3)
    array([[-1.,  1.],
           [ 1., -1.]])
    """

    size: int
    eps: float = EPSILON

    def __post_init__(self) -> None:
        positive_int("size", self.size)
        number("eps", self.eps, 0, open_low=True)

    def shapes(self) -> dict[str, tuple[int, ...]]:
        return {"w": (self.size,), "b": (self.size,)}

    def initialize(self, params: Parameters, rng: np.random.Generator) -> None:
        params["w"], params["b"] = 1, 0

    def out_shape(self, shape: Shape) -> Shape:
        check_features(self, shape, self.size)
        return (*shape[:-1], self.size)

    def forward(self, params: Parameters, x: Array, run: Run, state: State = None) -> tuple[Array, Residuals, State]:
        unit, scale = normalized(x, self.eps)
        return params["w"] * unit + params["b"], (unit, scale), None

    def backward(
        self, params: Parameters, residuals: Residuals, dy: Array, grad: Parameters, d_state: State = None
    ) -> tuple[Array, State]:
        unit, _ = residuals
        grad["w"] += total(dy * unit)
        grad["b"] += total(dy)
        return normalized_vjp(residuals, dy * params["w"]), None
