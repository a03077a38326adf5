"""Fully connected layer."""

from dataclasses import dataclass

import numpy as np

from rnnbp.cells.base import Array, rows_of, total
from rnnbp.core import Parameters, activation, glorot
from rnnbp.kernels.products import product
from rnnbp.layers.base import Evaluate, Layer, Residuals, Run, Shape, State, check_features
from rnnbp.runtime import positive_int, refuses_by_name


@refuses_by_name
@dataclass(frozen=True)
class Dense(Layer):
    """Fully connected layer, y = act(x W^T + b): (..., F) -> (..., K), on vectors (B, F) or every step of (T, B, F).

    Softmax belongs to the loss. Weights are initialized uniformly: within +-1 / sqrt(F) for the linear and the sigmoid
    activation, as in PyTorch; by Glorot & Bengio (2010) for tanh; by He et al. (2015) for relu. Biases are uniform
    within +-1 / sqrt(F).

    Parameters
    ----------
    input_size, output_size : int
        F and K: the number of features, and of units.
    activation : {'linear', 'tanh', 'sigmoid', 'relu'}, default 'linear'

    Raises
    ------
    ValueError
        If a size is not a positive integer or the activation is unknown.

    References
    ----------
    X. Glorot & Y. Bengio (2010), "Understanding the difficulty of training deep feedforward neural networks",
    AISTATS, PMLR 9, 249-256. K. He, X. Zhang, S. Ren & J. Sun (2015), "Delving deep into rectifiers: surpassing
    human-level performance on ImageNet classification", ICCV, doi:10.1109/ICCV.2015.123

    Examples
    --------
    >>> Dense(64, 9).shapes()
    {'w': (9, 64), 'b': (9,)}
    """

    input_size: int
    output_size: int
    activation: str = "linear"

    def __post_init__(self) -> None:
        positive_int("input_size", self.input_size)
        positive_int("output_size", self.output_size)
        activation(self.activation)

    def shapes(self) -> dict[str, tuple[int, ...]]:
        return {"w": (self.output_size, self.input_size), "b": (self.output_size,)}

    def initialize(self, params: Parameters, rng: np.random.Generator) -> None:
        initialize_affine(params, self.activation, rng)

    def out_shape(self, shape: Shape) -> Shape:
        check_features(self, shape, self.input_size)
        return (*shape[:-1], self.output_size)

    def forward(self, params: Parameters, x: Array, run: Run, state: State = None) -> tuple[Array, Residuals, State]:
        y = activation(self.activation).function(affine(x, params["w"], params["b"]))
        return y, (x, y), None

    def prepare(self, params: Parameters) -> Evaluate:
        w, b, function = params["w"], params["b"], activation(self.activation).function
        return lambda x, run, state: (function(affine(x, w, b)), None)

    def backward(
        self, params: Parameters, residuals: Residuals, dy: Array, grad: Parameters, d_state: State = None
    ) -> tuple[Array, State]:
        return product(self._delta(residuals, dy, grad), params["w"]), None

    def backward_params(
        self, params: Parameters, residuals: Residuals, dy: Array, grad: Parameters, d_state: State = None
    ) -> State:
        self._delta(residuals, dy, grad)

    def _delta(self, residuals: Residuals, dy: Array, grad: Parameters) -> Array:
        """Return dy act'(y), the gradient with respect to the pre-activations, and add those of w and b to `grad`."""
        x, y = residuals
        delta = dy if self.activation == "linear" else dy * activation(self.activation).slope(y)
        grad["w"] += product(rows_of(delta).T, rows_of(x))
        grad["b"] += total(delta)
        return delta


def initialize_affine(params: Parameters, activation: str, rng: np.random.Generator) -> None:
    """Initialize weights (K, F, ...) and biases (K,) for the activation that follows, as `Dense` describes.

    Examples
    --------
    >>> params = Parameters({"w": (4, 9), "b": (4,)})
    >>> initialize_affine(params, "linear", np.random.default_rng(0))
    >>> bool(abs(params.vector).max() <= 1 / 3)
    True
    """
    shape = params["w"].shape
    bound = 1 / np.sqrt(np.prod(shape[1:]))
    if activation == "tanh":
        params["w"] = glorot((shape[0], int(np.prod(shape[1:]))), rng).reshape(shape)
    elif activation == "relu":
        params["w"] = rng.uniform(-1, 1, shape) * bound * np.sqrt(6)
    else:
        params["w"] = rng.uniform(-bound, bound, shape)
    params["b"] = rng.uniform(-bound, bound, shape[0])


def affine(x: Array, w: Array, b: Array) -> Array:
    """Return x W^T + b (..., B, K), for few rows as (W x^T)^T, which takes BLAS down to half the time.

    Examples
    --------
    >>> affine(np.ones((5, 2, 3)), np.ones((4, 3)), np.zeros(4)).shape
    (5, 2, 4)
    """
    if 3 * x.shape[-2] < len(w):
        return np.add(product(w, x.swapaxes(-1, -2)).swapaxes(-1, -2), b, order="C")
    y = product(x, w.T)
    y += b
    return y
