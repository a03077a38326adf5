"""Layers that treat each step by itself: Dense, Normalize, Embedding, Dropout, Noise."""

from dataclasses import dataclass

import numpy as np

from rnnbp.cells.base import Array, outer_sum, total
from rnnbp.core import Parameters, activation, glorot
from rnnbp.layers.base import Layer, Residuals, Run, Shape, State, has_features
from rnnbp.runtime import number, positive_int


@dataclass(frozen=True)
class Dense(Layer):
    """y = act(x W^T + b), on vectors (B, F) or on every step of (T, B, F).

    Softmax is left to the loss. Begins uniform in +-1 / sqrt(F) where it is linear or sigmoid, as PyTorch's,
    and by Glorot & Bengio (2010) with tanh, He et al. (2015) with relu.

    Parameters
    ----------
    input_size, output_size : int
        F, and the number of units.
    activation : {'linear', 'tanh', 'sigmoid', 'relu'}, default 'linear'

    Raises
    ------
    ValueError
        If a size is not a positive integer or the activation is unknown.

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
        """w (K, F), b (K,)."""
        return {"w": (self.output_size, self.input_size), "b": (self.output_size,)}

    def initialize(self, params: Parameters, rng: np.random.Generator) -> None:
        """By the activation; see the class."""
        shape = (self.output_size, self.input_size)
        bound = 1 / np.sqrt(self.input_size)
        if self.activation == "tanh":
            params["w"] = glorot(shape, rng)
        elif self.activation == "relu":
            params["w"] = rng.uniform(-1, 1, shape) * bound * np.sqrt(6)
        else:
            params["w"] = rng.uniform(-bound, bound, shape)
        params["b"] = rng.uniform(-bound, bound, self.output_size)

    def out_shape(self, shape: Shape) -> Shape:
        """(..., F) -> (..., K)."""
        has_features(self, shape, self.input_size)
        return (*shape[:-1], self.output_size)

    def forward(self, params: Parameters, x: Array, run: Run, state: State = None) -> tuple[Array, Residuals, State]:
        """One product for each step."""
        y = activation(self.activation).function(_affine(x, params["w"], params["b"]))
        return y, (x, y), None

    def backward(
        self, params: Parameters, residuals: Residuals, dy: Array, grad: Parameters, d_state: State = None
    ) -> tuple[Array, State]:
        """delta W, with delta = dy act'(y)."""
        return self._delta(residuals, dy, grad) @ params["w"], None

    def backward_params(
        self, params: Parameters, residuals: Residuals, dy: Array, grad: Parameters, d_state: State = None
    ) -> State:
        """The same without that product."""
        self._delta(residuals, dy, grad)

    def _delta(self, residuals: Residuals, dy: Array, grad: Parameters) -> Array:
        x, y = residuals
        delta = dy if self.activation == "linear" else dy * activation(self.activation).slope(y)
        grad["w"] += outer_sum(delta, x)
        grad["b"] += total(delta)
        return delta


def _affine(x: Array, w: Array, b: Array) -> Array:
    """x W^T + b (..., B, K), the way round that takes BLAS less time: W^T costs it up to as much again where rows are
    few.
    """
    if 3 * x.shape[-2] < len(w):
        return np.add((w @ x.swapaxes(-1, -2)).swapaxes(-1, -2), b, order="C")
    y = x @ w.T
    y += b
    return y


@dataclass(frozen=True)
class Normalize(Layer):
    """y = (x - mean) / scale, feature by feature, with numbers that are fixed when the layer is made.

    As a model's first layer it carries the training data's statistics, so that they are saved with the model
    and no test data leaks in: ``Normalize(*train.statistics())``.

    Parameters
    ----------
    mean, scale : sequence of float (F,)
        What is taken away, and what the rest is divided by; a scale of 0 (a constant feature) counts as 1.

    Raises
    ------
    ValueError
        If they are not of one length, or hold NaN or infinity.

    Examples
    --------
    >>> y, _, _ = Normalize([1.0], [2.0]).forward(Parameters({}), np.array([[[5.0]]]), Run(np.array([1])))
    >>> y
    array([[[2.]]])
    """

    mean: tuple[float, ...]
    scale: tuple[float, ...]

    def __post_init__(self) -> None:
        mean, scale = np.asarray(self.mean, float), np.asarray(self.scale, float)
        if mean.ndim != 1 or mean.shape != scale.shape:
            raise ValueError(f"mean and scale must both have shape (F,), got {mean.shape} and {scale.shape}")
        if not np.isfinite(np.append(mean, scale)).all():
            raise ValueError("mean and scale must be finite")
        object.__setattr__(self, "mean", tuple(mean.tolist()))
        object.__setattr__(self, "scale", tuple(np.where(scale == 0, 1.0, scale).tolist()))

    def out_shape(self, shape: Shape) -> Shape:
        """As it comes."""
        has_features(self, shape, len(self.mean))
        return (*shape[:-1], len(self.mean))

    def forward(self, params: Parameters, x: Array, run: Run, state: State = None) -> tuple[Array, Residuals, State]:
        """In the dtype of `x`."""
        real = x.real.dtype
        return (x - np.array(self.mean, real)) / np.array(self.scale, real), None, None

    def backward(
        self, params: Parameters, residuals: Residuals, dy: Array, grad: Parameters, d_state: State = None
    ) -> tuple[Array, State]:
        """dy / scale."""
        return dy / np.array(self.scale, dy.real.dtype), None


