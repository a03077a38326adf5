"""What all features of a recording share: a frozen description that is called."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from rnnbp.features.deltas import with_deltas
from rnnbp.features.normalization import normalize_running, normalize_utterance
from rnnbp.features.signals import preemphasis
from rnnbp.runtime import choice

Array = np.ndarray

NORMALIZATIONS: dict[str, Callable[[Array], Array]] = {
    "utterance": normalize_utterance,
    "running": normalize_running,
}


@dataclass(frozen=True, kw_only=True)
class Features:
    """What all features of a recording share: pre-emphasis before, derivatives and normalisation afterwards.

    Calling it gives the features (T, F) of one recording, ``dataset.map(features)`` those of all, and its repr makes it
    again. A subclass is a frozen dataclass too, and defines `static` and `static_size`.

    Parameters
    ----------
    coef : float, 0 to 1, default 0
        Of the pre-emphasis; see `preemphasis`.
    deltas : int, default 0
        Derivatives over time that are put beside the features: 1 for deltas, 2 for accelerations as well.
    width : int, odd, default 9
        Frames each derivative looks at; those beyond the ends are as the outermost. See `delta`.
    normalize : {'utterance', 'running', None}, default None
        All features with mean 0 and deviation 1, over the recording or over the frames before; see
        `normalize_utterance` and `normalize_running`. `normalize_speakers` takes several recordings.

    Raises
    ------
    ValueError
        When it is made, if an argument is out of its range; when it is called, if `y` is not a signal.

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
        """Features of a recording.

        Parameters
        ----------
        y : array_like (n,), or a column (n, 1)

        Returns
        -------
        ndarray (T, F)
            In float32 where `y` is. F is `feature_size`: the static features, then their derivatives.

        Examples
        --------
        >>> import rnnbp
        >>> rnnbp.features.MFCC(sr=8000, deltas=2)(np.sin(np.arange(8000.0))).shape
        (101, 39)
        """
        x = self.with_derivatives(self.static(self.emphasized(y)))
        return x if self.normalize is None else NORMALIZATIONS[self.normalize](x)

    def emphasized(self, y: ArrayLike) -> Array:
        """The signal (n,) that `static` takes: pre-emphasised."""
        return preemphasis(y, coef=self.coef)

    def with_derivatives(self, x: Array) -> Array:
        """Static features (T, static_size) with their derivatives beside them, (T, F)."""
        return with_deltas(x, self.deltas, width=self.width)

    @property
    def feature_size(self) -> int:
        """F, for the network that reads them.

        Examples
        --------
        >>> import rnnbp
        >>> rnnbp.features.LogMel(sr=8000, n_mels=26, deltas=1).feature_size
        52
        """
        return self.static_size * (1 + self.deltas)

    @property
    def static_size(self) -> int:
        """How many features there are without derivatives."""
        raise NotImplementedError(f"{type(self).__name__} does not define static_size")

    def static(self, y: Array) -> Array:
        """Features (T, static_size) of a signal (n,) that `emphasized` has given."""
        raise NotImplementedError(f"{type(self).__name__} does not define static")
