"""Characters as tokens, and datasets whose targets are their own next steps."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rnnbp
from rnnbp.data import CharTokenizer


@settings(max_examples=60, deadline=None)
@given(st.text("ab \n\x00é\u2028😀", min_size=1, max_size=40))
def test_a_text_is_decoded_to_itself(text: str) -> None:
    tokenizer = CharTokenizer.fit(text)
    assert tokenizer.decode(tokenizer.encode(text)) == text
    assert CharTokenizer.from_config(tokenizer.to_config()) == tokenizer
    assert list(tokenizer.characters) == sorted(set(text))


def test_tokens_are_places_in_the_vocabulary() -> None:
    tokenizer = CharTokenizer("ba\nñ😀")
    tokens = tokenizer.encode("ab😀\nñ")
    np.testing.assert_array_equal(tokens, [1, 0, 4, 2, 3])
    assert tokens.dtype == np.int64
    assert tokenizer.encode("").shape == (0,)


def test_the_policy_for_unknown_characters() -> None:
    with pytest.raises(ValueError, match="text has 'x' at place 1, which is not in the vocabulary"):
        CharTokenizer("ab").encode("axb")
    assert CharTokenizer("ab?", unknown="?").decode(CharTokenizer("ab?", unknown="?").encode("axyb")) == "a??b"
    np.testing.assert_array_equal(CharTokenizer("ab", unknown="").encode("xaxb"), [0, 1])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: CharTokenizer(""), "characters must be at least one"),
        (lambda: CharTokenizer(["ab", "c"]), "got 'ab'"),
        (lambda: CharTokenizer("aba"), "characters must differ, 'a' is among them twice"),
        (
            lambda: CharTokenizer("ab", unknown="c"),
            "unknown must be one of the characters, or '' to leave them",
        ),
        (lambda: CharTokenizer.fit(""), "text has no character that occurs 1 times or more"),
        (lambda: CharTokenizer("ab").decode([2]), r"tokens must be integers from 0 to 1, got \[2\]"),
        (lambda: CharTokenizer("ab").decode([0.5]), "tokens must be integers"),
        (lambda: CharTokenizer("ab").encode(3), "text must be a str, got int"),
    ],
)
def test_wrong_arguments_are_refused(call: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


def test_text_is_a_stream_of_characters_and_the_next_ones() -> None:
    text = "the quick brown fox jumps over it"
    data = rnnbp.SequenceDataset.from_text(text, batch_size=4, steps=3)
    for row in range(4):
        inputs = "".join(data.tokenizer.decode(s) for s in data.sequences[row::4])
        targets = "".join(data.tokenizer.decode(t) for t in data.targets[row::4])
        assert (inputs, targets) == (text[8 * row : 8 * row + 8], text[8 * row + 1 : 8 * row + 9])
    assert data.rows == 4
    assert data.classes == data.tokenizer.characters
    other = rnnbp.SequenceDataset.from_text("the fox", 1, 3, tokenizer=data.tokenizer)
    assert other.tokenizer is data.tokenizer
    assert data[:4].tokenizer is data.tokenizer
    with pytest.raises(ValueError, match="'A' at place 0"):
        rnnbp.SequenceDataset.from_text("A fox", 1, 3, tokenizer=data.tokenizer)
    with pytest.raises(ValueError, match="text must have at least two characters, got 1"):
        rnnbp.SequenceDataset.from_text("A", 1, 3)


def test_targets_of_a_shifted_dataset_are_the_next_steps() -> None:
    x = np.random.default_rng(0).normal(size=(6, 2))
    data = rnnbp.SequenceDataset([x, x[::-1]], [0, 1], ids=["a", "b"], feature_names=["u", "v"], dtype=np.float64)
    found = data.shifted(2)
    np.testing.assert_array_equal(found.sequences[0], x[:4])
    np.testing.assert_array_equal(found.targets[0], np.concatenate([x[1:5], x[2:6]], axis=1))
    assert (found.ids, found.feature_names, found.dtype) == (["a", "b"], ("u", "v"), np.float64)
    np.testing.assert_array_equal(
        data.shifted(2, features="v").targets[1], np.stack([x[4:0:-1, 1], x[3::-1, 1]], axis=1)
    )
    np.testing.assert_array_equal(data.shifted(features=[1]).targets[0], x[1:, 1:])


def test_a_shifted_dataset_has_the_weights_of_the_steps_that_have_targets() -> None:
    x = [np.ones((4, 1)), np.ones((3, 1))]
    by_step = rnnbp.SequenceDataset(x, [np.arange(4.0), np.arange(3.0)], weights=[[1, 2, 3, 4], [5, 6, 7]]).shifted(2)
    assert [w.tolist() for w in by_step.weights] == [[1, 2], [5]]
    assert rnnbp.SequenceDataset(x, weights=[2, 3]).shifted().weights.tolist() == [2, 3]


def test_shifted_tokens_have_classes_as_targets() -> None:
    data = rnnbp.SequenceDataset([np.array([3, 1, 2])]).shifted()
    np.testing.assert_array_equal(data.sequences[0], [3, 1])
    np.testing.assert_array_equal(data.targets[0], [1, 2])
    assert data.labelled


def test_a_step_after_a_reset_is_no_target() -> None:
    reset = [np.array([0, 0, 1, 0, 0], bool)]
    data = rnnbp.SequenceDataset([np.arange(5.0)[:, None]], resets=reset).shifted(2)
    np.testing.assert_array_equal(data.targets[0], [[1, np.nan], [np.nan, np.nan], [3, 4]])
    np.testing.assert_array_equal(data.resets[0], [False, False, True])
    np.testing.assert_array_equal(
        rnnbp.SequenceDataset([np.arange(5)], resets=reset).shifted().targets[0], [1, -1, 3, 4]
    )


@pytest.mark.parametrize(
    ("data", "arguments", "message"),
    [
        (
            rnnbp.SequenceDataset([np.ones((3, 1))]),
            {"steps": 3},
            "sequence 0 must have more than steps = 3 steps",
        ),
        (rnnbp.SequenceDataset([np.ones((3, 1))]), {"steps": 0}, "steps must be a positive integer, got 0"),
        (rnnbp.SequenceDataset([np.ones(3, int)]), {"steps": 2}, "tokens are classes"),
        (rnnbp.SequenceDataset([np.ones((3, 1))], feature_names=["load"]), {"features": "laod"}, "Did you mean 'load'"),
        (rnnbp.SequenceDataset([np.ones((3, 1))]), {"features": 1}, "features must be among 'x0', by name or number"),
        (rnnbp.SequenceDataset.from_text("abc", 1, 1), {}, "the dataset is a stream"),
    ],
)
def test_what_cannot_be_shifted_is_refused(data: rnnbp.SequenceDataset, arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        data.shifted(**arguments)