@dataclass(frozen=True)
class Embedding(Layer):
    """A vector for each token: integers (T, B) -> (T, B, D). It must be a model's first layer.

    Parameters
    ----------
    tokens : int
        How many there are; tokens are 0 ... tokens - 1.
    output_size : int
        D.

    Raises
    ------
    ValueError
        If a size is not a positive integer; when run, if a token is outside the range or not an integer.

    Examples
    --------
    >>> Embedding(26, 8).out_shape(("T", "B"))
    ('T', 'B', 8)
    """

    tokens: int
    output_size: int

    def __post_init__(self) -> None:
        positive_int("tokens", self.tokens)
        positive_int("output_size", self.output_size)

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """w (tokens, D)."""
        return {"w": (self.tokens, self.output_size)}

    def initialize(self, params: Parameters, rng: np.random.Generator) -> None:
        """Normal with a standard deviation of 1, as PyTorch's."""
        params["w"] = rng.standard_normal((self.tokens, self.output_size))

    def out_shape(self, shape: Shape) -> Shape:
        """(T, B) -> (T, B, D)."""
        if shape != ("T", "B"):
            raise ValueError("Embedding takes integer tokens (T, B), so it must be the model's first layer")
        return (*shape, self.output_size)

    def forward(self, params: Parameters, x: Array, run: Run, state: State = None) -> tuple[Array, Residuals, State]:
        """Rows of w."""
        if not np.issubdtype(x.dtype, np.integer) or x.ndim != 2:
            raise ValueError(f"Embedding takes integer tokens (T, B), got {x.dtype} of shape {x.shape}")
        if x.size and (x.min() < 0 or x.max() >= self.tokens):
            bad = x[(x < 0) | (x >= self.tokens)][0]
            raise ValueError(f"tokens must be between 0 and {self.tokens - 1}, got {bad}")
        return params["w"][x], x, None

    def backward(
        self, params: Parameters, residuals: Residuals, dy: Array, grad: Parameters, d_state: State = None
    ) -> tuple[Array, State]:
        """Add each step's gradient to its token's row; integers have no gradient, so dx is zero."""
        np.add.at(grad["w"], residuals, dy)
        return np.zeros(residuals.shape, dy.dtype), None


@dataclass(frozen=True)
class Dropout(Layer):
    """In training, each value is zero with probability `rate`, and the others are divided by 1 - rate
    (Srivastava et al. 2014). In evaluation nothing happens.

    Parameters
    ----------
    rate : float, default 0.5
        In [0, 1).

    Raises
    ------
    ValueError
        If `rate` is outside [0, 1).

    Examples
    --------
    >>> x = np.ones((1, 4))
    >>> params = Parameters({})
    >>> y, _, _ = Dropout(0.5).forward(params, x, Run(np.array([1]), np.random.default_rng(1)))
    >>> y
    array([[2., 2., 0., 2.]])
    """

    rate: float = 0.5

    def __post_init__(self) -> None:
        drop_rate("rate", self.rate)

    def out_shape(self, shape: Shape) -> Shape:
        """As it comes."""
        return shape

    def forward(self, params: Parameters, x: Array, run: Run, state: State = None) -> tuple[Array, Residuals, State]:
        """The residuals is the mask, or None where nothing is dropped."""
        if run.rng is None or self.rate == 0:
            return x, None, None
        real = x.real.dtype.type
        mask = (run.rng.random(x.shape) >= self.rate) * real(1 / (1 - self.rate))
        return x * mask, mask, None

    def backward(
        self, params: Parameters, residuals: Residuals, dy: Array, grad: Parameters, d_state: State = None
    ) -> tuple[Array, State]:
        """The same mask."""
        return (dy if residuals is None else dy * residuals), None


def drop_rate(name: str, value: float) -> float:
    """`value` as a share that may be dropped: in [0, 1).

    Examples
    --------
    >>> drop_rate("dropout", 1)
    Traceback (most recent call last):
    ValueError: dropout must be below 1, got 1
    """
    if number(name, value, 0, 1) == 1:
        raise ValueError(f"{name} must be below 1, got {value}")
    return float(value)


@dataclass(frozen=True)
class Noise(Layer):
    """In training, adds normal noise to each value; in evaluation nothing happens. With noise on its inputs a network
    learns a smoother function (Bishop 1995, "Training with noise is equivalent to Tikhonov regularization", Neural
    Computation 7, 108-116, doi:10.1162/neco.1995.7.1.108).

    Parameters
    ----------
    scale : float, default 0.1
        The standard deviation, 0 or more.

    Raises
    ------
    ValueError
        If `scale` is negative or not finite.

    Examples
    --------
    >>> y, _, _ = Noise(0.5).forward(Parameters({}), np.zeros((1, 3)), Run(np.array([1]), np.random.default_rng(0)))
    >>> y.round(2)
    array([[ 0.06, -0.07,  0.32]])
    """

    scale: float = 0.1

    def __post_init__(self) -> None:
        number("scale", self.scale, 0)

    def out_shape(self, shape: Shape) -> Shape:
        """As it comes."""
        return shape

    def forward(self, params: Parameters, x: Array, run: Run, state: State = None) -> tuple[Array, Residuals, State]:
        """No residuals: the noise does not depend on x."""
        if run.rng is None:
            return x, None, None
        return x + (self.scale * run.rng.standard_normal(x.shape)).astype(x.real.dtype), None, None

    def backward(
        self, params: Parameters, residuals: Residuals, dy: Array, grad: Parameters, d_state: State = None
    ) -> tuple[Array, State]:
        """dy as it comes."""
        return dy, None
