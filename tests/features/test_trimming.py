"""Root mean square of frames, and trimming of silence."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnbp import features


def test_rms_of_a_tone_is_its_amplitude_over_root_2():
    y = 3 * np.sin(2 * np.pi * np.arange(8000) / 40)
    np.testing.assert_allclose(features.rms(y, frame_length=400, hop_length=100)[4:-4], 3 / np.sqrt(2), rtol=1e-12)


@given(before=st.integers(0, 3000), after=st.integers(0, 3000), noise=st.floats(0, 1e-3))
def test_silence_at_the_ends_is_trimmed(before, after, noise):
    """To within a frame."""
    rng = np.random.default_rng(0)
    word = np.sin(0.4 * np.arange(2000))
    y = np.concatenate([np.zeros(before), word, np.zeros(after)])
    y += noise * rng.standard_normal(len(y))
    trimmed, (start, stop) = features.trim(y, top_db=40, frame_length=256, hop_length=64)
    assert np.shares_memory(trimmed, y)
    np.testing.assert_array_equal(trimmed, y[start:stop])
    assert before - 256 <= start <= before
    assert before + 2000 - 64 <= stop <= before + 2000 + 256


def test_a_signal_below_the_threshold_is_trimmed_to_nothing():
    trimmed, index = features.trim(np.full(3000, 1e-3), ref=1.0, top_db=40)
    assert len(trimmed) == 0
    assert index.tolist() == [0, 0]


def test_a_signal_of_zeros_is_unchanged():
    assert features.trim(np.zeros(100))[1].tolist() == [0, 100]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"top_db": -1}, "top_db must be a number of 0 or more, got -1"),
        ({"ref": -1}, "ref must be a number of 0 or more, got -1"),
        ({"frame_length": 0}, "frame_length must be a positive integer, got 0"),
        ({"hop_length": 1.5}, "hop_length must be a positive integer, got 1.5"),
    ],
)
def test_wrong_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        features.trim(np.zeros(100), **arguments)
