"""Reber's grammar against a separate checker that follows the graph of the papers."""

import numpy as np
import pytest

from rnnbp.datasets import embedded_reber, reber

SYMBOLS = "BTSXPVE"
EDGES = {
    "start": {"B": "left"},
    "left": {"T": "top", "P": "bottom"},
    "top": {"S": "top", "X": "middle of top"},
    "bottom": {"T": "bottom", "V": "middle of bottom"},
    "middle of top": {"X": "bottom", "S": "right"},
    "middle of bottom": {"P": "middle of top", "V": "right"},
    "right": {"E": "end"},
    "end": {},
}


def walk(text):
    """Yield the state after each symbol; fail at a symbol that is not legal."""
    state = "start"
    for symbol in text:
        assert symbol in EDGES[state], f"{symbol} in {text} after {state}"
        state = EDGES[state][symbol]
        yield state


def followers(word):
    """Return the symbols that may follow each symbol of a word."""
    return ["".join(sorted(EDGES[state])) for state in walk(word)]


def followers_embedded(word):
    outer = word[1]
    return ["PT", "B", *followers(word[2:-2])[:-1], outer, "E"]


def read(hot):
    return ["".join(sorted(s for s, on in zip(SYMBOLS, row) if on)) for row in hot]


def test_the_checker_accepts_the_words_of_the_paper():
    for word in ("BTXSE", "BPVVE", "BTSXXTTVVE", "BPTVPXTTVPSE"):
        assert list(walk(word))[-1] == "end"
    with pytest.raises(AssertionError, match="X in BPXE"):
        list(walk("BPXE"))


def test_words_are_legal_and_targets_are_all_that_may_follow():
    data = reber(300)
    for (x, y), word in zip(data, data.ids, strict=True):
        assert list(walk(word))[-1] == "end"
        assert "".join(read(x)) == word[:-1]
        assert read(y) == followers(word)[:-1]


def test_embedded_words_are_legal_and_the_second_symbol_returns():
    data = embedded_reber(300)
    for (x, y), word in zip(data, data.ids, strict=True):
        assert word[0] == "B"
        assert word[-1] == "E"
        assert word[1] == word[-2]
        assert list(walk(word[2:-2]))[-1] == "end"
        assert "".join(read(x)) == word[:-1]
        assert read(y) == followers_embedded(word)
    assert {word[1] for word in data.ids} == {"T", "P"}


def test_arcs_of_a_state_are_equally_probable():
    words = reber(4000).ids
    taken = {state: dict.fromkeys(edges, 0) for state, edges in EDGES.items()}
    for word in words:
        for state, symbol in zip(["start", *walk(word)], word):
            taken[state][symbol] += 1
    for counts in taken.values():
        if len(counts) == 2:
            a, b = counts.values()
            assert a / (a + b) == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize("make", [reber, embedded_reber])
def test_words_follow_from_the_seed(make):
    assert make(20, seed=4).ids == make(20, seed=np.random.default_rng(4)).ids != make(20, seed=5).ids
    assert make(3).feature_size == 7
    with pytest.raises(ValueError, match="sequences must be a positive integer, got 0"):
        make(0)
