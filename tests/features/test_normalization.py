"""Mean and deviation after normalisation; running normalisation against its definition."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnbp import features


@pytest.fixture
def x(rng):
    """Features of different means and scales, one of them constant."""
    x = rng.standard_normal((50, 4)) * [1, 100, 1e-3, 0] + [0, -3000, 5, 0.1]
    assert np.ptp(x[:, 3]) == 0
    return x


def test_an_utterance_has_mean_0_and_deviation_1(x):
    y = features.normalize_utterance(x)
    np.testing.assert_allclose(y.mean(axis=0), 0, atol=1e-10)
    np.testing.assert_allclose(y.std(axis=0), [1, 1, 1, 0], rtol=1e-9)


def test_all_utterances_of_a_speaker_have_mean_0_and_deviation_1(rng):
    sequences = [rng.standard_normal((n, 3)) + n for n in (5, 9, 20, 4)]
    speakers = ["ann", "bob", "ann", "bob"]
    y = features.normalize_speakers(sequences, speakers)
    assert [len(s) for s in y] == [5, 9, 20, 4]
    for one, two in ((0, 2), (1, 3)):
        both = np.concatenate([y[one], y[two]])
        np.testing.assert_allclose(both.mean(axis=0), 0, atol=1e-12)
        np.testing.assert_allclose(both.std(axis=0), 1)
    assert np.abs(y[0].mean(axis=0)).min() > 0.1  # one of them alone is not


@given(
    T=st.integers(1, 60), window=st.integers(1, 70), min_window=st.integers(1, 70), offset=st.sampled_from([0.0, 1e5])
)
def test_running_normalisation_equals_its_definition(T, window, min_window, offset):
    min_window = min(window, min_window)
    x = np.random.default_rng(T).standard_normal((T, 2)) * [1, 0] + offset
    y = features.normalize_running(x, window=window, min_window=min_window)
    for t in range(T):
        seen = x[max(0, t + 1 - window) : max(t + 1, min(min_window, T))]
        std = seen.std(axis=0)
        if len(seen) == 1:
            std[:] = 0
        expected = np.where(std > 1e-9, (x[t] - seen.mean(axis=0)) / np.where(std > 1e-9, std, 1), 0)
        np.testing.assert_allclose(y[t], expected, atol=1e-6)


def test_running_normalisation_is_causal_after_the_first_window(x):
    whole = features.normalize_running(x, window=20, min_window=10)
    np.testing.assert_allclose(
        features.normalize_running(x[:30], window=20, min_window=10)[:, :3], whole[:30, :3], rtol=1e-6
    )


def test_dtype_is_preserved(x):
    assert features.normalize_utterance(x.astype(np.float32)).dtype == np.float32
    assert features.normalize_running(x.astype(np.float32)).dtype == np.float32


def test_a_single_frame_becomes_zero():
    assert features.normalize_utterance([[3.0, 4.0]]).tolist() == [[0.0, 0.0]]
    assert features.normalize_running([[3.0, 4.0]]).tolist() == [[0.0, 0.0]]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: features.normalize_speakers([np.zeros((2, 1))], ["a", "b"]),
            "speakers must be one for each of the 1 sequences, got 2",
        ),
        (lambda: features.normalize_speakers([], []), "sequences must hold at least one sequence, got none"),
        (
            lambda: features.normalize_speakers([np.zeros((2, 1)), np.zeros((2, 3))], [0, 0]),
            "sequence 1 has 3 features, but sequence 0 has 1",
        ),
        (
            lambda: features.normalize_speakers([np.zeros((2, 1)), [[np.nan]]], [0, 0]),
            "sequence 1 must be finite, but feature 0 of frame 0 is nan",
        ),
        (lambda: features.normalize_running(np.zeros((2, 1)), window=0), "window must be a positive integer, got 0"),
        (
            lambda: features.normalize_running(np.zeros((2, 1)), window=10),
            "min_window must be at most window = 10, got 30",
        ),
    ],
)
def test_wrong_arguments_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
