"""Base class of losses of real-valued targets, of which each output predicts one."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from rnnbp import metrics
from rnnbp.data import listed
from rnnbp.losses.base import Loss
from rnnbp.losses.shapes import Array, as_outputs, axes, target_shape_error
from rnnbp.runtime import as_array


class ValueLoss(Loss):
    """Base class of losses of values: targets have the shape of the outputs, and a NaN target has weight 0.

    With K = 1 the last axis of the targets may be omitted.

    Examples
    --------
    >>> class Cubic(ValueLoss):
    ...     def terms(self, outputs, targets, weights):
    ...         error = np.where(weights > 0, outputs - targets, 0)
    ...         return (error**3).sum(axis=1), 3 * error**2
    >>> Cubic()(np.array([[2.0, 5.0]]), np.array([[0.0, np.nan]]))
    (8.0, array([[12.,  0.]]))
    """

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

    def predict(self, outputs: ArrayLike) -> Array:
        """Return the outputs unchanged: they are the predicted values.

        Examples
        --------
        >>> ValueLoss().predict([[0.5]])
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
        """Return the coefficient of determination R2 of the predictions, without missing targets.

        Examples
        --------
        >>> ValueLoss().score([[1.0], [2.0], [3.0]], [[1.0], [2.0], [4.0]])
        0.7857142857142857
        """
        outputs = as_outputs(outputs)
        predicted, targets = self.predict(outputs), self.align(outputs, as_array("targets", targets))
        return metrics.r2(targets, predicted, lengths if outputs.ndim == 3 else None, weights=weights)


def residuals(outputs: Array, targets: Array, weights: Array) -> Array:
    """Return outputs - targets in the dtype of the outputs, 0 where a target has weight 0.

    Examples
    --------
    >>> residuals(np.array([[1.0, 2.0]]), np.array([[0.5, np.nan]]), np.array([[1, 0]]))
    array([[0.5, 0. ]])
    """
    return np.where(weights > 0, outputs - targets.astype(outputs.real.dtype), 0)


def same_shape(outputs: Array, targets: Array, values: int | None = None) -> Array:
    """Return `targets` in the shape of `outputs`, or with `values` in place of K: a last axis of 1 may be omitted.

    Raises
    ------
    ValueError
        If they do not fit, or are not real numbers.

    Examples
    --------
    >>> same_shape(np.zeros((3, 1)), np.ones(3)).shape, same_shape(np.zeros((3, 6)), np.ones((3, 2)), values=2).shape
    ((3, 1), (3, 2))
    """
    if not np.issubdtype(targets.dtype, np.number) or np.iscomplexobj(targets):
        raise ValueError(f"targets must be real numbers, got {targets.dtype}")
    shape = (*outputs.shape[:-1], outputs.shape[-1] if values is None else values)
    if shape[-1] == 1 and targets.shape == shape[:-1]:
        return targets[..., None]
    if targets.shape != shape:
        raise target_shape_error(outputs, targets, axes(shape, "TBK" if values is None else "TBD"))
    return targets
