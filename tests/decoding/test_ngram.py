"""N-gram language model: probabilities computed by hand, normalization, and perplexity."""

import numpy as np
import pytest

from rnnbp import LabelSequences
from rnnbp.decoding import NGram

WORDS = [[1, 2], [1, 2], [1, 3], []]


def test_unigram_probabilities_equal_those_by_hand():
    """1 three times, 2 twice, 3 once and four ends: 10 counts of 4 symbols, interpolated with a quarter each."""
    model = NGram(WORDS, order=1)
    expected = (np.array([3, 2, 1, 4]) + 4 / 4) / (10 + 4)
    np.testing.assert_allclose(np.exp(model.after([])), [0, *expected[:3]], rtol=1e-14)
    assert np.exp(model.end([2, 3])) == pytest.approx(expected[3], rel=1e-14)


def test_bigram_probabilities_equal_those_by_hand():
    """The successors of 1 are 2, twice, and 3, once."""
    unigram = np.exp(NGram(WORDS, order=1).after([]))
    expected = (np.array([0, 0, 2, 1]) + 2 * unigram) / (3 + 2)
    model = NGram(WORDS, order=2)
    np.testing.assert_allclose(np.exp(model.after([1])), expected, rtol=1e-14)
    np.testing.assert_array_equal(model.after([3, 1]), model.after([1]))


def test_start_of_a_sequence_is_a_context():
    model = NGram([[1, 2, 2, 2, 2, 2]], order=2)
    assert np.exp(model.after([])[1]) > 0.5
    assert np.exp(model.after([2])[1]) < 0.2


@pytest.mark.parametrize("order", [1, 2, 3, 5])
@pytest.mark.parametrize("blank", [0, 4])
def test_probabilities_add_up_to_one(order, blank, rng):
    labels = [[k for k in rng.integers(6, size=n) if k != blank] for n in rng.integers(0, 9, 30)]
    model = NGram(LabelSequences(labels), order, size=7, blank=blank)
    for context in ([], [1], [6, 6], [1, 2, 3], *labels[:5]):
        p = np.exp(model.after(context))
        assert p.sum() + np.exp(model.end(context)) == pytest.approx(1, rel=1e-12)
        assert p[blank] == 0
        assert np.all(np.delete(p, blank) > 0)


def test_perplexity_of_bigrams_is_below_that_of_unigrams(rng):
    """Each label determines the next with a probability of 0.9."""
    walks = np.cumsum(np.where(rng.random((60, 20)) < 0.9, 1, 2), axis=1) % 5 + 1
    seen, unseen = walks[:50], walks[50:]
    found = [NGram(seen, order, size=6).perplexity(unseen) for order in (1, 2)]
    assert found[0] > 4
    assert found[1] < 2


def test_wrong_arguments_are_refused():
    with pytest.raises(ValueError, match="order must be a positive integer, got 0"):
        NGram(WORDS, 0)
    with pytest.raises(ValueError, match="label 3 of sequence 2 must be below size = 3 and not the blank, 0"):
        NGram(WORDS, size=3)
    with pytest.raises(ValueError, match="label 1 of sequence 0 must be below size = 4 and not the blank, 1"):
        NGram(WORDS, blank=1)
