"""Statistics over tasks and over seeds: published examples, values computed by hand, SciPy's and other formulas."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from rnnbp.comparison.paired_scores import paired
from rnnbp.comparison.suite.statistics import (
    average_ranks,
    cliques,
    friedman,
    holm,
    least_p,
    signed_rank,
    wilcoxon_holm,
)

# Table 6 of Demsar (2006): AUC of C4.5, with m, with cf and with both tuned, on 14 datasets. The paper ranks voting's
# last two by digits that it does not print.
DEMSAR = pd.DataFrame(
    [
        (0.763, 0.768, 0.771, 0.798),
        (0.599, 0.591, 0.590, 0.569),
        (0.954, 0.971, 0.968, 0.967),
        (0.628, 0.661, 0.654, 0.657),
        (0.882, 0.888, 0.886, 0.898),
        (0.936, 0.931, 0.916, 0.931),
        (0.661, 0.668, 0.609, 0.685),
        (0.583, 0.583, 0.563, 0.625),
        (0.775, 0.838, 0.866, 0.875),
        (1.000, 1.000, 1.000, 1.000),
        (0.940, 0.962, 0.965, 0.962),
        (0.619, 0.666, 0.614, 0.669),
        (0.972, 0.981, 0.9751, 0.975),
        (0.957, 0.978, 0.946, 0.970),
    ],
    columns=["c45", "m", "cf", "m+cf"],
)


def test_ranks_are_those_of_demsars_table() -> None:
    expected = {"m+cf": 1.964, "m": 2.000, "cf": 2.893, "c45": 3.143}
    assert average_ranks(DEMSAR).round(3).to_dict() == expected


def test_friedmans_statistic_is_that_of_demsars_table() -> None:
    """The paper's 9.28 is not corrected for ties: the correction divides by the share of variance that ties leave."""
    sizes = [count for _, row in DEMSAR.iterrows() for count in row.value_counts()]
    left = 1 - sum(n**3 - n for n in sizes) / (14 * (4**3 - 4))
    result = friedman(DEMSAR)
    printed = result.statistic * left
    assert printed == pytest.approx(9.28, abs=0.005)
    assert 13 * printed / (14 * 3 - printed) == pytest.approx(3.69, abs=0.005)
    assert result.f_statistic == pytest.approx(13 * result.statistic / (14 * 3 - result.statistic))
    assert result.p == pytest.approx(stats.chi2.sf(result.statistic, 3))
    assert result.f_p == pytest.approx(stats.f.sf(result.f_statistic, 3, 39))


def test_friedmans_f_is_that_of_an_analysis_of_variance_on_ranks() -> None:
    """Without ties, Iman and Davenport's F is the F of the two-way analysis of variance on ranks."""
    ranks = np.random.default_rng(0).random((6, 4)).argsort(axis=1).argsort(axis=1)
    between = 6 * ((ranks.mean(axis=0) - ranks.mean()) ** 2).sum() / 3
    residual = ((ranks - ranks.mean(axis=0)) ** 2).sum() / 15
    assert friedman(pd.DataFrame(ranks)).f_statistic == pytest.approx(between / residual)


@pytest.mark.parametrize("shape", [(1, 5), (9, 2)])
def test_without_enough_tasks_or_models_friedmans_test_has_no_result(shape: tuple[int, int]) -> None:
    result = friedman(pd.DataFrame(np.random.default_rng(0).random(shape)))
    assert np.isnan([result.statistic, result.p, result.f_statistic, result.f_p]).all()


def test_equal_models_have_no_friedman_statistic_and_one_rank() -> None:
    same = pd.DataFrame(np.full((5, 3), 0.7) + np.array([0, 1e-15, -1e-15]))
    assert np.isnan(friedman(same).p)
    assert average_ranks(same).tolist() == [2, 2, 2]


def test_the_same_order_on_every_task_has_an_infinite_f() -> None:
    result = friedman(pd.DataFrame(np.tile([3.0, 2, 1], (4, 1))))
    assert (result.statistic, result.f_statistic, result.f_p) == (pytest.approx(8), np.inf, 0)


@pytest.mark.parametrize("count", [3, 6, 12])
def test_the_signed_rank_test_is_scipys_without_ties(count: int) -> None:
    d = np.random.default_rng(count).normal(0.4, 1, count)
    assert signed_rank(d)[0] == pytest.approx(stats.wilcoxon(d, method="exact").pvalue)


