"""Difference of two models' scores on one task, paired by seed."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats


@dataclass(frozen=True)
class Paired:
    """Difference of two models' scores on one task, paired by seed.

    Attributes
    ----------
    difference : float
        Mean over seeds; NaN without any.
    low, high : float
        95 % confidence interval (Student's t); NaN if the differences have no variance, or if with too few seeds the
        interval would exceed the largest possible difference.
    p : float
        p-value of the two-sided paired t-test; NaN if the differences have no variance.
    effect : float
        Hedges' g of the differences: their mean in units of their standard deviation, corrected for its bias in small
        samples. NaN with fewer than three seeds or without variance.

    References
    ----------
    L. V. Hedges (1981), "Distribution theory for Glass's estimator of effect size and related estimators", Journal of
    Educational Statistics 6, 107-128, doi:10.3102/10769986006002107
    """

    difference: float
    low: float
    high: float
    p: float
    effect: float = np.nan


NO_PAIR = Paired(np.nan, np.nan, np.nan, np.nan)


def paired(first: ArrayLike, second: ArrayLike, largest: float = np.inf) -> Paired:
    """Compare two models' scores, which are paired by seed.

    Parameters
    ----------
    first, second : array_like (N,)
        Scores; the second's are subtracted from the first's.
    largest : float, default inf
        Largest possible difference: 1 for accuracies.

    Examples
    --------
    >>> pair = paired([0.96, 0.97, 0.98], [0.95, 0.93, 0.97])
    >>> round(pair.difference, 3), round(pair.low, 3), round(pair.high, 3), round(pair.effect, 2)
    (0.02, -0.023, 0.063, 0.66)
    """
    difference = np.asarray(first, np.float64) - np.asarray(second, np.float64)
    if not len(difference):
        return NO_PAIR
    count, mean = len(difference), float(difference.mean())
    deviation = float(difference.std(ddof=1)) if count > 1 else 0.0
    error = deviation / math.sqrt(count)
    if not error >= 1e-12:  # no variance: one seed, or the same difference for every seed
        return Paired(mean, np.nan, np.nan, np.nan)
    effect = mean / deviation * (1 - 3 / (4 * (count - 1) - 1)) if count > 2 else np.nan
    margin = float(stats.t.ppf(0.975, count - 1)) * error
    p = 2 * float(stats.t.sf(abs(mean) / error, count - 1))
    if abs(mean) + margin > largest:
        return Paired(mean, np.nan, np.nan, p, effect)
    return Paired(mean, mean - margin, mean + margin, p, effect)
