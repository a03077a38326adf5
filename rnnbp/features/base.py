"""Base class of feature extractors: frozen dataclasses of settings that are callable."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from rnnbp.features.deltas import with_deltas
from rnnbp.features.normalization import normalize_running, normalize_utterance
from rnnbp.features.signals import preemphasis
from rnnbp.runtime import blas_threads, choice

Array = np.ndarray

NORMALIZATIONS: dict[str, Callable[[Array], Array]] = {
    "utterance": normalize_utterance,
    "running": normalize_running,
}


@dataclass(frozen=True, kw_only=True)
class Features:
    """Base class of feature extractors: pre-emphasis before, derivatives and normalisation after the static features.

    A call returns the features (T, F) of one recording, ``dataset.map(features)`` those of all; the repr is the
    expression that constructs it. A subclass is a frozen dataclass too, and defines `static` and `static_size`.

    Parameters
    ----------
    coef : float, 0 to 1, default 0
        Coefficient of the pre-emphasis; see `preemphasis`.
    deltas : int, default 0
        Number of time derivatives appended to the features: 1 for deltas, 2 for accelerations as well.
    width : int, odd, default 9
        Frames that each derivative is computed from; the outermost frames are repeated beyond the ends. See `delta`.
    normalize : {'utterance', 'running', None}, default None
        Normalisation to mean 0 and standard deviation 1, over the recording or over a running window; see
        `normalize_utterance` and `normalize_running`. `normalize_speakers` takes several recordings.

    Raises
    ------
    ValueError
        At construction, if an argument is out of its range; at a call, if `y` is not a signal.

    Examples
    --------
    >>> @dataclass(frozen=True, kw_only=True)
    ... class Pairs(Features):
    ...     static_size = 2
    ...     def static(self, y):
    ...         return y.reshape(-1, 2)
    >>> features = Pairs(deltas=1, width=3)
    >>> features.feature_size, features([0.0, 1.0, 2.0, 3.0]).round(12).tolist()
    (4, [[0.0, 1.0, 1.0, 1.0], [2.0, 3.0, 1.0, 1.0]])
    """

    coef: float = 0.0
    deltas: int = 0
    width: int = 9
    normalize: str | None = None

    def __post_init__(self) -> None:
        if self.normalize is not None:
            choice("normalize", self.normalize, NORMALIZATIONS)
        preemphasis(np.zeros(1), coef=self.coef)
        self.with_derivatives(np.zeros((1, 1)))

    def __call__(self, y: ArrayLike) -> Array:
        """Compute the features of a recording.

        Parameters
        ----------
        y : array_like (n,), or a column (n, 1)

        Returns
        -------
        ndarray (T, F)
            In float32 if `y` is. F is `feature_size`: the static features, then their derivatives.

        Examples
        --------
        >>> import rnnbp
        >>> rnnbp.features.MFCC(sr=8000, deltas=2)(np.sin(np.arange(8000.0))).shape
        (101, 39)
        """
        with blas_threads(1):  # products of one recording are small
            x = self.with_derivatives(self.static(self.emphasized(y)))
        return x if self.normalize is None else NORMALIZATIONS[self.normalize](x)

    def emphasized(self, y: ArrayLike) -> Array:
        """Return the pre-emphasised signal (n,), the input of `static`."""
        return preemphasis(y, coef=self.coef)

    def with_derivatives(self, x: Array) -> Array:
        """Append the derivatives to static features (T, static_size): (T, F)."""
        return with_deltas(x, self.deltas, width=self.width)

    @property
    def feature_size(self) -> int:
        """Number of features F, the input size of a network.

        Examples
        --------
        >>> import rnnbp
        >>> rnnbp.features.LogMel(sr=8000, n_mels=26, deltas=1).feature_size
        52
        """
        return self.static_size * (1 + self.deltas)

    @property
    def static_size(self) -> int:
        """Number of features without derivatives."""
        raise NotImplementedError(f"{type(self).__name__} does not define static_size")

    def static(self, y: Array) -> Array:
        """Compute static features (T, static_size) of a pre-emphasised signal (n,), as `emphasized` returns it."""
        raise NotImplementedError(f"{type(self).__name__} does not define static")
