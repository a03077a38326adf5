"""Speech-shaped noise, and random variation of recordings."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from rnnbp.features import LPCC, MFCC, LogMel, Variation, speech_noise, stretch
from rnnbp.features.variation import warped

SR = 8000
TONE = np.sin(2 * np.pi * 500 * np.arange(4000) / SR)


def octave_levels(noise):
    """Return the power density in dB of the bands 125-250, 250-500, ... 2000-4000 Hz."""
    power, hertz = np.abs(np.fft.rfft(noise)) ** 2, np.fft.rfftfreq(len(noise), 1 / SR)
    edges = 125 * 2.0 ** np.arange(6)
    return [10 * np.log10(power[(hertz >= a) & (hertz < b)].mean()) for a, b in pairwise(edges)]


def test_speech_noise_has_the_spectrum_of_speech(rng):
    levels = octave_levels(speech_noise(200_000, sr=SR, rng=rng))
    assert abs(levels[1] - levels[0]) < 1.5
    assert 7.5 < levels[2] - levels[3] < 10.5
    assert 7.5 < levels[3] - levels[4] < 10.5


@pytest.mark.parametrize("n", [1, 2, 977, 8000])
def test_speech_noise_has_any_length_and_power_1(n, rng):
    noise = speech_noise(n, sr=SR, rng=rng)
    assert noise.shape == (n,)
    assert np.isfinite(noise).all()
    if n > 900:
        assert np.mean(noise**2) == pytest.approx(1)


def test_speech_noise_is_modulated_unless_steady(rng):
    def swing(modulation):
        noise = speech_noise(80_000, sr=SR, rng=rng, modulation=modulation)
        return np.std(np.sqrt(np.mean(noise.reshape(-1, 400) ** 2, axis=1)))

    assert swing(0.5) > 1.5 * swing(0.0)


def test_stretch_changes_the_length_and_keeps_the_ends(rng):
    x = rng.normal(size=(41, 3))
    fast = stretch(x, 2.0)
    np.testing.assert_allclose(fast, x[::2])
    np.testing.assert_array_equal(stretch(x, 1.0), x)
    slow = stretch(x.astype(np.float32), 0.5)
    assert slow.shape == (81, 3)
    assert slow.dtype == np.float32
    np.testing.assert_allclose(slow[[0, -1]], x[[0, -1]], rtol=1e-6)
    assert stretch(x[:1], 3.0).tolist() == x[[0, 0]].tolist()


def test_a_variation_with_all_settings_zero_is_the_identity(rng):
    plain = Variation(speed=0, tempo=0, noisy=0)
    np.testing.assert_array_equal(plain.sound(TONE, SR, rng), TONE)
    np.testing.assert_array_equal(plain.features(TONE, MFCC(sr=SR), SR, rng), MFCC(sr=SR)(TONE))


@pytest.mark.parametrize("kind", ["white", "speech"])
def test_noise_has_a_ratio_within_the_given_range(kind, rng):
    heard = Variation(speed=0, tempo=0, noises=(kind,), snr=(3, 3)).sound(TONE, SR, rng)
    assert 10 * np.log10(np.sum(TONE**2) / np.sum((heard - TONE) ** 2)) == pytest.approx(3)


def test_the_given_fraction_of_recordings_gets_noise(rng):
    half = Variation(speed=0, tempo=0, noisy=0.5)
    unchanged = sum(np.array_equal(half.sound(TONE, SR, rng), TONE) for _ in range(200))
    assert 70 < unchanged < 130


def test_speed_and_tempo_stay_within_their_limits(rng):
    faster = [len(Variation(speed=0.2, noisy=0).sound(TONE, SR, rng)) / len(TONE) for _ in range(100)]
    assert np.exp(-0.21) < min(faster) < 0.9
    assert 1.1 < max(faster) < np.exp(0.21)
    longer = [len(Variation(tempo=0.3).frames(np.zeros((101, 2)), rng)) / 101 for _ in range(100)]
    assert np.exp(-0.32) < min(longer) < 0.85
    assert 1.15 < max(longer) < np.exp(0.32)


def test_masks_cover_some_of_the_features(rng):
    x = rng.normal(size=(50, 8))
    masked = [Variation(tempo=0, masks=4).frames(x, rng) for _ in range(20)]
    hidden = [np.mean(m != x) for m in masked]
    assert 0 < np.mean(hidden) < 0.6


def test_silence_gets_no_noise(rng):
    assert not Variation().sound(np.zeros(800), SR, rng).any()


def peak(x):
    """Return the filter with the greatest mean output."""
    return x.mean(axis=0).argmax()


def test_a_warp_moves_formants_alone(rng):
    """Filters are moved up by the factor, so that a tone is in a lower one; the number of frames is unchanged."""
    feature = LogMel(sr=SR, n_mels=26)
    plain, high = feature(TONE), warped(feature, 1.3)(TONE)
    assert plain.shape == high.shape
    assert peak(high) < peak(plain)
    np.testing.assert_allclose(high, replace(feature, warp=1.3)(TONE))
    assert warped(warped(feature, 1.3), 0.5).warp == 0.65
    heard = [Variation(speed=0, tempo=0, noisy=0, warp=0.3).features(TONE, feature, SR, rng) for _ in range(30)]
    assert len({peak(x) for x in heard}) > 2


def test_features_without_mel_filters_refuse_a_warp(rng):
    with pytest.raises(
        ValueError, match=r"warp must be 0 for features without mel filters that can be warped, which LPCC"
    ):
        Variation(warp=0.1).features(TONE, LPCC(sr=SR), SR, rng)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"speed": 1.5}, "speed must be"),
        ({"warp": 0.6}, "warp must be"),
        ({"tempo": -1}, "tempo must be"),
        ({"noisy": 2}, "noisy must be"),
        ({"noises": ()}, "noises must have at least one noise, got none"),
        ({"noises": ("pink",)}, "noises must be one of 'speech', 'white'; got 'pink'"),
        ({"snr": (10, 0)}, "snr must be"),
        ({"masks": -1}, "masks must be"),
    ],
)
def test_wrong_arguments_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        Variation(**options)


def test_speech_noise_refuses_wrong_arguments(rng):
    with pytest.raises(ValueError, match="n must be a positive integer, got 0"):
        speech_noise(0, sr=SR, rng=rng)
    with pytest.raises(ValueError, match="modulation must be"):
        speech_noise(10, sr=SR, rng=rng, modulation=2)
