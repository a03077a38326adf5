"""Statistics of models over tasks, by ranks.

A table of scores (tasks x models) has the higher score for the better model: error rates are negated first.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import stats

ALPHA = 0.05  # level of significance


def average_ranks(scores: pd.DataFrame) -> pd.Series:
    """Return each model's rank averaged over tasks, the best first; equal scores share the mean of their ranks.

    Parameters
    ----------
    scores : DataFrame (tasks x models)

    Raises
    ------
    ValueError
        If a score is missing.

    References
    ----------
    J. Demsar (2006), "Statistical comparisons of classifiers over multiple data sets", Journal of Machine Learning
    Research 7, 1-30, https://jmlr.org/papers/v7/demsar06a.html

    Examples
    --------
    >>> average_ranks(pd.DataFrame({"a": [0.9, 0.8], "b": [0.9, 0.9], "c": [0.5, 0.4]})).to_dict()
    {'b': 1.25, 'a': 1.75, 'c': 3.0}
    """
    _check_complete(scores)
    return scores.round(12).rank(axis=1, ascending=False).mean().sort_values(kind="stable")


@dataclass(frozen=True)
class Friedman:
    """Result of Friedman's test, whether all models have the same average rank.

    Attributes
    ----------
    statistic, p : float
        Friedman's chi-squared, corrected for ties, and its p-value.
    f_statistic, f_p : float
        The statistic of Iman and Davenport, less conservative, and its p-value, by the F distribution. All four are
        NaN with fewer than three models or two tasks.
    """

    statistic: float
    p: float
    f_statistic: float
    f_p: float


def friedman(scores: pd.DataFrame) -> Friedman:
    """Test whether all models have the same average rank.

    Parameters
    ----------
    scores : DataFrame (tasks x models)

    Raises
    ------
    ValueError
        If a score is missing.

    References
    ----------
    M. Friedman (1940), "A comparison of alternative tests of significance for the problem of m rankings", Annals of
    Mathematical Statistics 11, 86-92, doi:10.1214/aoms/1177731944
    R. L. Iman & J. M. Davenport (1980), "Approximations of the critical region of the Friedman statistic",
    Communications in Statistics 9, 571-595, doi:10.1080/03610928008827904

    Examples
    --------
    >>> result = friedman(pd.DataFrame({"a": [5.0, 6, 7, 9], "b": [4.0, 7, 6, 8], "c": [3.0, 2, 1, 0]}))
    >>> result.statistic, round(result.p, 3), result.f_statistic, round(result.f_p, 4)
    (6.5, 0.039, 13.0, 0.0066)
    """
    _check_complete(scores)
    tasks, models = scores.shape
    rounded = scores.round(12)
    if tasks < 2 or models < 3 or np.ptp(rounded, axis=1).max() == 0:
        return Friedman(np.nan, np.nan, np.nan, np.nan)
    statistic, p = (float(v) for v in stats.friedmanchisquare(*(rounded[name] for name in rounded)))
    rest = tasks * (models - 1) - statistic
    if rest < 1e-9:  # the same order on every task
        return Friedman(statistic, p, np.inf, 0.0)
    f = (tasks - 1) * statistic / rest
    return Friedman(statistic, p, f, float(stats.f.sf(f, models - 1, (models - 1) * (tasks - 1))))


def signed_rank(differences: ArrayLike) -> tuple[float, float]:
    """Return the p-value of Wilcoxon's signed-rank test (two-sided), and the matched-pairs rank-biserial correlation.

    The p-value is exact, with ties too: the share of all 2^N choices of signs with a rank sum as extreme. Without ties
    it is that of `scipy.stats.wilcoxon`. As Demsar (2006) has it, the ranks of zero differences count half for either.

    Parameters
    ----------
    differences : array_like (N,)

    Returns
    -------
    p : float
    correlation : float
        Rank sum for the first less that for the second, in units of the whole: 1 where the first is better on all.

    References
    ----------
    F. Wilcoxon (1945), "Individual comparisons by ranking methods", Biometrics Bulletin 1, 80-83, doi:10.2307/3001968
    D. S. Kerby (2014), "The simple difference formula: an approach to teaching nonparametric correlation",
    Comprehensive Psychology 3, doi:10.2466/11.IT.3.1

    Examples
    --------
    >>> signed_rank([0.1, 0.2, 0.3, 0.4, 0.5])
    (0.0625, 1.0)
    """
    rounded = np.round(np.asarray(differences, np.float64), 12)
    ranks = stats.rankdata(np.abs(rounded))
    above, below = float(ranks[rounded > 0].sum()), float(ranks[rounded < 0].sum())
    correlation = (above - below) / float(ranks.sum())
    shares = np.ones(1)  # of the choices of signs, by twice their positive rank sum
    for step in (2 * ranks[rounded != 0]).astype(int):
        shares = (np.pad(shares, (0, step)) + np.pad(shares, (step, 0))) / 2
    extreme = float(shares[: int(2 * min(above, below)) + 1].sum())
    return min(1.0, 2 * extreme), correlation


def holm(p: ArrayLike) -> np.ndarray:
    """Return p-values corrected for their number by Holm's step-down method.

    Parameters
    ----------
    p : array_like (M,)

    References
    ----------
    S. Holm (1979), "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6,
    65-70, https://www.jstor.org/stable/4615733

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03]).round(3)
    array([0.03, 0.06, 0.06])
    """
    values = np.asarray(p, np.float64)
    order = np.argsort(values)
    corrected = np.empty_like(values)
    corrected[order] = np.minimum(1, np.maximum.accumulate(values[order] * np.arange(len(values), 0, -1)))
    return corrected


def wilcoxon_holm(scores: pd.DataFrame) -> pd.DataFrame:
    """Compare every two models over the tasks by Wilcoxon's signed-rank test, corrected by Holm's method.

    Parameters
    ----------
    scores : DataFrame (tasks x models)

    Returns
    -------
    DataFrame
        A row for each pair: `first`, `second`, `p`, `p_holm`, `rank_biserial`.

    Raises
    ------
    ValueError
        If a score is missing.

    Examples
    --------
    >>> scores = pd.DataFrame({"a": [0.9, 0.8, 0.7], "b": [0.5, 0.6, 0.6], "c": [0.4, 0.5, 0.8]})
    >>> wilcoxon_holm(scores).round(3).values.tolist()
    [['a', 'b', 0.25, 0.75, 1.0], ['a', 'c', 0.5, 1.0, 0.667], ['b', 'c', 1.0, 1.0, 0.0]]
    """
    _check_complete(scores)
    pairs = list(itertools.combinations(scores.columns, 2))
    tests = [signed_rank(scores[first] - scores[second]) for first, second in pairs]
    table = pd.DataFrame(pairs, columns=["first", "second"])
    table["p"] = [p for p, _ in tests]
    table["p_holm"] = holm(table["p"])
    table["rank_biserial"] = [correlation for _, correlation in tests]
    return table


def least_p(tasks: int, models: int) -> float:
    """Return the least corrected p-value that any two of the models can reach in `wilcoxon_holm`.

    Above the level of significance, the tasks are too few for the test to find a difference, however large it is.

    Examples
    --------
    >>> least_p(7, 3), least_p(7, 9), least_p(12, 9)
    (0.046875, 0.5625, 0.017578125)
    """
    return min(1.0, 2.0 ** (1 - tasks) * models * (models - 1) / 2)


def cliques(ranks: pd.Series, pairs: pd.DataFrame, alpha: float = ALPHA) -> list[list[str]]:
    """Return the groups of models, consecutive in rank, in which no two differ significantly: the largest ones.

    Parameters
    ----------
    ranks : Series
        Result of `average_ranks`.
    pairs : DataFrame
        Result of `wilcoxon_holm`.
    alpha : float, default 0.05
        Level of significance.

    Examples
    --------
    >>> pairs = pd.DataFrame({"first": list("aab"), "second": list("bcc"), "p_holm": [0.3, 0.01, 0.2]})
    >>> cliques(pd.Series({"a": 1.0, "b": 2.0, "c": 3.0}), pairs)
    [['a', 'b'], ['b', 'c']]
    """
    names = list(ranks.index)
    different = {
        frozenset(pair) for *pair, p in pairs[["first", "second", "p_holm"]].itertuples(index=False) if p < alpha
    }
    found: list[list[str]] = []
    for start in range(len(names)):
        end = start + 1
        while end < len(names) and not _any_different(names[start:end], names[end], different):
            end += 1
        if end - start > 1 and (not found or found[-1][-1] != names[end - 1]):
            found.append(names[start:end])
    return found


def _any_different(group: Sequence[str], name: str, different: set[frozenset[str]]) -> bool:
    return any(frozenset((one, name)) in different for one in group)


def _check_complete(scores: pd.DataFrame) -> None:
    missing = [f"{model} on {task}" for task, row in scores.iterrows() for model in row.index[row.isna()]]
    if missing:
        raise ValueError(f"scores must be of every model on every task, got none of {', '.join(missing)}")
