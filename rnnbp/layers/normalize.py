"""Normalization of features by fixed statistics."""

from dataclasses import dataclass

import numpy as np

from rnnbp.cells.base import Array
from rnnbp.core import Parameters
from rnnbp.layers.base import Layer, Residuals, Run, Shape, State, check_features


@dataclass(frozen=True)
class Normalize(Layer):
    """Normalization of each feature by fixed statistics, y = (x - mean) / scale: (..., F) -> (..., F).

    As the first layer of a model, with the statistics of the training data, it is saved with the model, and no test
    data leaks into it: ``Normalize(*train.statistics())``.

    Parameters
    ----------
    mean, scale : sequence of float (F,)
        Subtrahend and divisor of each feature; a scale of 0 (of a constant feature) is replaced by 1.

    Raises
    ------
    ValueError
        If their lengths differ, or a value is NaN or infinite.

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
        check_features(self, shape, len(self.mean))
        return (*shape[:-1], len(self.mean))

    def forward(self, params: Parameters, x: Array, run: Run, state: State = None) -> tuple[Array, Residuals, State]:
        real = x.real.dtype
        return (x - np.array(self.mean, real)) / np.array(self.scale, real), None, None

    def backward(
        self, params: Parameters, residuals: Residuals, dy: Array, grad: Parameters, d_state: State = None
    ) -> tuple[Array, State]:
        return dy / np.array(self.scale, dy.real.dtype), None
