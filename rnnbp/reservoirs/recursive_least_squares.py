"""Recursive least squares: a linear readout that is optimal after every step."""

import numpy as np
from numpy.typing import ArrayLike

from rnnbp.runtime import number, positive_int, refuses_by_name

Array = np.ndarray


class RecursiveLeastSquares:
    """Recursive least squares, the online form of ridge regression, for a linear readout y = W [x, 1].

    After n items W minimizes the sum of ``forgetting**(n - i) * error[i]**2`` plus ``forgetting**n * initial * W**2``,
    bias included: with ``forgetting=1`` it is ridge regression with the penalty `initial`.

    Parameters
    ----------
    features, outputs : int
        D and K.
    forgetting : float, above 0 to 1, default 1
        Factor by which the weight of an item decreases with each further one.
    initial : float > 0, default 1
        Penalty at the start; P begins as the identity divided by it. Small for fast learning.

    Attributes
    ----------
    w, b : ndarray (K, D), (K,)
        The readout, as the parameters of `rnnbp.Dense`.
    p : ndarray (D + 1, D + 1)
        Inverse of the weighted second moments of the features and a constant 1.

    Raises
    ------
    ValueError
        If an argument is out of its range.

    See Also
    --------
    rnnbp.Ridge : all items together.
    rnnbp.reservoirs.force : trains a network that feeds its output back.

    References
    ----------
    S. Haykin (2002), "Adaptive filter theory", 4th edition, chapter 9. H. Jaeger & H. Haas (2004), "Harnessing
    nonlinearity: predicting chaotic systems and saving energy in wireless communication", Science 304, 78-80,
    doi:10.1126/science.1091277

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> rls = RecursiveLeastSquares(features=2, outputs=1, initial=1e-6)
    >>> for x in rng.normal(size=(50, 2)):
    ...     error = rls.update(x, [3 * x[0] - x[1] + 5])
    >>> rls.w.round(3), rls.b.round(3)
    (array([[ 3., -1.]]), array([5.]))
    """

    def __init__(self, features: int, outputs: int, forgetting: float = 1.0, initial: float = 1.0) -> None:
        size = positive_int("features", features) + 1
        self.forgetting = number("forgetting", forgetting, 0, 1, open_low=True)
        self.initial = number("initial", initial, 0, open_low=True)
        self._weights = np.zeros((positive_int("outputs", outputs), size))
        self._input = np.ones(size)
        self.p = np.eye(size) / self.initial

    @property
    def w(self) -> Array:
        """Weights (K, D)."""
        return self._weights[:, :-1]

    @property
    def b(self) -> Array:
        """Biases (K,)."""
        return self._weights[:, -1]

    @refuses_by_name
    def predict(self, x: ArrayLike) -> Array:
        """Return the outputs (K,) for features (D,)."""
        return self.w @ np.asarray(x) + self.b

    def update(self, x: ArrayLike, target: ArrayLike) -> Array:
        """Take in one item.

        Parameters
        ----------
        x : array_like (D,)
        target : array_like (K,)
            With a value, or a feature, that is not finite, the item is left out.

        Returns
        -------
        ndarray (K,)
            The error before the update, output minus target.
        """
        features, outputs = self._input, np.asarray(target, np.float64)
        for name, shape, taken in (("x", np.shape(x), self.w.shape[1]), ("target", outputs.shape, self.w.shape[0])):
            if shape != (taken,) and not (shape == () and taken == 1):
                raise ValueError(f"{name} must be ({taken},), got {shape}")
        features[:-1] = x
        error = self._weights @ features - outputs
        if not np.isfinite(error).all():
            return error
        px = self.p @ features
        gain = px / (self.forgetting + features @ px)
        self.p -= np.outer(gain, px)
        if self.forgetting != 1:
            self.p /= self.forgetting
        self._weights -= np.outer(error, gain)
        return error
