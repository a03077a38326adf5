"""Properties of power and mel spectra; the mel scale and its filters."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnbp import features


@pytest.mark.parametrize("n_fft", [256, 255])
def test_the_power_of_a_frame_satisfies_parseval(rng, n_fft):
    """The power over all frequencies is the windowed frame's energy times n_fft."""
    y = rng.standard_normal(5000)
    S = features.spectrogram(y, sr=8000, n_fft=n_fft, hop_length=64, center=False)
    twice = np.full(S.shape[1], 2.0)
    twice[0] = 1
    if n_fft % 2 == 0:
        twice[-1] = 1
    frames = features.frame(y, frame_length=n_fft, hop_length=64) * features.get_window("hann", n_fft)
    np.testing.assert_allclose(S @ twice, n_fft * np.sum(frames**2, axis=1), rtol=1e-12)


def test_spectra_do_not_depend_on_the_blocks_of_frames(rng):
    """Each frame of a long signal has the spectrum that it has alone."""
    y = rng.standard_normal(60_000)
    settings = {"sr": 8000, "center": False, "win_length": 200, "n_fft": 256, "hop_length": 80}
    S, M = features.spectrogram(y, **settings), features.melspectrogram(y, **settings)
    assert len(S) > 700
    for t in (0, 255, 256, 700):
        alone = y[80 * t : 80 * t + 256]
        np.testing.assert_allclose(features.spectrogram(alone, **settings)[0], S[t], rtol=1e-12)
        np.testing.assert_allclose(features.melspectrogram(alone, **settings)[0], M[t], rtol=1e-12)


@given(st.floats(300, 3700))
def test_a_tone_is_in_the_bin_of_its_frequency(frequency):
    y = np.sin(2 * np.pi * frequency * np.arange(4000) / 8000)
    S = features.spectrogram(y, sr=8000, n_fft=512)
    assert abs(S[25].argmax() * 8000 / 512 - frequency) <= 8000 / 512
    filters = features.mel(sr=8000, n_fft=512, n_mels=20, norm=None)
    centres = features.mel_frequencies(22, fmin=0, fmax=4000)[1:-1]
    loudest = features.melspectrogram(y, sr=8000, n_fft=512, n_mels=20, norm=None)[25].argmax()
    width = np.flatnonzero(filters[loudest])
    assert width[0] - 2 <= frequency * 512 / 8000 <= width[-1] + 2, centres[loudest]


@pytest.mark.parametrize("htk", [True, False])
def test_mel_to_hz_inverts_hz_to_mel(htk):
    f = np.linspace(0, 12000, 1000)
    m = features.hz_to_mel(f, htk=htk)
    assert (np.diff(m) > 0).all()
    np.testing.assert_allclose(features.mel_to_hz(m, htk=htk), f, rtol=1e-12, atol=1e-9)
    assert features.hz_to_mel(440.0, htk=htk).shape == ()


def test_the_mel_scale_has_its_reference_values():
    assert features.hz_to_mel(1000) == pytest.approx(15)  # Slaney's corner
    assert features.hz_to_mel(6400) == pytest.approx(42)  # and 27 mel above it
    assert features.hz_to_mel(1000, htk=True) == pytest.approx(1000, abs=0.1)  # by which the scale was made


@pytest.mark.parametrize("htk", [True, False])
def test_filters_of_height_1_add_up_to_one(htk):
    """Triangles of height 1: between the first and the last centre they add up to 1."""
    filters = features.mel(sr=16000, n_fft=1024, n_mels=30, htk=htk, norm=None)
    centres = features.mel_frequencies(32, fmin=0, fmax=8000, htk=htk)[1:-1]
    f = np.fft.rfftfreq(1024, 1 / 16000)
    between = (f >= centres[0]) & (f <= centres[-1])
    np.testing.assert_allclose(filters[:, between].sum(axis=0), 1, rtol=1e-9)


def test_slaneys_filters_have_the_same_area():
    filters = features.mel(sr=16000, n_fft=32768, n_mels=30)
    np.testing.assert_allclose(filters.sum(axis=1) * 16000 / 32768, 1, rtol=1e-3)


