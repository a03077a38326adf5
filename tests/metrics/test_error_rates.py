"""Edit distances against a plain recursion, and error rates of a corpus."""

import math
from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnbp import ErrorRate, edit_distance, token_error_rate, word_error_rate

words = st.lists(st.integers(0, 3), max_size=6)


def by_recursion(truth, guess):
    """Return (edits, substitutions, insertions, deletions): the fewest edits, with the fewest substitutions."""

    @cache
    def least(i, j):
        if i == 0 or j == 0:
            return (i + j, 0, i, j)
        e, s, n, d = least(i - 1, j - 1)
        ways = [(e, s, n, d) if guess[i - 1] == truth[j - 1] else (e + 1, s + 1, n, d)]
        e, s, n, d = least(i - 1, j)
        ways.append((e + 1, s, n + 1, d))
        e, s, n, d = least(i, j - 1)
        ways.append((e + 1, s, n, d + 1))
        return min(ways)

    return least(len(guess), len(truth))


@given(st.lists(st.tuples(words, words), min_size=1, max_size=5))
def test_error_rates_equal_those_of_a_plain_recursion(pairs):
    expected = [by_recursion(truth, guess) for truth, guess in pairs]
    found = token_error_rate(*zip(*pairs, strict=True))
    edits, substitutions, insertions, deletions = map(sum, zip(*expected, strict=True))
    assert (found.errors, found.substitutions, found.insertions, found.deletions) == (
        edits,
        substitutions,
        insertions,
        deletions,
    )
    assert found.tokens == sum(len(truth) for truth, _ in pairs)
    assert (found.wrong_sequences, found.sequences) == (sum(e[0] > 0 for e in expected), len(pairs))
    assert edit_distance(*pairs[0]) == expected[0][0]


def test_corpora_longer_than_one_block_have_exact_error_rates(rng):
    """Corpora are processed in blocks of a thousand sequences."""
    pairs = [(rng.integers(5, size=n), rng.integers(5, size=m)) for n, m in rng.integers(0, 9, (2500, 2))]
    whole = token_error_rate(*zip(*pairs, strict=True))
    assert whole == sum((token_error_rate([a], [b]) for a, b in pairs), ErrorRate())


@pytest.mark.parametrize(
    ("guess", "truth", "edits"),
    [("", "", 0), ("", "abc", 3), ("abc", "", 3), ("kitten", "sitting", 3), ("flaw", "lawn", 2), ("a", "a", 0)],
)
def test_edit_distances_equal_known_ones(guess, truth, edits):
    assert edit_distance(truth, guess) == edits


def test_of_the_shortest_edits_those_with_the_most_matches_are_counted():
    assert token_error_rate(["ab"], ["bc"]) == ErrorRate(0, 1, 1, 2, 1, 1)  # not two substitutions


def test_equal_values_are_one_token():
    assert edit_distance(np.array([1, 2]), [1, 2]) == 0
    assert edit_distance([("a", 1)], [("a", 1)]) == 0


def test_word_error_rate_splits_at_white_space():
    found = word_error_rate(["the cat  sat down", "in"], ["the cat sat", "on"])
    assert found == ErrorRate(1, 0, 1, 5, 2, 2)
    assert found.rate == 0.4
    assert found.sequence_rate == 1
    assert str(found) == "40.00 % (1 substituted, 0 inserted, 1 deleted of 5)"


def test_the_error_rate_of_an_empty_corpus_is_nan():
    empty = token_error_rate([], [])
    assert empty == ErrorRate()
    assert math.isnan(empty.rate)
    assert math.isnan(empty.sequence_rate)


def test_different_numbers_of_sequences_are_refused():
    with pytest.raises(ValueError, match="y_pred must be as many sequences as y_true, 2, got 1"):
        token_error_rate([[1], [2]], [[1]])
