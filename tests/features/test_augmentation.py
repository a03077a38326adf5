"""Augmentation: signal-to-noise ratio, speeds and masks, reproducible from the generator."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnbp import features


def ratio(y: np.ndarray, noisy: np.ndarray) -> float:
    return float(10 * np.log10(np.sum(y**2) / np.sum((noisy - y) ** 2)))


@pytest.mark.parametrize("snr", [-10, 0, 3.5, 40])
@pytest.mark.parametrize("noise", [None, "long", "short"])
def test_noise_has_the_given_signal_to_noise_ratio(rng, snr, noise):
    y = np.sin(0.1 * np.arange(3000)) * 0.01
    recording = {"long": rng.standard_normal(9000), "short": rng.standard_normal(700), None: None}[noise]
    assert ratio(y, features.add_noise(y, snr=snr, rng=rng, noise=recording)) == pytest.approx(snr, abs=1e-6)


def test_noise_is_a_segment_of_the_recording(rng):
    y, recording = np.ones(50), np.arange(1.0, 201.0)
    starts = set()
    for _ in range(200):
        added = features.add_noise(y, snr=0, rng=rng, noise=recording) - 1
        found = added / (added[1] - added[0])
        np.testing.assert_allclose(np.diff(found), 1)
        starts.add(round(found[0]))
    assert min(starts) >= 1
    assert max(starts) <= 151
    assert len(starts) > 60


def test_short_noise_is_repeated_cyclically(rng):
    added = features.add_noise(np.ones(10), snr=0, rng=rng, noise=np.array([1.0, 2.0, 3.0, 4.0])) - 1
    np.testing.assert_allclose(added[:6], added[4:])
    assert len(np.unique(added.round(9))) == 4


def test_white_noise_has_a_flat_spectrum(rng):
    y = np.ones(100_000)
    noise = features.add_noise(y, snr=0, rng=rng) - y
    r = features.autocorrelation(noise[None], 5)[0]
    assert np.abs(r[1:] / r[0]).max() < 0.015


def test_float32_is_preserved(rng):
    y = np.ones(100, np.float32)
    assert features.add_noise(y, snr=10, rng=rng).dtype == np.float32
    assert features.perturb_speed(y, rng=rng).dtype == np.float32
    assert features.spec_augment(np.ones((20, 10), np.float32), rng=rng).dtype == np.float32


@pytest.mark.parametrize("factor", [0.5, 0.9, 1.0, 1.1, 1.37, 3.0])
def test_speed_scales_length_and_pitch(factor):
    y = np.sin(2 * np.pi * 200 * np.arange(8000) / 8000)
    fast = features.change_speed(y, factor)
    assert len(fast) == int(np.ceil(round(8000 / factor, 6)))
    peak = features.spectrogram(fast, sr=8000, n_fft=len(fast), hop_length=len(fast), center=False)[0].argmax()
    assert peak * 8000 / len(fast) == pytest.approx(200 * factor, abs=8000 / len(fast))


def test_speeds_are_sampled_from_the_given_factors(rng):
    y = np.ones(990)
    lengths = [len(features.perturb_speed(y, rng=rng, factors=(0.9, 1.1))) for _ in range(50)]
    assert set(lengths) == {900, 1100}


@given(
    T=st.integers(1, 60),
    F=st.integers(1, 30),
    masks=st.integers(0, 3),
    width=st.integers(0, 50),
    fraction=st.floats(0, 1),
    seed=st.integers(0, 1000),
)
def test_masks_cover_bands_and_ranges_of_frames(T, F, masks, width, fraction, seed):
    x = np.random.default_rng(seed).standard_normal((T, F))
    y = features.spec_augment(
        x,
        rng=np.random.default_rng(seed),
        freq_masks=masks,
        freq_width=width,
        time_masks=masks,
        time_width=width,
        time_fraction=fraction,
    )
    assert y.shape == x.shape
    hidden = y == x.mean(axis=0)
    np.testing.assert_array_equal(y[~hidden], x[~hidden])
    if T > 1:
        rows, columns = hidden.all(axis=1), hidden.all(axis=0)
        np.testing.assert_array_equal(hidden, rows[:, None] | columns)
        assert rows.sum() <= masks * min(width, fraction * T) or columns.all()
        assert columns.sum() <= masks * width or rows.all()


def test_masks_cover_every_position_and_reach_their_full_width(rng):
    x = rng.standard_normal((30, 12))
    hidden = np.array(
        [features.spec_augment(x, rng=rng, freq_masks=0, time_masks=1, time_width=6) != x for _ in range(300)]
    )
    rows = hidden.all(axis=2)
    assert rows.any(axis=0).all()
    assert set(rows.sum(axis=1)) == set(range(7))


@pytest.mark.parametrize(
    "augment",
    [
        lambda rng: features.add_noise(np.ones(100), snr=5, rng=rng),
        lambda rng: features.perturb_speed(np.arange(100.0), rng=rng),
        lambda rng: features.spec_augment(np.arange(600.0).reshape(30, 20), rng=rng),
    ],
)
def test_the_same_seed_gives_the_same_augmentation(augment):
    np.testing.assert_array_equal(augment(np.random.default_rng(4)), augment(np.random.default_rng(4)))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda rng: features.add_noise(np.ones(9), snr=np.nan, rng=rng), "snr must be a number that is finite"),
        (
            lambda rng: features.add_noise(np.zeros(9), snr=5, rng=rng),
            "y must not be silent: there is no ratio to 5 dB",
        ),
        (
            lambda rng: features.add_noise(np.ones(9), snr=5, rng=rng, noise=np.zeros(9)),
            "noise must not be silent: there is no ratio to 5 dB",
        ),
        (
            lambda rng: features.add_noise(np.ones(9), snr=5, rng=rng, noise=np.ones((9, 2))),
            "noise must be one channel",
        ),
        (lambda rng: features.add_noise(np.ones(9), snr=5, rng=0), "rng must be a numpy.random.Generator, .*, got 0"),
        (lambda rng: features.change_speed(np.ones(9), 0), "factor must be a number between 0.1 and 10, got 0"),
        (lambda rng: features.perturb_speed(np.ones(9), rng=rng, factors=()), "factors must hold at least one speed"),
        (lambda rng: features.perturb_speed(np.ones(9), rng=None), "rng must be a numpy.random.Generator"),
        (
            lambda rng: features.spec_augment(np.ones((9, 2)), rng=rng, time_fraction=2),
            "time_fraction must be a number between 0 and 1, got 2",
        ),
        (
            lambda rng: features.spec_augment(np.ones((9, 2)), rng=rng, freq_width=-1),
            "freq_width must be an integer of 0 or more, got -1",
        ),
        (
            lambda rng: features.spec_augment(np.ones((9, 2)), rng=rng, time_masks=1.5),
            "time_masks must be an integer of 0 or more, got 1.5",
        ),
    ],
)
def test_wrong_arguments_are_refused(rng, call, message):
    with pytest.raises(ValueError, match=message):
        call(rng)