@pytest.mark.parametrize("factor", [0.7, 0.9, 1.0, 1.1, 1.4])
def test_a_warp_rises_from_0_to_the_highest_frequency(factor):
    f = np.linspace(0, 4000, 401)
    warped = features.warp_frequencies(f, factor, sr=8000)
    assert warped[0] == 0
    assert warped[-1] == 4000
    assert (np.diff(warped) > 0).all()
    low = f <= 2400 / max(factor, 1)
    np.testing.assert_allclose(warped[low], factor * f[low])
    centres = features.mel(sr=8000, n_fft=1024, n_mels=20, warp=factor).argmax(axis=1) * 8000 / 1024
    plain = features.mel_frequencies(22, fmin=0, fmax=4000)[1:-1]
    np.testing.assert_allclose(centres, features.warp_frequencies(plain, factor, sr=8000), atol=8000 / 1024)


@pytest.mark.parametrize("warp", [0.4, 2.5, np.nan])
def test_a_warp_out_of_range_is_refused(warp):
    with pytest.raises(ValueError, match="warp must be"):
        features.mel(sr=8000, n_fft=256, warp=warp)
    with pytest.raises(ValueError, match="factor must be"):
        features.warp_frequencies([0], warp, sr=8000)


def test_filters_are_cached_and_read_only():
    filters = features.mel(sr=8000, n_fft=256)
    assert filters is features.mel(sr=8000.0, n_fft=256, fmax=4000)
    with pytest.raises(ValueError, match="read-only"):
        filters[0] = 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"fmax": 4001}, "fmax must be a number above 0 and at most 4000, got 4001"),
        ({"fmin": 3000, "fmax": 2000}, "fmax must be a number above 3000 and at most 4000, got 2000"),
        ({"fmin": -1}, "fmin must be a number between 0 and 4000, got -1"),
        ({"n_mels": 0}, "n_mels must be a positive integer, got 0"),
        ({"n_mels": 200}, "n_mels = 200 is too many for n_fft = 256: filter 0 falls between two frequencies"),
        ({"norm": "slany"}, "norm must be one of 'slaney'; got 'slany'. Did you mean 'slaney'"),
        ({"sr": "8000"}, "sr must be a number above 0, got '8000'"),
    ],
)
def test_filters_that_do_not_fit_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        features.mel(**{"sr": 8000, "n_fft": 256, **arguments})
    with pytest.raises(ValueError, match=message):
        features.log_mel(np.zeros(8000), **{"sr": 8000, "n_fft": 256, **arguments})


def test_decibels_equal_values_by_hand():
    S = np.array([[1.0, 10.0], [100.0, 0.0]])
    np.testing.assert_allclose(features.power_to_db(S, top_db=None), [[0, 10], [20, -100]])
    np.testing.assert_allclose(features.power_to_db(S, top_db=15), [[5, 10], [20, 5]])
    np.testing.assert_allclose(features.power_to_db(S, ref=np.max, top_db=None), [[-20, -10], [0, -120]])
    assert float(features.power_to_db(100)) == pytest.approx(20)


@pytest.mark.parametrize(
    ("S", "arguments", "message"),
    [
        ([], {}, r"S must be powers, 0 or more, got float64 of shape \(0,\)"),
        ([1.0, -2.0], {}, "S must be powers, 0 or more, .*, the least -2.0"),
        ([1.0, np.nan], {}, "S must be powers, 0 or more, .*, the least nan"),
        ([1j], {}, "S must be powers, 0 or more, got complex128"),
        ([1.0], {"amin": 0}, "amin must be a number above 0, got 0"),
        ([1.0], {"ref": -1}, "ref must be a number of 0 or more, got -1"),
        ([1.0], {"top_db": -1}, "top_db must be a number of 0 or more, got -1"),
    ],
)
def test_decibels_refuse_wrong_arguments(S, arguments, message):
    with pytest.raises(ValueError, match=message):
        features.power_to_db(S, **arguments)


def test_power_must_be_positive():
    with pytest.raises(ValueError, match="power must be a number above 0, got 0"):
        features.spectrogram(np.zeros(800), sr=8000, power=0)


def test_a_louder_signal_shifts_the_log_spectrum(rng):
    y = rng.standard_normal(4000)
    np.testing.assert_allclose(features.log_mel(10 * y, sr=8000), features.log_mel(y, sr=8000) + 20, rtol=1e-10)
