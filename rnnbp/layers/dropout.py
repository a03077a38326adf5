"""Layers that are random in training: dropout and additive noise."""

from dataclasses import dataclass

import numpy as np

from rnnbp.cells.base import Array
from rnnbp.core import Parameters
from rnnbp.layers.base import Layer, Residuals, Run, Shape, State
from rnnbp.runtime import number


@dataclass(frozen=True)
class Dropout(Layer):
    """Dropout: in training, each value is set to zero with probability `rate`, and the others are divided by 1 - rate.

    In evaluation it is the identity.

    Parameters
    ----------
    rate : float, default 0.5
        In [0, 1).

    Raises
    ------
    ValueError
        If `rate` is outside [0, 1).

    References
    ----------
    N. Srivastava, G. Hinton, A. Krizhevsky, I. Sutskever & R. Salakhutdinov (2014), "Dropout: a simple way to prevent
    neural networks from overfitting", Journal of Machine Learning Research 15, 1929-1958

    Examples
    --------
    >>> import numpy as np
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
        return shape

    def forward(self, params: Parameters, x: Array, run: Run, state: State = None) -> tuple[Array, Residuals, State]:
        if run.rng is None or self.rate == 0:
            return x, None, None
        mask = dropout_mask(run.rng, x.shape, self.rate, x.real.dtype)
        return x * mask, mask, None

    def backward(
        self, params: Parameters, residuals: Residuals, dy: Array, grad: Parameters, d_state: State = None
    ) -> tuple[Array, State]:
        return (dy if residuals is None else dy * residuals), None


@dataclass(frozen=True)
class Noise(Layer):
    """Additive Gaussian noise in training; the identity in evaluation.

    A network trained with noise on its inputs learns a smoother function.

    Parameters
    ----------
    scale : float, default 0.1
        The standard deviation, 0 or more.

    Raises
    ------
    ValueError
        If `scale` is negative or not finite.

    References
    ----------
    C. M. Bishop (1995), "Training with noise is equivalent to Tikhonov regularization", Neural Computation 7(1),
    108-116, doi:10.1162/neco.1995.7.1.108

    Examples
    --------
    >>> import numpy as np
    >>> y, _, _ = Noise(0.5).forward(Parameters({}), np.zeros((1, 3)), Run(np.array([1]), np.random.default_rng(0)))
    >>> y.round(2)
    array([[ 0.06, -0.07,  0.32]])
    """

    scale: float = 0.1

    def __post_init__(self) -> None:
        number("scale", self.scale, 0)

    def out_shape(self, shape: Shape) -> Shape:
        return shape

    def forward(self, params: Parameters, x: Array, run: Run, state: State = None) -> tuple[Array, Residuals, State]:
        if run.rng is None:
            return x, None, None
        return x + (self.scale * run.rng.standard_normal(x.shape)).astype(x.real.dtype), None, None

    def backward(
        self, params: Parameters, residuals: Residuals, dy: Array, grad: Parameters, d_state: State = None
    ) -> tuple[Array, State]:
        return dy, None


def dropout_mask(rng: np.random.Generator, shape: tuple[int, ...], rate: float, dtype: np.dtype) -> Array:
    """Return what dropout multiplies by: 0 with probability `rate`, else 1 / (1 - rate).

    Examples
    --------
    >>> dropout_mask(np.random.default_rng(1), (4,), 0.5, np.dtype(np.float32))
    array([2., 2., 0., 2.], dtype=float32)
    """
    return (rng.random(shape) >= rate) * dtype.type(1 / (1 - rate))


def drop_rate(name: str, value: float) -> float:
    """Return `value` if it is a dropout rate: in [0, 1).

    Raises
    ------
    ValueError
        If it is not, naming the argument.

    Examples
    --------
    >>> drop_rate("dropout", 1)
    Traceback (most recent call last):
    ValueError: dropout must be below 1, got 1
    """
    if number(name, value, 0, 1) == 1:
        raise ValueError(f"{name} must be below 1, got {value}")
    return float(value)
