"""Weights in scores: those of repeated items."""

import numpy as np
import pytest

from rnnbp import metrics
from rnnbp.metrics import ErrorRate

COUNTS = np.array([2, 0, 3, 1])
AGAIN = np.repeat(np.arange(4), COUNTS)


def repeated(score, truth, guess, **options):
    """Return a score with integer weights, and that of repeated sequences."""
    return score(truth, guess, weights=COUNTS, **options), score(truth[AGAIN], guess[AGAIN], **options)


def test_accuracy_of_integer_weights_equals_that_of_repeated_items(rng):
    truth, guess = np.array([0, 1, -1, 1]), np.array([0, 0, 1, 0])
    one, other = repeated(metrics.accuracy, truth, guess)
    assert one == other == 2 / 3


@pytest.mark.parametrize("score", [metrics.r2, metrics.mean_squared_error, metrics.pinball_loss])
def test_scores_of_values_of_integer_weights_equal_those_of_repeated_items(score, rng):
    truth, guess = rng.standard_normal((4, 3)), rng.standard_normal((4, 3))
    truth[3, 1] = np.nan
    one, other = repeated(score, truth, guess)
    assert one == pytest.approx(other, rel=1e-12)
    assert one != pytest.approx(score(truth, guess))


def test_weights_of_steps_count_up_to_the_ends(rng):
    truth, guess = rng.integers(2, size=(3, 4)), rng.integers(2, size=(3, 4))
    lengths, weights = np.array([3, 1, 2, 2]), rng.integers(0, 3, (3, 4))
    real = np.arange(3)[:, None] < lengths
    expected = ((truth == guess) * weights)[real].sum() / weights[real].sum()
    assert metrics.accuracy(truth, guess, lengths, weights=weights) == pytest.approx(expected)
    of_sequences = metrics.accuracy(truth, guess, lengths, weights=COUNTS)
    assert of_sequences == pytest.approx(((truth == guess) * COUNTS)[real].sum() / (real * COUNTS).sum())


def test_lists_of_sequences_have_weights_of_sequences_or_of_steps():
    truth, guess = [np.array([0, 1]), np.array([1])], [np.array([0, 0]), np.array([1])]
    assert metrics.accuracy(truth, guess, weights=[1, 3]) == pytest.approx(4 / 5)
    assert metrics.accuracy(truth, guess, weights=[np.array([1, 0]), np.array([3])]) == 1


def test_scores_are_nan_where_all_weights_are_zero():
    for score in (metrics.accuracy, metrics.r2, metrics.mean_squared_error, metrics.pinball_loss):
        assert np.isnan(score(np.array([0, 1]), np.array([0, 1]), weights=[0, 0]))


@pytest.mark.parametrize("weights", [[1], [1, -1], [1, np.nan], 2.0])
def test_weights_that_do_not_fit_are_refused(weights):
    with pytest.raises(ValueError, match="weights must be finite numbers of 0 or more, one a sequence or step"):
        metrics.accuracy([0, 1], [0, 1], weights=weights)


def test_counts_of_edits_are_multiplied():
    assert ErrorRate(1, 0, 2, 8, 1, 2).times(0.5) == ErrorRate(0.5, 0, 1, 4, 0.5, 1)
