"""Huber's loss of real-valued targets: squared for small errors, absolute for large ones."""

import numpy as np

from rnnbp.losses.shapes import Array
from rnnbp.losses.values import ValueLoss, residuals
from rnnbp.runtime import number


class Huber(ValueLoss):
    """Huber's loss, the mean over items and over K, as in PyTorch: outliers pull less than in the squared error.

    For an error e = output - target::

        loss = e**2 / 2                          where |e| <= delta
               delta (|e| - delta / 2)           elsewhere,           d = clip(e, -delta, delta)

    A NaN target has weight 0. Targets have the shape of the outputs; with K = 1 the last axis may be omitted.

    Parameters
    ----------
    delta : float, default 1
        The error at which the loss becomes linear, in the unit of the targets.

    Raises
    ------
    ValueError
        If `delta` is not positive. When called: if the shapes do not fit.

    References
    ----------
    P. J. Huber (1964), "Robust estimation of a location parameter", Annals of Mathematical Statistics 35(1), 73-101,
    doi:10.1214/aoms/1177703732

    Examples
    --------
    >>> Huber(delta=1.0)(np.array([[0.5], [3.0]]), [[0.0], [0.0]])
    (1.3125, array([[0.25],
           [0.5 ]]))
    """

    name = "huber"

    def __init__(self, delta: float = 1.0) -> None:
        self.delta = number("delta", delta, 0, open_low=True)

    def terms(self, outputs: Array, targets: Array, weights: Array) -> tuple[Array, Array]:
        error = residuals(outputs, targets, weights)
        delta = outputs.real.dtype.type(self.delta)
        small, side = np.abs(error.real) <= delta, np.sign(error.real)
        values = np.where(small, error * error / 2, delta * (side * error - delta / 2))
        return values.sum(axis=1), np.where(small, error, delta * side)
