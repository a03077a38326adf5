"""Mean squared error."""

import numpy as np
from numpy.typing import ArrayLike

from rnnbp.losses.base import Array, Loss, as_outputs, axes, refuse
from rnnbp.metrics import scores as metrics


class MeanSquaredError(Loss):
    """The mean of ``(output - target)**2`` over items and over K, as PyTorch's.

    Its derivative is ``2 (output - target)``. A NaN target does not count, so that a series with gaps can be
    learned from.

    Targets have the outputs' shape, or, where K is 1, that shape without its last axis.

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
        """1 for a target, 0 for a missing one."""
        return ~np.isnan(targets)

    def align(self, outputs: Array, targets: Array) -> Array:
        """The targets in the outputs' shape."""
        return same_shape(outputs, targets)

    def terms(self, outputs: Array, targets: Array, weights: Array) -> tuple[Array, Array]:
        """The values (N,) summed over K, and derivatives (N, K)."""
        error = np.where(weights > 0, outputs - targets.astype(outputs.real.dtype), 0)
        return (error * error).sum(axis=1), 2 * error

    def predict(self, outputs: ArrayLike) -> Array:
        """The outputs as they are.

        Examples
        --------
        >>> MeanSquaredError().predict([[0.5]])
        array([[0.5]])
        """
        return as_outputs(outputs)

    def score(self, outputs: ArrayLike, targets: ArrayLike, lengths: ArrayLike | None = None) -> float:
        """The coefficient of determination R2, missing targets left out.

        Examples
        --------
        >>> MeanSquaredError().score([[1.0], [2.0], [3.0]], [[1.0], [2.0], [4.0]])
        0.7857142857142857
        """
        outputs = as_outputs(outputs)
        return metrics.r2(same_shape(outputs, np.asarray(targets)), outputs, lengths if outputs.ndim == 3 else None)


def same_shape(outputs: Array, targets: Array) -> Array:
    """`targets` in the shape of `outputs`: an axis K = 1 may be left out.

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
        raise refuse(outputs, targets, axes(outputs.shape))
    return targets