@pytest.mark.parametrize("d", [[1, 1, 2, -1, 3, 3], [0, 0, 1, 2, -2, 4, 4], [0, 1]])
def test_the_signed_rank_test_is_exact_with_ties_and_zeros(d: list[float]) -> None:
    """Every choice of signs, with the ranks of zeros fixed and half for either side."""
    values = np.array(d, float)
    ranks = stats.rankdata(np.abs(values)) * (values != 0)
    least = min(ranks[values > 0].sum(), ranks[values < 0].sum())
    sums = [np.dot(ranks, signs) for signs in itertools.product([0, 1], repeat=len(d))]
    assert signed_rank(d)[0] == pytest.approx(min(1, 2 * np.mean(np.array(sums) <= least)))


def test_the_rank_sums_are_those_of_demsars_table() -> None:
    """Table 2: C4.5 with m tuned against C4.5, rank sums 93 and 12 of 105."""
    p, correlation = signed_rank(DEMSAR["m"] - DEMSAR["c45"])
    assert correlation == pytest.approx((93 - 12) / 105)
    assert p < 0.05


def test_the_signed_rank_test_of_no_difference_says_so() -> None:
    assert signed_rank([0.0, 0.0, 0.0]) == (1.0, 0.0)


def test_holms_correction_is_that_of_its_definition() -> None:
    """Sorted, the k-th of M is rejected at alpha / (M - k + 1) if all before it are."""
    p = np.random.default_rng(0).random(8) ** 3
    corrected = holm(p)
    for alpha in (0.01, 0.05, 0.2, 0.5):
        order, rejected = np.argsort(p), np.zeros(8, bool)
        for k, i in enumerate(order):
            if p[i] > alpha / (8 - k):
                break
            rejected[i] = True
        np.testing.assert_array_equal(corrected <= alpha, rejected)


def test_the_least_p_is_that_of_one_model_always_better() -> None:
    scores = pd.DataFrame({"a": np.arange(1.0, 7), "b": np.zeros(6), "c": np.zeros(6)})
    assert wilcoxon_holm(scores)["p_holm"].min() == least_p(6, 3) == 3 * 2**-5


def test_a_pair_table_has_every_pair_and_corrects_over_all() -> None:
    table = wilcoxon_holm(DEMSAR)
    assert len(table) == 6
    np.testing.assert_allclose(table["p_holm"], holm(table["p"]))
    swapped = wilcoxon_holm(DEMSAR[DEMSAR.columns[::-1]])
    assert sorted(swapped["p"]) == pytest.approx(sorted(table["p"]))
    assert sorted(swapped["rank_biserial"]) == pytest.approx(sorted(-table["rank_biserial"]))


def test_cliques_are_the_largest_groups_without_a_difference() -> None:
    names = list("abcd")
    ranks = pd.Series([1.0, 2, 3, 4], index=names)

    def pairs(*different: str) -> pd.DataFrame:
        rows = [(x, y, 0.01 if x + y in different else 0.5) for x, y in itertools.combinations(names, 2)]
        return pd.DataFrame(rows, columns=["first", "second", "p_holm"])

    assert cliques(ranks, pairs()) == [names]
    assert cliques(ranks, pairs("ad")) == [list("abc"), list("bcd")]
    assert cliques(ranks, pairs("ab", "ac", "ad")) == [list("bcd")]
    assert cliques(ranks, pairs("bc")) == [list("ab"), list("cd")]
    assert cliques(ranks, pairs("ab", "bc", "cd")) == []


@pytest.mark.parametrize("test", [average_ranks, friedman, wilcoxon_holm])
def test_a_missing_score_is_named(test) -> None:
    scores = pd.DataFrame({"mlp": [0.1, 0.2], "gru": [0.3, np.nan]}, index=["vowels", "reber"])
    with pytest.raises(ValueError, match="of every model on every task, got none of gru on reber"):
        test(scores)


def test_the_effect_is_hedges_g() -> None:
    """Beside the exact correction by gamma functions, of which the usual one is within 0.3 % from five seeds on."""
    d = np.array([0.02, 0.05, 0.03, 0.04, 0.01, 0.06])
    exact = math.gamma(2.5) / (math.sqrt(2.5) * math.gamma(2))
    assert paired(d, np.zeros(6)).effect == pytest.approx(d.mean() / d.std(ddof=1) * exact, rel=0.003)
    assert np.isnan(paired(d[:2], np.zeros(2)).effect)
