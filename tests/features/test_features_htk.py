"""HTK's filter bank, cepstra and derivatives: HCopy's output, the HTK Book's equations, and edge cases."""

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnbp import features
from rnnbp.audio import read_audio, read_htk

REAL = Path(os.environ.get("RNNBP_TEST_DATA", "no folder")) / "htk"
needs_hcopy = pytest.mark.skipif(
    not REAL.is_dir(), reason="RNNBP_TEST_DATA names no folder that has htk, Kaldi's src/feat/test_data"
)
SR = 8000
KALDI = {"n_mels": 23, "power": 2, "deltas": 2}  # what Kaldi's configurations for HCopy have in common
HCOPY = {
    "test.wav.fea_htk.1": {"coef": 0},
    "test.wav.fea_htk.2": {"coef": 0, "c0": False, "energy": "raw"},
    "test.wav.fea_htk.3": {"coef": 0, "c0": False, "energy": "raw", "fmin": 20},
    "test.wav.fea_htk.4": {"c0": False, "energy": "raw"},
    "test.wav.fea_htk.6": {"n_mels": 24, "fmin": 125, "fmax": 7800},
}


@pytest.mark.skipif(
    not REAL.is_dir(), reason="RNNBP_TEST_DATA names no folder that has htk: Kaldi's src/feat/test_data"
)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", HCOPY)
def test_features_equal_those_of_hcopy(name, dtype):
    y, sr = read_audio(REAL / "test.wav", dtype)
    written = read_htk(REAL / name)
    ours = features.HTKMFCC(sr=sr, **(KALDI | HCOPY[name]))(y)
    assert ours.dtype == dtype
    np.testing.assert_allclose(ours, written.values, atol=1e-3, rtol=0)


@pytest.mark.skipif(
    not REAL.is_dir(), reason="RNNBP_TEST_DATA names no folder that has htk: Kaldi's src/feat/test_data"
)
@pytest.mark.parametrize(("name", "fmin"), [("test.wav.fbank_htk.1", 0), ("test.wav.fbank_htk.2", 25)])
def test_filter_banks_equal_those_of_hcopy(name, fmin):
    y, sr = read_audio(REAL / "test.wav", np.float64)
    fbank, _ = features.htk_fbank(y, sr=sr, n_mels=23, coef=0, power=2, fmin=fmin)
    np.testing.assert_allclose(fbank, read_htk(REAL / name).values, atol=1e-3, rtol=0)


# ---- the HTK Book's equations, one by one ---------------------------------------------------------


def mel(f):
    """Return mel by equation 5.13."""
    return 2595 * np.log10(1 + f / 700)


def book(
    y, n_mels, n_mfcc, length, hop, fmin, fmax, *, lifter=22, coef=0.97, power=1, zero_mean=False
):  # numpy only where the book has a sum
    """Return MFCC_0_E by section 5.6 with raw energies, frame by frame and bin by bin."""
    n_fft = 1
    while n_fft < length:
        n_fft *= 2
    centres = [mel(fmin) + (mel(fmax) - mel(fmin)) * c / (n_mels + 1) for c in range(n_mels + 2)]
    rows = []
    for start in range(0, len(y) - length + 1, hop):
        s = 32768 * y[start : start + length]
        s = s - s.mean() if zero_mean else s
        energy = np.log(max(1, sum(v * v for v in s)))
        s = np.array([s[0] * (1 - coef)] + [s[n] - coef * s[n - 1] for n in range(1, length)])  # equation 5.1
        s = s * [0.54 - 0.46 * np.cos(2 * np.pi * n / (length - 1)) for n in range(length)]  # equation 5.2
        banks = [0.0] * (n_mels + 2)
        for k in range(int(fmin * n_fft / SR + 1.5), int(fmax * n_fft / SR + 0.5)):
            bin_mel = mel(k * SR / n_fft)
            magnitude = abs(sum(s * np.exp(-2j * np.pi * k * np.arange(length) / n_fft))) ** power
            c = max(c for c in range(n_mels + 1) if centres[c] <= bin_mel)  # between this centre and the next
            share = (bin_mel - centres[c]) / (centres[c + 1] - centres[c])
            banks[c] += (1 - share) * magnitude
            banks[c + 1] += share * magnitude
        m = [np.log(max(1, b)) for b in banks[1:-1]]
        cepstrum = []
        for i in range(n_mfcc + 1):  # equations 5.14 and 5.16
            c = np.sqrt(2 / n_mels) * sum(m[j] * np.cos(np.pi * i / n_mels * (j + 0.5)) for j in range(n_mels))
            cepstrum.append(c * (1 + lifter / 2 * np.sin(np.pi * i / lifter)) if lifter else c)
        rows.append([*cepstrum[1:], cepstrum[0], energy])
    return np.array(rows)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"power": 2},
        {"coef": 0.0},
        {"zero_mean": True},
        {"lifter": 0},
        {"lifter": 10, "n_mfcc": 5},
        {"n_mels": 15},
        {"fmin": 133.0, "fmax": 3600.0},
        {"fmin": 15.6, "fmax": 3984.4},  # half a bin from the ends
        {"win_length": 256, "hop_length": 300},
    ],
)
def test_features_equal_the_equations_of_the_htk_book(rng, options):
    y = 0.1 * rng.standard_normal(700) + 0.05
    sizes = {"n_mels": 26, "n_mfcc": 12, "win_length": 200, "hop_length": 80, "fmin": 0.0, "fmax": SR / 2} | options
    length, hop = sizes["win_length"], sizes["hop_length"]
    others = {k: v for k, v in options.items() if k in ("lifter", "coef", "power", "zero_mean")}
    expected = book(y, sizes["n_mels"], sizes["n_mfcc"], length, hop, sizes["fmin"], sizes["fmax"], **others)
    ours = features.htk_mfcc(y, sr=SR, energy="raw", **options)
    np.testing.assert_allclose(ours, expected, rtol=1e-9, atol=1e-9)


