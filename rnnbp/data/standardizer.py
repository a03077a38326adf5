"""Standardization of features to mean 0 and standard deviation 1, fitted on the training set alone."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike

Array = np.ndarray


class HasStatistics(Protocol):
    """Protocol of the datasets that `Standardizer.fit` takes."""

    def statistics(self) -> tuple[Array, Array]:
        """Return the mean and standard deviation of each feature, (F,) and (F,)."""


@dataclass(frozen=True)
class Standardizer:
    """Affine map ``(x - mean) / std`` of each feature; a constant feature is only shifted.

    Parameters
    ----------
    mean, std : ndarray (F,)
        Usually from `fit`.

    Raises
    ------
    ValueError
        If they are not finite numbers of one shape (F,), or a deviation is negative.

    See Also
    --------
    rnnbp.Normalize : the same as a layer, saved with the model.

    Examples
    --------
    >>> from rnnbp.data.dataset import SequenceDataset
    >>> train, test = SequenceDataset([[[0.0], [4.0]]]), SequenceDataset([[[6.0]]])
    >>> standardize = Standardizer.fit(train)
    >>> train.map(standardize).sequences[0].tolist(), test.map(standardize).sequences[0].tolist()
    ([[-1.0], [1.0]], [[2.0]])
    """

    mean: Array
    std: Array

    def __post_init__(self) -> None:
        mean, std = np.asarray(self.mean, np.float64), np.asarray(self.std, np.float64)
        if mean.ndim != 1 or mean.shape != std.shape:
            raise ValueError(f"mean and std must both have shape (F,), got {mean.shape} and {std.shape}")
        if not (np.isfinite(mean).all() and np.isfinite(std).all() and (std >= 0).all()):
            raise ValueError("mean and std must be finite, and std not negative")
        object.__setattr__(self, "mean", mean)
        object.__setattr__(self, "std", std)

    @classmethod
    def fit(cls, train: HasStatistics) -> "Standardizer":
        """Return the standardizer with the mean and standard deviation over all steps of a dataset.

        Examples
        --------
        >>> from rnnbp.data.dataset import SequenceDataset
        >>> Standardizer.fit(SequenceDataset([[[0.0], [4.0]]])).std
        array([2.])
        """
        return cls(*train.statistics())

    def __call__(self, x: ArrayLike) -> Array:
        """Return `x` (..., F) standardized, in float64.

        Examples
        --------
        >>> Standardizer([1.0, 2.0], [2.0, 0.0])([[3.0, 3.0]])
        array([[1., 1.]])
        """
        return (self._checked(x) - self.mean) / self._scale

    def inverse(self, y: ArrayLike) -> Array:
        """Return the `x` (..., F), in the units of the features, whose standardized form is `y`.

        Examples
        --------
        >>> Standardizer([1.0, 2.0], [2.0, 0.0]).inverse([[1.0, 1.0]])
        array([[3., 3.]])
        """
        return self._checked(y) * self._scale + self.mean

    @property
    def _scale(self) -> Array:
        return np.where(self.std == 0, 1.0, self.std)

    def _checked(self, values: ArrayLike) -> Array:
        values = np.asarray(values)
        if values.shape[-1:] != self.mean.shape:
            raise ValueError(f"x must have F = {len(self.mean)} features, got shape {values.shape}")
        return values
