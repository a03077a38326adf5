"""Dropout with one mask for all steps of a sequence."""

from dataclasses import dataclass

from rnnbp.cells.base import Array
from rnnbp.core import Parameters
from rnnbp.layers.base import Layer, Residuals, Run, Shape, State
from rnnbp.layers.dropout import drop_rate, dropout_mask


@dataclass(frozen=True)
class VariationalDropout(Layer):
    """Dropout with one mask for all steps of a sequence: (..., B, F) -> (..., B, F).

    In training, each feature of a sequence is set to zero with probability `rate`, at all steps or at none, and the
    others are divided by 1 - rate. In evaluation it is the identity. The mask (B, F) is the state, so that spans of a
    sequence have the same one.

    Parameters
    ----------
    rate : float, default 0.5
        In [0, 1).

    Raises
    ------
    ValueError
        If `rate` is outside [0, 1).

    See Also
    --------
    Dropout : another mask at every step.

    References
    ----------
    Y. Gal & Z. Ghahramani (2016), "A theoretically grounded application of dropout in recurrent neural networks",
    NeurIPS 29, arXiv:1512.05287

    Examples
    --------
    >>> import numpy as np
    >>> run = Run(np.array([2]), np.random.default_rng(1))
    >>> y, _, mask = VariationalDropout(0.5).forward(Parameters({}), np.ones((2, 1, 4)), run)
    >>> y[:, 0], mask
    (array([[2., 2., 0., 2.],
           [2., 2., 0., 2.]]), array([[2., 2., 0., 2.]]))
    """

    rate: float = 0.5

    def __post_init__(self) -> None:
        drop_rate("rate", self.rate)

    def out_shape(self, shape: Shape) -> Shape:
        return shape

    def forward(self, params: Parameters, x: Array, run: Run, state: State = None) -> tuple[Array, Residuals, State]:
        if run.rng is None or self.rate == 0:
            return x, None, None
        mask = dropout_mask(run.rng, x.shape[-2:], self.rate, x.real.dtype) if state is None else state
        return x * mask, mask, mask

    def backward(
        self, params: Parameters, residuals: Residuals, dy: Array, grad: Parameters, d_state: State = None
    ) -> tuple[Array, State]:
        return (dy if residuals is None else dy * residuals), None  # the mask is a constant
