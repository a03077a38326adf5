"""Frames as views, and windows."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnbp import features
from rnnbp.features.framing import BLOCK, by_blocks


@given(n=st.integers(1, 300), length=st.integers(1, 50), hop=st.integers(1, 60))
def test_frames_are_slices_of_the_signal(n, length, hop):
    y = np.arange(float(n))
    if n < length:
        with pytest.raises(ValueError, match=f"y must have at least {length} samples, which are one frame, got {n}"):
            features.frame(y, frame_length=length, hop_length=hop)
        return
    frames = features.frame(y, frame_length=length, hop_length=hop)
    assert frames.shape == (1 + (n - length) // hop, length)
    np.testing.assert_array_equal(frames, hop * np.arange(len(frames))[:, None] + np.arange(length))


def test_frames_are_a_read_only_view():
    y = np.zeros(1000)
    frames = features.frame(y, frame_length=400, hop_length=10)
    assert np.shares_memory(frames, y)
    y[15] = 1
    assert frames[0, 15] == frames[1, 5] == 1
    with pytest.raises(ValueError, match="read-only"):
        frames[0, 0] = 1


def test_adjacent_frames_concatenate_to_the_signal(rng):
    y = rng.standard_normal(1000)
    np.testing.assert_array_equal(features.frame(y, frame_length=100, hop_length=100).ravel(), y)


@given(n=st.integers(1, 400), n_fft=st.integers(1, 65), hop=st.integers(1, 40), center=st.booleans())
def test_the_number_of_frames_follows_from_length_and_hop(n, n_fft, hop, center):
    """Centred, a frame has its middle at each multiple of the hop; else it begins there, and ends within the signal."""
    framing = features.Framing(sr=8000, n_fft=n_fft, hop_length=hop, center=center)
    y = np.arange(1.0, n + 1)
    if not center and n < n_fft:
        with pytest.raises(ValueError, match=f"y must have at least n_fft = {n_fft} samples where center is False"):
            framing.frames(y)
        return
    frames = framing.frames(y)
    if center:
        assert len(frames) == 1 + (n - n_fft % 2) // hop
        middles = hop * np.arange(len(frames))
        inside = middles < n
        np.testing.assert_array_equal(frames[inside, n_fft // 2], y[middles[inside]])
    else:
        assert len(frames) == 1 + (n - n_fft) // hop
    assert features.spectrogram(y, sr=8000, n_fft=n_fft, hop_length=hop, center=center).shape == (
        len(frames),
        1 + n_fft // 2,
    )


def test_overlapping_windows_add_up_to_the_signal(rng):
    """A periodic Hann window at a hop of a quarter adds up to 2."""
    y = rng.standard_normal(800)
    frames = features.frame(np.pad(y, 64), frame_length=64, hop_length=16) * features.get_window("hann", 64)
    added = np.zeros(928)
    for t, values in enumerate(frames):
        added[16 * t : 16 * t + 64] += values
    np.testing.assert_allclose(added[64:-64] / 2, y, rtol=1e-12)


@pytest.mark.parametrize(
    ("given", "n_fft", "hop_length", "win_length"),
    [
        ({"sr": 8000}, 256, 80, 200),
        ({"sr": 16000}, 512, 160, 400),
        ({"sr": 22050.0}, 1024, 220, 551),
        ({"sr": 8000, "n_fft": 300}, 300, 80, 300),
        ({"sr": 8000, "win_length": 128}, 128, 80, 128),
        ({"sr": 8000, "win_length": 129, "hop_length": 7}, 256, 7, 129),
        ({"sr": 1}, 1, 1, 1),
    ],
)
def test_default_lengths_follow_from_each_other(given, n_fft, hop_length, win_length):
    framing = features.Framing(**given)
    assert (framing.n_fft, framing.hop_length, framing.win_length) == (n_fft, hop_length, win_length)


def test_repr_restores_the_framing():
    framing = features.Framing(sr=8000, window=("gaussian", 20), center=False)
    assert eval(repr(framing), {"Framing": features.Framing}) == framing
    assert hash(framing) == hash(
        features.Framing(sr=8000, n_fft=256, win_length=200, window=("gaussian", 20), center=False)
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"sr": 0}, "sr must be a number above 0, got 0"),
        ({"n_fft": 128, "win_length": 200}, "win_length must be at most n_fft = 128, got 200"),
        ({"n_fft": 25.0}, "n_fft must be a positive integer, got 25.0"),
        ({"hop_length": 0}, "hop_length must be a positive integer, got 0"),
        ({"win_length": -1}, "win_length must be a positive integer, got -1"),
        ({"pad_mode": "reflected"}, "pad_mode must be one of .*Did you mean 'reflect'"),
        ({"window": "hannn"}, "window must be one that scipy.signal.get_window knows, got 'hannn'"),
        ({"window": np.ones(200)}, "window must be a name, a number or a tuple, got ndarray"),
        ({"window": "gaussian"}, "window must be one that scipy.signal.get_window knows, got 'gaussian'"),
    ],
)
def test_wrong_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        features.Framing(**{"sr": 8000, **arguments})
    with pytest.raises(ValueError, match=message):
        features.spectrogram(np.zeros(8000), **{"sr": 8000, **arguments})


def test_a_misspelt_argument_is_refused():
    with pytest.raises(TypeError, match="hop_lenght"):
        features.spectrogram(np.zeros(8000), sr=8000, hop_lenght=80)


def test_windows_are_cached_and_read_only():
    window = features.get_window("hamming", 200)
    assert window is features.get_window("hamming", 200)
    with pytest.raises(ValueError, match="read-only"):
        window[0] = 1


def test_processing_by_blocks_equals_processing_all_frames():
    frames = features.frame(np.arange(3 * BLOCK + 7.0), frame_length=5, hop_length=1)
    np.testing.assert_array_equal(by_blocks(frames, lambda block: block.sum(axis=1)), frames.sum(axis=1))
