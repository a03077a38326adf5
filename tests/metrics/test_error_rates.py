"""Edit distances against a plain recursion, and error rates of a corpus."""

import math
from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnbp import ErrorRate, edit_distance, kernels, token_error_rate, word_error_rate
from rnnbp.kernels.compiled import available
from rnnbp.metrics import edits

needs_numba = pytest.mark.skipif(not available(), reason="Numba is not installed, or told not to compile")
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


def pairs_of(rng, number, longest, tokens):
    return [
        (rng.integers(tokens, size=n).tolist(), rng.integers(tokens, size=m).tolist())
        for n, m in rng.integers(0, longest, (number, 2))
    ]


def test_corpora_longer_than_one_group_have_exact_error_rates(monkeypatch, rng):
    """Pairs of similar lengths are computed in groups, here of one to fifty."""
    pairs = pairs_of(rng, 400, 9, 4)
    expected = [by_recursion(truth, guess)[:2] for truth, guess in pairs]
    monkeypatch.setattr(edits, "TOGETHER", 50)
    truths, guesses = zip(*pairs, strict=True)
    found = token_error_rate(truths, guesses)
    assert (found.errors, found.substitutions) == tuple(map(sum, zip(*expected, strict=True)))
    assert found == sum((token_error_rate([a], [b]) for a, b in pairs), ErrorRate())


@needs_numba
@pytest.mark.parametrize(("longest", "tokens"), [(12, 3), (240, 5), (30, 200_000)])
def test_compiled_tables_give_the_same_counts(longest, tokens, monkeypatch, rng):
    """Also where cells need four bytes: 181 tokens of the shorter sequence or more, or 65,536 different ones."""
    truths, guesses = zip(*pairs_of(rng, 120, longest, tokens), strict=True)
    texts = ["".join(map(chr, one)) for one in truths], ["".join(map(chr, one)) for one in guesses]
    plain = token_error_rate(truths, guesses)
    monkeypatch.setattr(edits, "COMPILED_FROM", 0)
    assert edits._cost_saved_function(1.0) is not edits.cost_saved
    assert token_error_rate(truths, guesses) == token_error_rate(*texts) == plain
    with kernels.using("numpy"):
        assert edits._cost_saved_function(1.0) is edits.cost_saved


@given(words, words)
def test_bit_parallel_distance_is_that_of_the_tables(truth, guess):
    assert edits.bit_parallel_distance(truth, guess) == by_recursion(truth, guess)[0]


SPECIAL = [
    ("", "é\ud800x"),
    ("\U0001f600a", "b\U0001f600"),
    ([-1, "a"], [-2, 97]),
    ([(1, 2), None], [None, "words", 0.5]),
]


def test_distances_of_long_and_unusual_tokens_are_those_of_the_error_rate(rng):
    for truth, guess in [*SPECIAL, *pairs_of(rng, 20, 300, 4)]:
        errors = token_error_rate([truth], [guess]).errors
        assert edit_distance(truth, guess) == edits.bit_parallel_distance(truth, guess) == errors


def test_distances_are_the_same_with_rapidfuzz(monkeypatch, rng):
    """By its own rules, tokens of the same hash, as -1 and -2, and a character and its number are the same."""
    distance = pytest.importorskip("rapidfuzz.distance").Levenshtein.distance
    pairs = [*SPECIAL, *pairs_of(rng, 300, 80, 4)]
    assert edits.distance_function() is distance
    with_it = [edit_distance(*pair) for pair in pairs]
    monkeypatch.setattr(edits, "find_spec", lambda name: None)
    edits.distance_function.cache_clear()
    try:
        assert [edit_distance(*pair) for pair in pairs] == with_it
        assert edits.distance_function() is edits.bit_parallel_distance
    finally:
        edits.distance_function.cache_clear()


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


def test_names_and_integers_are_not_compared():
    message = "y_true holds names and y_pred integers"
    with pytest.raises(ValueError, match=message):
        edit_distance(["a", "b"], [0, 1])
    with pytest.raises(ValueError, match=message):
        token_error_rate(["ab"], [[0, 1]])
