"""Tests of a mean: their significance, their stated power, and tails too heavy for a decision."""

import numpy as np
import pytest

from rnnbp.gradients.bias import bias_score, evidence


def noise(rng, n, dimensions, size=20):
    """Return normal noise with standard deviation 1 in `dimensions` dimensions and 1e-3 in the others."""
    return rng.standard_normal((n, size)) * np.r_[np.ones(dimensions), np.full(size - dimensions, 1e-3)]


@pytest.mark.parametrize("dimensions", [1, 4, 20])
def test_unbiased_means_are_rejected_at_most_once_in_300(dimensions, rng):
    """At a significance of 6e-5 for each of two tests, of which only one may fail in 300."""
    exact = np.ones(20)
    assert sum(evidence(exact + noise(rng, 128, dimensions), exact).biased for _ in range(300)) <= 1


@pytest.mark.parametrize("dimensions", [1, 4, 20])
def test_the_smallest_bias_is_detected_nine_times_in_ten(dimensions, rng):
    exact, unit = np.ones(20), np.sqrt(20.0)
    any_way, factor = [], []
    for _ in range(100):
        vectors = exact + noise(rng, 128, dimensions)
        found = evidence(vectors, exact)
        bias = np.r_[found.smallest_bias * unit, np.zeros(19)]  # where the noise is
        any_way.append(evidence(vectors + bias, exact).biased)
        factor.append(evidence(vectors + found.smallest_factor * exact, exact).biased)
    assert np.mean(any_way) > 0.8
    assert np.mean(factor) > 0.8


def test_half_the_smallest_bias_is_mostly_not_detected(rng):
    exact, noticed = np.ones(20), 0
    for _ in range(100):
        vectors = exact + noise(rng, 128, 20)
        noticed += evidence(vectors + evidence(vectors, exact).smallest_factor / 2 * exact, exact).biased
    assert noticed < 30


def reweighted(rng, n, steps, cut):
    """An unbiased estimate: each of `steps` lags has probability (1 - cut)^k, and its inverse as weight."""
    arrives = np.cumsum((1 - cut) ** -np.arange(steps)) / steps
    return arrives[np.minimum(rng.geometric(cut, n), steps) - 1][:, None]


@pytest.mark.parametrize(("steps", "cut"), [(12, 0.3), (20, 0.3), (30, 0.3), (20, 0.5)])
def test_heavy_tails_do_not_reject_an_unbiased_estimate(steps, cut, rng):
    """Student's t alone rejects 2 to 55 % of these blocks of 100."""
    blocks = [evidence(reweighted(rng, 128, steps, cut), np.ones(1)) for _ in range(200)]
    assert np.mean([found.heavy for found in blocks]) > 0.9
    assert np.mean([found.biased and not found.heavy for found in blocks]) < 0.01


def test_an_estimate_without_variance_is_biased_unless_exact():
    exact = np.array([3.0, 4.0])
    assert not evidence(np.tile(exact, (5, 1)), exact).biased
    found = evidence(np.tile(0.9 * exact, (5, 1)), exact)
    assert found.biased
    assert found.bias == pytest.approx(0.1)
    assert found.smallest_bias == 1e-9


def test_the_score_is_students_t_without_skew_and_bounded_with_it(rng):
    assert bias_score(np.ones(5)) == 0
    assert bias_score(np.full(5, 2.0)) == np.inf
    symmetric = np.array([-1.0, 1.0, 3.0, 5.0])  # no skew: Student's t
    assert bias_score(symmetric) == pytest.approx(1 / (symmetric.std(ddof=1) / 2))
    rare = [abs(bias_score(rng.standard_normal(20) ** 2)) > 4 for _ in range(2000)]
    assert np.mean(rare) < 0.008  # measured over many more: 0.003
