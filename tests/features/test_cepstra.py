"""Properties of cepstra, centred and classic."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.fft import idct

from rnnbp import features


def test_the_inverse_transform_of_all_coefficients_is_the_spectrum(rng):
    S = rng.standard_normal((6, 20))
    np.testing.assert_allclose(idct(features.cepstra(S, n_mfcc=20), norm="ortho", axis=1), S, rtol=1e-12, atol=1e-13)


def test_cepstra_are_sums_of_cosines(rng):
    S = rng.standard_normal((6, 20))
    n, m = np.arange(1, 13), np.arange(20)
    expected = np.sqrt(2 / 20) * S @ np.cos(np.pi * np.outer(m + 0.5, n) / 20)
    np.testing.assert_allclose(features.cepstra(S)[:, 1:], expected, rtol=1e-12, atol=1e-13)


def test_loudness_affects_the_first_coefficient_alone(rng):
    y = rng.standard_normal(8000)
    louder = features.mfcc(2 * y, sr=8000) - features.mfcc(y, sr=8000)
    np.testing.assert_allclose(louder[:, 0], 20 * np.log10(2) * np.sqrt(40), rtol=1e-9)
    assert np.abs(louder[:, 1:]).max() < 1e-9


def test_liftering_multiplies_each_coefficient_by_its_weight(rng):
    S = rng.standard_normal((6, 20))
    plain, liftered = features.cepstra(S), features.cepstra(S, lifter=22)
    np.testing.assert_allclose(liftered / plain, np.tile(1 + 11 * np.sin(np.pi * np.arange(1, 14) / 22), (6, 1)))
    y = rng.standard_normal(2000)
    classic = [features.classic_mfcc(y, sr=8000, lifter=lifter, energy=False) for lifter in (22, 0)]
    np.testing.assert_allclose(classic[0] / classic[1], np.tile(1 + 11 * np.sin(np.pi * np.arange(13) / 22), (24, 1)))


@pytest.mark.parametrize("sr", [8000, 16000])
def test_log_energy_replaces_the_first_coefficient(rng, sr):
    y = rng.standard_normal(sr)
    with_energy, without = (features.classic_mfcc(y, sr=sr, energy=energy) for energy in (True, False))
    np.testing.assert_array_equal(with_energy[:, 1:], without[:, 1:])
    _, energy = features.classic_fbank(y, sr=sr)
    np.testing.assert_allclose(with_energy[:, 0], np.log(energy))


def test_the_energy_is_that_of_the_frame_by_parseval(rng):
    """The energy is twice the power of the half spectrum, with its ends counted once."""
    y = rng.standard_normal(400)
    _, energy = features.classic_fbank(y, sr=8000, win_length=400, n_fft=400, coef=0)
    ends = (y.sum() ** 2 + (y * (-1.0) ** np.arange(400)).sum() ** 2) / 400
    np.testing.assert_allclose(2 * energy[0] - ends, np.sum(y**2), rtol=1e-12)


@given(n=st.integers(1, 2000), win_length=st.integers(1, 300), hop=st.integers(1, 300))
def test_classic_frames_cover_the_whole_signal(n, win_length, hop):
    frames = len(features.classic_fbank(np.ones(n), sr=8000, win_length=win_length, hop_length=hop)[1])
    assert (frames - 1) * hop + win_length >= n
    assert frames == 1 or (frames - 2) * hop + win_length < n


def test_cepstra_of_silence_are_finite():
    for function in (features.mfcc, features.classic_mfcc, features.lpcc):
        assert np.isfinite(function(np.zeros(8000), sr=8000)).all()


@pytest.mark.parametrize("function", [features.mfcc, features.classic_mfcc, features.lpcc, features.log_mel])
def test_float32_is_preserved_and_close_to_float64(function, rng):
    y = rng.standard_normal(8000).astype(np.float32)
    single, double = function(y, sr=8000), function(y.astype(np.float64), sr=8000)
    assert single.dtype == np.float32
    assert double.dtype == np.float64
    np.testing.assert_allclose(single, double, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_mfcc": 41}, "n_mfcc must be at most n_mels = 40, got 41"),
        ({"n_mfcc": 0}, "n_mfcc must be a positive integer, got 0"),
        ({"lifter": -1}, "lifter must be a number of 0 or more, got -1"),
        ({"dct_type": 4}, "dct_type must be 1, 2 or 3, got 4"),
        ({"norm": "forward"}, "norm must be 'ortho' or None, got 'forward'"),
        ({"fmax": 5000}, "fmax must be a number above 0 and at most 4000, got 5000"),
    ],
)
def test_mfcc_refuses_wrong_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        features.mfcc(np.zeros(800), sr=8000, **arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_fft": 128}, "n_fft must be at least win_length = 200, got 128"),
        ({"n_mfcc": 27}, "n_mfcc must be at most n_mels = 26, got 27"),
        ({"fmax": 5000}, "fmax must be a number above 0 and at most 4000, got 5000"),
        ({"hop_length": 0}, "hop_length must be a positive integer, got 0"),
        ({"n_mels": 300}, "n_mels = 300 is too many for n_fft = 512"),
        ({"coef": 2}, "coef must be a number between 0 and 1, got 2"),
        ({"lifter": -1}, "lifter must be a number of 0 or more, got -1"),
        ({"window": "hannn"}, "window must be one that scipy.signal.get_window knows"),
    ],
)
def test_classic_mfcc_refuses_wrong_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        features.classic_mfcc(np.zeros(800), sr=8000, **arguments)
