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
    rounded = evidence(np.tile([1.0, 1e-9], (5, 1)), np.array([1.0, 0.0]))
    assert (rounded.bias, rounded.z, rounded.biased) == (1e-9, 0, False)


def test_the_score_is_students_t_without_skew_and_bounded_with_it(rng):
    assert bias_score(np.ones(5)) == 0
    assert bias_score(np.full(5, 2.0)) == np.inf
    symmetric = np.array([-1.0, 1.0, 3.0, 5.0])  # no skew: Student's t
    assert bias_score(symmetric) == pytest.approx(1 / (symmetric.std(ddof=1) / 2))
    rare = [abs(bias_score(rng.standard_normal(20) ** 2)) > 4 for _ in range(2000)]
    assert np.mean(rare) < 0.008  # measured over many more: 0.003


def test_bias_and_variance_are_relative_to_the_norm_of_the_exact_gradient(rng):
    exact = np.array([3.0, 0.0, 4.0])
    vectors = exact + rng.standard_normal((9, 3))
    found = evidence(vectors, exact)
    assert found.bias == pytest.approx(np.linalg.norm(vectors.mean(0) - exact) / 5, rel=1e-12)
    assert found.variance == pytest.approx(np.cov(vectors.T).trace() / 25, rel=1e-12)
    assert found.z == pytest.approx(bias_score(vectors @ exact / 25), rel=1e-12)
    of_zero = evidence(vectors - exact, np.zeros(3))
    assert of_zero.bias == pytest.approx(5 * found.bias, rel=1e-12)


def test_the_score_is_halls_transformation_of_students_t(rng):
    stats = pytest.importorskip("scipy.stats")
    along = rng.exponential(size=11) + 0.3
    n, t = 11, stats.ttest_1samp(along, 1).statistic
    g = stats.skew(along) * ((n - 1) / n) ** 1.5 / np.sqrt(n)  # its standard deviation is that of n - 1
    assert bias_score(along) == pytest.approx(t + g * t**2 / 3 + g**2 * t**3 / 27 + g / 6, rel=1e-12)


def test_detectable_biases_are_those_of_the_t_and_f_distributions(rng):
    stats = pytest.importorskip("scipy.stats")
    exact, n, size = np.array([3.0, 4.0]), 12, 2
    vectors = exact + rng.standard_normal((n, size))
    S = np.cov(vectors.T) / 25
    squares = (n - 1) ** 2 / ((n - 2) * (n + 1)) * ((S @ S).trace() - S.trace() ** 2 / (n - 1))
    D = np.clip(S.trace() ** 2 / squares, 1, size)
    error, level = np.sqrt(S.trace() / n), 6.334248366623996e-05  # beyond 4 standard errors
    f, t = stats.f.isf(level, D, D * (n - 1)), stats.t.isf(level / 2, n - 1)
    found, along = evidence(vectors, exact), vectors @ exact / 25
    assert found.smallest_bias == pytest.approx(error * (np.sqrt(f - 1) + 1.2816 * D**-0.25), rel=1e-7)
    assert found.smallest_factor == pytest.approx((t + 1.2816) * along.std(ddof=1) / np.sqrt(n), rel=1e-7)
    edge = np.sqrt(f) * error * 5  # the mean this far away is just significant
    direction = np.array([-4.0, 3.0]) / 5  # at a right angle, where the t test is blind
    centred = vectors - vectors.mean(0) + exact
    assert [evidence(centred + k * edge * direction, exact).biased for k in (0.99, 1.01)] == [False, True]


def test_a_sample_is_heavy_if_one_deviation_is_more_than_a_tenth_of_all():
    exact = np.array([1.0, 0.0])
    rows = np.zeros((40, 2))
    rows[:20, 1], rows[20:, 1] = 1.0, -1.0
    heavy = []
    for far in (2.0, 2.2):  # squared deviations of 1 for 38 rows, and of far^2 for two
        rows[[0, 20], 1] = far, -far
        heavy.append(evidence(exact + rows, exact).heavy)
    assert heavy == [2.0**2 / (38 + 2 * 2.0**2) > 0.1, 2.2**2 / (38 + 2 * 2.2**2) > 0.1] == [False, True]


@pytest.mark.parametrize(("noise", "deterministic"), [(1e-10, True), (1e-7, False)])
def test_noise_that_is_rounding_counts_as_none(noise, deterministic, rng):
    exact = np.array([3.0, 4.0])
    found = evidence(exact + noise * rng.standard_normal((9, 2)), exact)
    assert (found.smallest_bias == 1e-9) == deterministic
    assert (found.z == 0) == deterministic
    assert not found.biased
