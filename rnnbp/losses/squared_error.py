"""Mean squared error of real-valued targets."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from rnnbp import metrics
from rnnbp.data import listed
from rnnbp.losses.base import Array, Loss, as_outputs, axes, target_shape_error


class MeanSquaredError(Loss):
    """Mean squared error: the mean of ``(output - target)**2`` over items and over K, as in PyTorch.

    A NaN target has weight 0, so that series with missing values can be used. Targets have the shape of the outputs;
    with K = 1 the last axis may be omitted.

    Raises
    ------
    ValueError
        When called: if the shapes do not fit.

    Examples
    --------
    >>> value, d_outputs = MeanSquaredError()(np.array([[1.0, 2.0]]), [[0.0, np.nan]])
    >>> value, d_outputs
    (1.0, array([[2., 0.]]))
    """

    name = "mean_squared_error"
    metric = "r2"

    def weights(self, targets: Array) -> Array:
        return ~np.isnan(targets)

    def align(self, outputs: Array, targets: Array) -> Array:
        return same_shape(outputs, targets)

    def check_classes(self, classes: Sequence[str], K: int) -> None:
        """Raise: the index of a class is no value."""
        raise ValueError(
            f"{type(self).__name__} is for values, and the targets are classes, {listed(classes)}: take "
            "CrossEntropy(), or give values as floats"
        )

    def terms(self, outputs: Array, targets: Array, weights: Array) -> tuple[Array, Array]:
        error = np.where(weights > 0, outputs - targets.astype(outputs.real.dtype), 0)
        return (error * error).sum(axis=1), 2 * error

    def predict(self, outputs: ArrayLike) -> Array:
        """Return the outputs unchanged.

        Examples
        --------
        >>> MeanSquaredError().predict([[0.5]])
        array([[0.5]])
        """
        return as_outputs(outputs)

    def score(
        self,
        outputs: ArrayLike,
        targets: ArrayLike,
        lengths: ArrayLike | None = None,
        weights: ArrayLike | None = None,
    ) -> float:
        """Return the coefficient of determination R2, without missing targets.

        Examples
        --------
        >>> MeanSquaredError().score([[1.0], [2.0], [3.0]], [[1.0], [2.0], [4.0]])
        0.7857142857142857
        """
        outputs = as_outputs(outputs)
        ends = lengths if outputs.ndim == 3 else None
        return metrics.r2(same_shape(outputs, np.asarray(targets)), outputs, ends, weights=weights)


def same_shape(outputs: Array, targets: Array) -> Array:
    """Return `targets` in the shape of `outputs`: an axis K = 1 may be omitted.

    Raises
    ------
    ValueError
        If they do not fit, or are not real numbers.

    Examples
    --------
    >>> same_shape(np.zeros((3, 1)), np.ones(3)).shape
    (3, 1)
    """
    if not np.issubdtype(targets.dtype, np.number) or np.iscomplexobj(targets):
        raise ValueError(f"targets must be real numbers, got {targets.dtype}")
    if outputs.shape[-1] == 1 and targets.shape == outputs.shape[:-1]:
        return targets[..., None]
    if targets.shape != outputs.shape:
        raise target_shape_error(outputs, targets, axes(outputs.shape))
    return targets
