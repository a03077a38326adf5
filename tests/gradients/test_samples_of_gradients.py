"""How many samples a test of unbiasedness takes, and what it concludes from them."""

from types import SimpleNamespace

import numpy as np
import pytest

import rnnbp
from rnnbp.gradients import unbiased
from rnnbp.gradients.bias import ROUNDING, Evidence
from rnnbp.gradients.cost_measurement import total_of
from rnnbp.gradients.guarantees import Guarantee
from rnnbp.gradients.unbiased import Problem, _growing, _of_all_draws, _sampler, _variance

EXACT = np.array([3.0, 4.0])


def noisy(noise: float, bias: float = 0.0):
    asked = []

    def sample(seed: int) -> np.ndarray:
        asked.append(seed)
        return (1 + bias) * EXACT + noise * np.random.default_rng(seed).standard_normal(2)

    return sample, asked


def test_as_many_samples_are_taken_as_detect_the_bias_each_with_a_seed_of_its_own():
    sample, asked = noisy(5.0)
    found, n = _growing(sample, EXACT, 128, 7, 0.4, 100_000)
    assert found.smallest_bias <= 0.4
    assert asked == list(range(7, 7 + n))
    assert 128 < n < 2000


def test_the_fewest_samples_suffice_for_little_noise():
    sample, asked = noisy(0.1)
    found, n = _growing(sample, EXACT, 256, 0, 0.5, 1000)
    assert (n, len(asked)) == (256, 256)
    assert found.smallest_bias < 0.5


@pytest.mark.parametrize("limit", [10, 40])
def test_no_more_samples_are_taken_than_the_limit(limit):
    sample, asked = noisy(5.0)
    found, n = _growing(sample, EXACT, 16, 0, 1e-3, limit)
    assert n == len(asked) == limit
    assert found.smallest_bias > 1e-3


def test_the_number_of_samples_is_at_least_doubled():
    sample, _ = noisy(0.1)
    power = _growing(sample, EXACT, 256, 0, 1.0, 1000)[0].smallest_bias
    assert _growing(sample, EXACT, 256, 0, 0.99 * power, 1000)[1] == 512


@pytest.mark.parametrize(("later", "ok"), [(0.0, True), (0.5, False)])
def test_a_bias_is_one_only_if_a_second_sample_finds_it_too(later, ok, monkeypatch):
    samples = [noisy(0.5, 0.5)[0], noisy(0.5, later)[0]]
    monkeypatch.setattr(unbiased, "_sampler", lambda *_: lambda seed: samples[seed >= unbiased.FEWEST](seed))
    problem = SimpleNamespace(exact=EXACT, replayable=lambda: False)
    finding = unbiased.find_bias(problem, None, 0.2, 10_000)
    assert (finding.ok, finding.test, finding.runs) == (ok, "samples", unbiased.FEWEST + unbiased.CONFIRMING)
    assert finding.found.bias == pytest.approx(later, abs=0.02)


@pytest.mark.parametrize(("smallest", "ok"), [(0.2, True), (0.21, None)])
def test_a_second_sample_without_a_bias_counts_if_it_would_show_one_of_the_power_asked_for(smallest, ok, monkeypatch):
    first = Evidence(0.3, 1.0, 9.0, 0.1, 0.1, biased=True, heavy=False)
    second = Evidence(0.01, 1.0, 0.1, 0.1, smallest, biased=False, heavy=False)
    given = iter([(first, 128), (second, 256)])
    monkeypatch.setattr(unbiased, "_sampler", lambda *_: None)
    monkeypatch.setattr(unbiased, "_growing", lambda *_: next(given))
    problem = SimpleNamespace(exact=EXACT, replayable=lambda: False)
    assert unbiased.find_bias(problem, None, 0.2, 1000).ok is ok


def test_a_mean_over_all_draws_is_exact_or_biased():
    pilot = np.array([[3.0, 4.0], [6.0, 8.0], [0.0, 0.0]])
    finding = _of_all_draws(EXACT, 12, pilot, EXACT)
    assert (finding.ok, finding.test, finding.runs) == (True, "all draws", 12)
    assert finding.found.variance == pytest.approx(2 / 3)  # of the norms 0, 5 and 5 of deviations, relative to 5
    assert (finding.found.bias, finding.found.smallest_bias, finding.found.heavy) == (0, ROUNDING, False)
    off = _of_all_draws(0.9 * EXACT, 12, pilot, EXACT)
    assert (off.ok, off.found.biased, off.found.bias) == (False, True, pytest.approx(0.1))
    assert _of_all_draws(EXACT, 1, pilot, np.zeros(2)).found.bias == 5


def test_the_variance_of_gradients_is_that_of_all_their_entries():
    rows = np.random.default_rng(0).standard_normal((7, 3))
    assert _variance(rows) == pytest.approx(np.cov(rows.T).trace())


def sampled(algorithm: type):
    """Return a problem whose algorithm takes integers as seeds, and the sampler that is chosen for it."""
    model = rnnbp.Sequential(rnnbp.Elman(2, 3), rnnbp.Dense(3, 2), dtype=np.float64, seed=1)
    rng = np.random.default_rng(0)
    data = rnnbp.SequenceDataset(rng.standard_normal((2, 4, 2)), rng.integers(2, size=(2, 4)), dtype=np.float64)
    batch, loss = data.batch(), rnnbp.CrossEntropy()
    exact = total_of(rnnbp.BPTT(), model, batch, loss).vector
    problem = Problem(Guarantee("unbiased", algorithm()), model, batch, loss, exact)
    pilot = np.array([problem.sample(seed) for seed in range(8)])
    return problem, pilot, _sampler(problem, pilot, 0.05, replayable=False)


def test_copies_are_sampled_where_their_random_numbers_are_averaged_over():
    problem, pilot, sample = sampled(rnnbp.UORO)
    found = np.array([sample(seed) for seed in range(8)])
    assert not np.allclose(found[0], problem.sample(0))
    assert _variance(found) < _variance(pilot) / 2


def test_the_problem_itself_is_sampled_where_copies_have_the_same_variance():
    problem, _, sample = sampled(rnnbp.ForwardGradient)  # one direction for all sequences
    np.testing.assert_array_equal(sample(3), problem.sample(3))
