"""Expectations of stochastic programs: by enumeration, by cubature, and by samples from an urn."""

import itertools

import numpy as np
import pytest

from rnnbp.gradients.expectation import enumerated_mean, normal_mean, urn_sample
from rnnbp.gradients.replay import DiscreteDraws, NotReplayableError, Uniform


def cuts(rng, chance=0.3, steps=5):
    """The number of steps since the last truncation, and the inverse of the probability of none."""
    pieces = [0.0, 1.0]
    for _ in range(steps):
        pieces = [0.0, 1.0] if rng.random() < chance else [pieces[0] + 1, pieces[1] / (1 - chance)]
    return np.array(pieces)


class Coins:
    """A generator with given outcomes; True is a number below every probability."""

    def __init__(self, outcome):
        self.outcome = iter(outcome)

    def random(self):
        return 0.0 if next(self.outcome) else 1.0


def test_the_mean_over_biased_coins_equals_the_sum_over_outcomes():
    expected = np.zeros(2)
    for outcome in itertools.product([True, False], repeat=5):
        expected += np.prod([0.3 if cut else 0.7 for cut in outcome]) * cuts(Coins(outcome))
    mean, outcomes = enumerated_mean(cuts, 32)
    assert outcomes == 32
    np.testing.assert_allclose(mean, expected, rtol=1e-13)
    assert enumerated_mean(cuts, 31) is None


def test_signs_integers_and_branches_on_them_are_enumerated():
    def program(rng):
        signs = 2 * rng.integers(2, size=(2, 2)) - 1
        return np.array([signs.prod(), (signs[0] * signs[0]).sum(), rng.integers(1, 4) if signs[0, 0] > 0 else 0.0])

    mean, outcomes = enumerated_mean(program, 100)
    np.testing.assert_allclose(mean, [0, 2, 1], atol=1e-15)
    assert outcomes == 8 * 3 + 8


def test_a_uniform_number_compared_twice_is_one_number():
    def program(rng):
        u = rng.random()
        return np.array([(u < 0.5) + (u < 0.2) + (u < 0.9)])

    mean, outcomes = enumerated_mean(program, 10)
    assert mean == pytest.approx(1.6)
    assert outcomes == 4


@pytest.mark.parametrize("power", [0, 1, 2, 3])
def test_cubature_is_exact_for_cubic_polynomials_of_normal_numbers(power):
    mean, _ = normal_mean(lambda rng: np.append(rng.standard_normal(2), rng.standard_normal()) ** power, 50)
    np.testing.assert_allclose(mean, [1, 0, 1, 0][power], atol=1e-12)


def test_other_functions_of_normal_numbers_are_not_averaged():
    assert normal_mean(lambda rng: np.sin(rng.standard_normal(3)), 50) is None
    assert normal_mean(lambda rng: rng.standard_normal(3), 10) is None  # more runs than allowed
    assert normal_mean(lambda rng: rng.standard_normal(3), 13) is None
    assert normal_mean(lambda rng: rng.standard_normal(3), 14) is not None  # two for each number and 8


@pytest.mark.parametrize("chance", [1e-4, 0.3, 0.9])
def test_urn_samples_cover_rare_and_large_outcomes(chance):
    """Without it, none of 2000 samples has the 30 steps without truncation that dominate the mean at 0.9."""
    mean, _ = enumerated_mean(lambda rng: cuts(rng, chance, 10), 2000)
    samples = np.array([urn_sample(lambda rng: cuts(rng, chance, 10), seed)[0] for seed in range(2000)])
    error = samples.std(axis=0) / np.sqrt(2000)
    assert (np.abs(samples.mean(axis=0) - mean) < 4 * error).all()
    assert (error < 0.15 * np.maximum(mean, 1)).all()


DRAWS = {
    "normal": lambda rng: rng.standard_normal(2),
    "permutation": lambda rng: rng.permutation(3),
    "array": lambda rng: rng.random(3),
    "value": lambda rng: float(rng.random()),
}


@pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS)
def test_draws_that_cannot_be_prescribed_are_refused(draw):
    with pytest.raises(NotReplayableError, match=r"prescribed|is not known"):
        draw(DiscreteDraws(lambda chances, coin: 0))


def test_a_uniform_number_compares_consistently():
    u = Uniform(lambda chances, coin: 1)
    assert (u < 0.5, u > 0.5, u <= 0.4, u >= 0.4, u < 1, u < 0) == (False, True, False, True, True, False)