def test_normalised_energies_are_1_at_the_loudest_frame_and_floored_at_silence(rng):
    """Section 5.6: 1 - (max - E) / 10, E at least the greatest less 50 dB."""
    y = rng.standard_normal(8000) * np.logspace(0, -6, 8000)
    raw, normalized = (features.htk_mfcc(y, sr=SR, energy=e, c0=False)[:, -1] for e in ("raw", "normalized"))
    np.testing.assert_allclose(normalized, 1 - np.minimum(raw.max() - raw, 5 * np.log(10)) / 10, rtol=1e-12)
    assert normalized[0] == 1
    assert normalized[-1] == 1 - 0.5 * np.log(10)


def test_columns_are_in_htks_order(rng):
    y = rng.standard_normal(4000)
    whole = features.htk_mfcc(y, sr=SR, energy="raw")
    np.testing.assert_array_equal(features.htk_mfcc(y, sr=SR), whole[:, :13])
    np.testing.assert_array_equal(features.htk_mfcc(y, sr=SR, c0=False), whole[:, :12])
    np.testing.assert_array_equal(features.htk_mfcc(y, sr=SR, c0=False, energy="raw"), whole[:, [*range(12), 13]])


def test_energy_is_that_of_the_frame_before_pre_emphasis(rng):
    y = rng.standard_normal(4000)
    _, energy = features.htk_fbank(y, sr=SR, coef=0.97)
    np.testing.assert_allclose(
        energy, np.log((32768**2 * features.frame(y, frame_length=200, hop_length=80) ** 2).sum(1))
    )


def test_bins_at_the_edges_of_the_band_are_excluded():
    """A constant has power in bin 0 only, an alternating signal in the last bin only: no filter includes these."""
    for y in (np.full(256, 1e-3), 1e-3 * (-1.0) ** np.arange(256)):
        tone = y / np.hamming(256)  # what the window makes constant
        fbank, _ = features.htk_fbank(tone, sr=SR, win_length=256, coef=0, n_mels=10)
        np.testing.assert_allclose(fbank, 0, atol=1e-12)


def test_samples_after_the_last_whole_frame_are_left_out(rng):
    y = rng.standard_normal(279)
    np.testing.assert_array_equal(features.htk_mfcc(y, sr=SR), features.htk_mfcc(y[:200], sr=SR))
    assert len(features.htk_mfcc(rng.standard_normal(280), sr=SR)) == 2
    with pytest.raises(ValueError, match="y must have at least 200 samples, which are one frame, got 199"):
        features.htk_mfcc(y[:199], sr=SR)


