"""Normal equations of weighted linear least squares, accumulated over batches in float64."""

import copy

import numpy as np

from rnnbp.optimizers.base import Array


class NormalEquations:
    """Centred second moments of features and targets: all that a linear least-squares fit with intercept needs.

    Batches are merged by the update of Chan, Golub & LeVeque (1983), which subtracts means before it multiplies, so
    that features far from zero lose no digits. The memory depends on the number of features, not on that of items.

    Parameters
    ----------
    features, outputs : int
        D and K.

    Attributes
    ----------
    count : int
        N, the number of items of positive weight.
    weight : float
        The sum of their weights.
    mean_x, mean_y : ndarray (D,), (K,)
    xx, xy, yy : ndarray (D, D), (D, K), (K,)
        Weighted sums of products of the centred features and targets.

    References
    ----------
    T. F. Chan, G. H. Golub & R. J. LeVeque (1983), "Algorithms for computing the sample variance: analysis and
    recommendations", The American Statistician 37(3), 242-247, doi:10.1080/00031305.1983.10483115

    Examples
    --------
    >>> equations = NormalEquations(1, 1)
    >>> equations.add(np.array([[1.0], [3.0]]), np.array([[0.0], [4.0]]))
    >>> equations.count, equations.mean_x, equations.xx, equations.xy
    (2, array([2.]), array([[2.]]), array([[4.]]))
    """

    def __init__(self, features: int, outputs: int) -> None:
        self.count, self.weight = 0, 0.0
        self.mean_x, self.mean_y = np.zeros(features), np.zeros(outputs)
        self.xx, self.xy, self.yy = np.zeros((features, features)), np.zeros((features, outputs)), np.zeros(outputs)

    def add(self, x: Array, y: Array, weights: Array | None = None) -> None:
        """Add items.

        Parameters
        ----------
        x, y : ndarray (N, D), (N, K)
        weights : ndarray (N,), optional
            Items of weight 0 are left out. Default: 1.
        """
        if weights is not None and not weights.all():
            counts = weights > 0
            x, y, weights = x[counts], y[counts], weights[counts]
        if not len(x):
            return
        x, y = x.astype(np.float64), y.astype(np.float64)
        own = float(len(x)) if weights is None else float(weights.sum())
        mean_x, mean_y = np.average(x, 0, weights), np.average(y, 0, weights)
        x -= mean_x
        y -= mean_y
        if weights is not None:
            root = np.sqrt(weights)[:, None]
            x *= root
            y *= root
        self._merge(len(x), own, mean_x, mean_y, x.T @ x, x.T @ y, (y * y).sum(0))

    def merge(self, other: "NormalEquations") -> None:
        """Add the items of other equations, which others have added to those.

        Examples
        --------
        >>> one, other = NormalEquations(1, 1), NormalEquations(1, 1)
        >>> one.add(np.array([[1.0]]), np.array([[0.0]]))
        >>> other.add(np.array([[3.0]]), np.array([[4.0]]))
        >>> one.merge(other)
        >>> one.count, one.mean_x, one.xx, one.xy
        (2, array([2.]), array([[2.]]), array([[4.]]))
        """
        if other.count:
            given = other.mean_x, other.mean_y, other.xx, other.xy, other.yy
            self._merge(other.count, other.weight, *given)

    def _merge(self, count: int, own: float, mean_x: Array, mean_y: Array, xx: Array, xy: Array, yy: Array) -> None:
        total = self.weight + own
        dx, dy, factor = mean_x - self.mean_x, mean_y - self.mean_y, self.weight * own / total
        self.xx += xx + factor * np.outer(dx, dx)
        self.xy += xy + factor * np.outer(dx, dy)
        self.yy += yy + factor * dy * dy
        self.mean_x += own / total * dx
        self.mean_y += own / total * dy
        self.count, self.weight = self.count + count, total

    def of_output(self, k: int) -> "NormalEquations":
        """Return a copy for output `k` alone."""
        one = copy.copy(self)
        one.mean_x, one.xx = self.mean_x.copy(), self.xx.copy()
        one.mean_y, one.xy, one.yy = self.mean_y[[k]], self.xy[:, [k]], self.yy[[k]]
        return one
