"""Mean absolute error of real-valued targets."""

import numpy as np
from numpy.typing import ArrayLike

from rnnbp import metrics
from rnnbp.losses.shapes import Array, as_outputs
from rnnbp.losses.values import ValueLoss, residuals
from rnnbp.runtime import as_array


class MeanAbsoluteError(ValueLoss):
    """Mean absolute error: the mean of ``|output - target|`` over items and over K, as in PyTorch.

    The prediction that minimizes it is the median of the targets. The gradient is the sign of the error, 0 at 0. A NaN
    target has weight 0. Targets have the shape of the outputs; with K = 1 the last axis may be omitted.

    Raises
    ------
    ValueError
        When called: if the shapes do not fit.

    Examples
    --------
    >>> MeanAbsoluteError()(np.array([[1.0, 2.0]]), [[0.0, 5.0]])
    (2.0, array([[ 0.5, -0.5]]))
    """

    name = "mean_absolute_error"
    metric = "d2"

    def terms(self, outputs: Array, targets: Array, weights: Array) -> tuple[Array, Array]:
        error = residuals(outputs, targets, weights)
        side = np.sign(error.real)
        return (side * error).sum(axis=1), side

    def score(
        self,
        outputs: ArrayLike,
        targets: ArrayLike,
        lengths: ArrayLike | None = None,
        weights: ArrayLike | None = None,
    ) -> float:
        """Return D2, the fraction of the absolute error of the constant median that the predictions avoid.

        Examples
        --------
        >>> round(MeanAbsoluteError().score([[1.0], [2.0], [3.0]], [[1.0], [2.0], [4.0]]), 4)
        0.6667
        """
        outputs = as_outputs(outputs)
        truth, ends = self.align(outputs, as_array("targets", targets)), lengths if outputs.ndim == 3 else None
        return metrics.d2_pinball(truth, outputs[..., None], [0.5], ends, weights=weights)