@pytest.mark.parametrize(
    ("static", "deltas", "accelerations"),
    [
        (
            [3.04552865, 31.82501793, 33.36501312, 39.40628433, 51.56212234, 52.14913177],
            [8.94184589, 10.30410004, 10.46144581, 5.88453388],
            [0.44014540, -0.45950240],
        ),
        (
            [22.07082748, 17.77170944, 17.80060768, 17.85213661, 18.73028946, 19.54501152],
            [-1.28395581, -1.27076018, -0.66006488, 0.44762859],
            [0.12609775, 0.40870598],
        ),
        (
            [23.53035164, 21.28713417, 25.61685562, 24.14976501, 24.22132874, 24.97538376],
            [0.19297905, 0.33253306, 0.42445850],
            [0.06025129, 0.10417157],
        ),
    ],
    ids=["c1 at the beginning", "energy at the beginning", "c1 at the end, in reverse"],
)
def test_derivatives_at_the_ends_equal_those_of_hcopy(static, deltas, accelerations):
    """Figures of Kaldi's test.wav.fea_htk.2, which HCopy of HTK 3.4 wrote; in reverse, deltas change their sign."""
    ours = features.with_regressions(np.array(static)[:, None], 2)
    np.testing.assert_allclose(ours[: len(deltas), 1], deltas, rtol=1e-6)
    np.testing.assert_allclose(ours[: len(accelerations), 2], accelerations, rtol=1e-5)


@given(T=st.integers(1, 12), N=st.integers(1, 4), seed=st.integers(0, 99))
def test_accelerations_are_deltas_of_deltas_with_the_outermost_frames_repeated(T, N, seed):
    """By equation 5.19, with the first and last frame repeated beyond the ends at each order."""

    def regression(c):
        def at(t):
            return c[min(max(t, 0), T - 1)]

        norm = 2 * sum(n * n for n in range(1, N + 1))
        return np.array([sum(n * (at(t + n) - at(t - n)) for n in range(1, N + 1)) / norm for t in range(T)])

    x = np.random.default_rng(seed).standard_normal((T, 2))
    first = regression(x)
    expected = np.hstack([x, first, regression(first), regression(regression(first))])
    np.testing.assert_allclose(features.with_regressions(x, 3, width=2 * N + 1), expected, rtol=1e-10, atol=1e-12)


def test_features_of_silence_are_finite():
    assert np.isfinite(features.htk_mfcc(np.zeros(8000), sr=SR, energy="raw")).all()
    assert np.isfinite(features.htk_mfcc(np.zeros(8000), sr=SR, energy="normalized")).all()


def test_float32_is_preserved_and_close_to_float64(rng):
    y = rng.uniform(-1, 1, 8000).astype(np.float32)
    single, double = (features.htk_mfcc(v, sr=SR, energy="raw") for v in (y, y.astype(np.float64)))
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, double, atol=1e-3, rtol=0)


def test_the_extractor_equals_the_functions_applied_in_sequence(rng):
    y = rng.standard_normal(4000)
    made = features.HTKMFCC(sr=SR, deltas=2, energy="normalized", fmin=60.0, zero_mean=True)
    static = features.htk_mfcc(y, sr=SR, energy="normalized", fmin=60.0, zero_mean=True)
    np.testing.assert_array_equal(made(y), features.with_regressions(static, 2))
    assert made.feature_size == 3 * 14
    assert eval(repr(made), vars(features)) == made


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_mfcc": 26}, "n_mfcc must be less than n_mels = 26, got 26"),
        ({"n_mfcc": 0}, "n_mfcc must be a positive integer, got 0"),
        ({"energy": "log"}, "energy must be one of 'normalized', 'raw'; got 'log'"),
        ({"lifter": -1}, "lifter must be a number of 0 or more, got -1"),
        ({"coef": 2}, "coef must be a number between 0 and 1, got 2"),
        ({"power": 0}, "power must be a number above 0, got 0"),
        ({"fmax": 5000}, "fmax must be a number above 0 and at most 4000, got 5000"),
        ({"n_mels": 300}, "n_mels = 300 is too many for n_fft = 256"),
        ({"hop_length": 0}, "hop_length must be a positive integer, got 0"),
    ],
)
def test_htk_mfcc_refuses_wrong_arguments(options, message):
    for make in (
        lambda: features.htk_mfcc(np.zeros(800), sr=SR, **options),
        lambda: features.HTKMFCC(sr=SR, **options),
    ):
        with pytest.raises(ValueError, match=message):
            make()
