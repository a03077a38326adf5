"""Mean squared error of real-valued targets."""

from rnnbp.losses.shapes import Array
from rnnbp.losses.values import ValueLoss, residuals


class MeanSquaredError(ValueLoss):
    """Mean squared error: the mean of ``(output - target)**2`` over items and over K, as in PyTorch.

    A NaN target has weight 0, so that series with missing values can be used. Targets have the shape of the outputs;
    with K = 1 the last axis may be omitted.

    Raises
    ------
    ValueError
        When called: if the shapes do not fit.

    Examples
    --------
    >>> import numpy as np
    >>> value, d_outputs = MeanSquaredError()(np.array([[1.0, 2.0]]), [[0.0, np.nan]])
    >>> value, d_outputs
    (1.0, array([[2., 0.]]))
    """

    name = "mean_squared_error"

    def terms(self, outputs: Array, targets: Array, weights: Array) -> tuple[Array, Array]:
        error = residuals(outputs, targets, weights)
        return (error * error).sum(axis=1), 2 * error
