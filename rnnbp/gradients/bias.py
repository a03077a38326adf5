"""Statistical tests of whether a stochastic gradient is unbiased, and the smallest bias that they detect.

Two tests, each at the significance of 4 standard errors of a normal distribution (6e-5):

- along the exact gradient g, the t test of ``G . g / |g|^2 = 1`` with Hall's (1992) correction for skewness; it
  detects a wrong factor;
- in any direction, the F test of ``n |mean(G) - g|^2 / tr S`` with (D, D (n - 1)) degrees of freedom,
  D = (tr S)^2 / tr S^2 (Box 1954), S the covariance.

Both assume that the mean is nearly normal. By Gine, Goetze & Mason (1997) Student's t is asymptotically normal only if
the largest squared deviation is a vanishing part of the sum of all; where it is more than a tenth, a sample is
`heavy` and inconclusive: no test of a mean is valid for all distributions (Bahadur & Savage 1956).

References
----------
R. R. Bahadur & L. J. Savage (1956), "The nonexistence of certain statistical procedures in nonparametric problems",
Annals of Mathematical Statistics 27, 1115-1122, doi:10.1214/aoms/1177728077

G. E. P. Box (1954), "Some theorems on quadratic forms applied in the study of analysis of variance problems, I", Annals
of Mathematical Statistics 25, 290-302, doi:10.1214/aoms/1177728786

E. Gine, F. Goetze & D. M. Mason (1997), "When is the Student t-statistic asymptotically standard normal?", Annals of
Probability 25, 1514-1531, doi:10.1214/aop/1024404523

P. Hall (1992), "On the removal of skewness by transformation", Journal of the Royal Statistical Society B 54, 221-228,
doi:10.1111/j.2517-6161.1992.tb01876.x
"""

import math
from dataclasses import dataclass

import numpy as np

from rnnbp.layers.base import Array

LIMIT = 4.0  # standard errors
SIGNIFICANCE = math.erfc(LIMIT / math.sqrt(2))
NINE_TENTHS = 1.2816  # standard errors above a threshold for a power of 0.9
HEAVY = 0.1  # fraction of the sum of squared deviations that the largest one may be
ROUNDING = 1e-9  # of the gradient's norm: tolerance for samples without variance


@dataclass(frozen=True)
class Evidence:
    """The outcome of the tests of unbiasedness; norms are relative to that of the exact gradient.

    Attributes
    ----------
    bias : float
        The distance of the mean from the exact gradient.
    variance : float
        The mean squared distance from the mean.
    z : float
        Distance, in standard errors, of the mean's component along the exact gradient, corrected for skewness.
    smallest_factor : float
        The smallest error of a factor (a bias along the exact gradient) that is detected with a power of 0.9.
    smallest_bias : float
        The smallest bias in any direction that is detected with a power of 0.9.
    biased : bool
        Whether one of the two tests rejects that the mean is the exact gradient.
    heavy : bool
        Whether the sample is heavy-tailed, so that the tests are inconclusive.
    """

    bias: float
    variance: float
    z: float
    smallest_factor: float
    smallest_bias: float
    biased: bool
    heavy: bool


def evidence(vectors: Array, exact: Array) -> Evidence:
    """Test whether the mean of stochastic gradients is the exact gradient.

    Parameters
    ----------
    vectors : ndarray (n, P)
        Independent samples, n at least 3.
    exact : ndarray (P,)

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> exact, noise = np.ones(10), rng.standard_normal((400, 10))
    >>> found = evidence(exact + noise, exact)
    >>> found.biased, round(found.smallest_factor, 2)
    (False, 0.08)
    >>> evidence(0.8 * exact + noise, exact).biased
    True
    """
    from scipy.special import fdtri, stdtrit  # slow to import

    n, size = len(vectors), float(np.linalg.norm(exact)) or 1.0
    scaled, target = vectors / size, exact / size
    mean = scaled.mean(axis=0)
    deviations = scaled - mean
    bias = float(np.linalg.norm(mean - target))
    gram = deviations @ deviations.T
    variance = float(np.trace(gram)) / (n - 1)
    if variance <= ROUNDING**2:  # deterministic
        z = 0.0 if bias <= ROUNDING else np.inf
        return Evidence(bias, variance, z, ROUNDING, ROUNDING, bias > ROUNDING, heavy=False)
    along = scaled @ target
    z, t_limit = bias_score(along), float(stdtrit(n - 1, 1 - SIGNIFICANCE / 2))
    dimensions = _dimensions(gram, min(vectors.shape[1], n - 1))
    f_limit = float(fdtri(dimensions, dimensions * (n - 1), 1 - SIGNIFICANCE))
    error = float(np.sqrt(variance / n))
    return Evidence(
        bias,
        variance,
        z,
        smallest_factor=(t_limit + NINE_TENTHS) * float(along.std(ddof=1) / np.sqrt(n)),
        smallest_bias=error * float(np.sqrt(f_limit - 1) + NINE_TENTHS * dimensions**-0.25),
        biased=bool(abs(z) > t_limit or bias > np.sqrt(f_limit) * error),
        heavy=max(_largest_part(np.diag(gram)), _largest_part((along - along.mean()) ** 2)) > HEAVY,
    )


def _dimensions(gram: Array, most: int) -> float:
    """Return (tr S)^2 / tr S^2 with an unbiased estimate of the denominator, between 1 and `most`."""
    n = len(gram)
    trace, squares = np.trace(gram), (gram * gram).sum()
    squares = (n - 1) ** 2 / ((n - 2) * (n + 1)) * (squares - trace**2 / (n - 1))
    return float(np.clip(trace**2 / squares, 1, most)) if squares > 0 else float(most)


def _largest_part(squares: Array) -> float:
    """Return the largest number relative to the sum; 0 where the sum is rounding."""
    total = float(squares.sum())
    return float(squares.max()) / total if total > ROUNDING**2 else 0.0


def bias_score(along: Array) -> float:
    """Return the distance of the mean of numbers from 1 in standard errors: Hall's (1992) t, corrected for skewness.

    Parameters
    ----------
    along : ndarray (n,)

    Examples
    --------
    >>> round(bias_score(np.array([0.9, 1.1, 1.0, 1.2])), 3)
    0.775
    """
    n, off = len(along), float(along.mean()) - 1
    spread = float(along.std(ddof=1))
    if spread <= 1e-12 * max(1.0, abs(off)):  # deterministic
        return 0.0 if abs(off) <= ROUNDING else np.inf
    t = off * np.sqrt(n) / spread
    skew = float(((along - along.mean()) ** 3).mean()) / spread**3 / np.sqrt(n)
    return float(t + skew * t**2 / 3 + skew**2 * t**3 / 27 + skew / 6)
