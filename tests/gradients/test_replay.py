"""Generators with prescribed outcomes: which numbers they draw, with which probabilities, and what they refuse."""

import numpy as np
import pytest

from rnnbp.gradients.replay import DiscreteDraws, NormalDraws, NotReplayableError, Uniform


class Chosen:
    """Chooses prescribed outcomes and notes the probabilities."""

    def __init__(self, *outcomes: int) -> None:
        self.outcomes, self.asked = list(outcomes), []

    def __call__(self, chances, coin):
        self.asked.append((chances, coin))
        return self.outcomes.pop(0)


def test_comparisons_of_a_uniform_number_narrow_its_interval():
    chosen = Chosen(1, 0)
    u = Uniform(chosen)
    assert not u < 0.2
    assert (u < 0.2, u > 0.1, u < 0.0, u < 1.0) == (False, True, False, True)  # known by now
    assert u < 0.6
    assert (u < 0.6, u <= 0.7, u >= 0.6, u > 0.2) == (True, True, False, True)
    assert chosen.asked == [([0.2, 0.8], True), (pytest.approx([0.5, 0.5]), True)]
    with pytest.raises(NotReplayableError, match="the value of a uniform number is not known, only comparisons"):
        float(u)


def test_integers_are_equally_likely_from_the_first_to_the_last():
    chosen = Chosen(2, 0, 1, 2, 3)
    rng = DiscreteDraws(chosen)
    assert (rng.integers(3), rng.integers(4, 6), rng.integers(4, 5, endpoint=True)) == (2, 4, 5)
    assert rng.integers(7, 11, size=(1, 2)).tolist() == [[9, 10]]
    assert chosen.asked == [([1 / 3] * 3, False), ([0.5] * 2, False), ([0.5] * 2, False), *[([0.25] * 4, False)] * 2]


def test_a_draw_of_more_than_65536_integers_is_refused():
    assert DiscreteDraws(Chosen(2**16 - 1)).integers(2**16) == 2**16 - 1
    with pytest.raises(NotReplayableError, match="65537 outcomes of one draw are too many"):
        DiscreteDraws(Chosen()).integers(2**16 + 1)


@pytest.mark.parametrize("options", [{"size": 2}, {"out": np.zeros(2)}])
def test_arrays_of_uniform_numbers_are_refused(options):
    with pytest.raises(NotReplayableError, match="an array of uniform numbers cannot be prescribed"):
        DiscreteDraws(Chosen()).random(**options)


def test_normal_numbers_are_drawn_one_after_another():
    numbers = iter(np.arange(1.0, 9.0))
    rng = NormalDraws(lambda n: np.array([next(numbers) for _ in range(n)]))
    assert rng.standard_normal() == 1.0
    assert rng.standard_normal((2, 2), np.float32).tolist() == [[2, 3], [4, 5]]
    assert rng.standard_normal(1, dtype=np.float32).dtype == np.float32
    assert rng.standard_normal() == 7.0
    with pytest.raises(NotReplayableError, match="cannot be written into an array"):
        rng.standard_normal(out=np.zeros(2))


@pytest.mark.parametrize("make", [DiscreteDraws, NormalDraws])
def test_any_other_draw_is_refused(make):
    with pytest.raises(NotReplayableError, match="the outcome of gamma cannot be prescribed"):
        make(Chosen()).gamma(1.0)
