"""Linear prediction against the equations it solves, known processes, and the cepstrum of its spectrum."""

import numpy as np
import pytest
from scipy.linalg import solve_toeplitz
from scipy.signal import lfilter

from rnnbp import features

PROCESSES = {
    "one formant": [1.0, -1.6, 0.81],
    "order 4": [1.0, -2.2, 2.6, -1.8, 0.64],
    "first order": [1.0, -0.9],
}


@pytest.fixture
def frames(rng):
    return rng.standard_normal((7, 240)) * np.hamming(240)


def test_autocorrelation_equals_numpys_correlation(frames):
    r = features.autocorrelation(frames, 12)
    for t, x in enumerate(frames):
        np.testing.assert_allclose(r[t], np.correlate(x, x, "full")[239 : 239 + 13], rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("order", [1, 2, 12, 60])
def test_levinson_durbin_solves_the_normal_equations(frames, order):
    r = features.autocorrelation(frames, order)
    a, error, reflection = features.levinson_durbin(r)
    for t in range(len(r)):
        np.testing.assert_allclose(a[t, 1:], solve_toeplitz(r[t, :-1], -r[t, 1:]), rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(error, np.sum(a * r, axis=1), rtol=1e-10)
    np.testing.assert_array_equal(a[:, 0], 1)
    np.testing.assert_array_equal(a[:, -1], reflection[:, -1])
    np.testing.assert_allclose(error, r[:, 0] * np.prod(1 - reflection**2, axis=1), rtol=1e-10)


def test_the_error_is_the_energy_of_the_prediction_residual(frames):
    a, error, _ = features.levinson_durbin(features.autocorrelation(frames, 10))
    for x, filter_, left in zip(frames, a, error, strict=True):
        assert np.sum(np.convolve(x, filter_) ** 2) == pytest.approx(left, rel=1e-10)


def test_predictors_are_stable(frames):
    a, _, reflection = features.levinson_durbin(features.autocorrelation(frames, 20))
    assert (np.abs(reflection) < 1).all()
    assert max(np.abs(np.roots(filter_)).max() for filter_ in a) < 1


@pytest.mark.parametrize("process", PROCESSES.values(), ids=PROCESSES)
def test_coefficients_of_a_known_process_are_estimated(rng, process):
    """By both methods, within a few times the standard error, about 1 / sqrt(n)."""
    n = 200_000
    y = lfilter([1.0], process, rng.standard_normal(n))[None]
    order = len(process) - 1
    a, error, _ = features.levinson_durbin(features.autocorrelation(y, order))
    for found in (a, features.burg(y, order)):
        np.testing.assert_allclose(found[0], process, atol=5 / np.sqrt(n))
    assert error[0] / n == pytest.approx(1, abs=0.02)


def test_higher_coefficients_of_a_known_process_are_zero(rng):
    y = lfilter([1.0], [1.0, -1.6, 0.81], rng.standard_normal(200_000))[None]
    a = features.levinson_durbin(features.autocorrelation(y, 6))[0]
    np.testing.assert_allclose(a[0], [1, -1.6, 0.81, 0, 0, 0, 0], atol=0.012)


def test_a_formants_frequency_is_estimated(rng):
    """700 Hz, 80 Hz wide."""
    radius, angle = np.exp(-np.pi * 80 / 8000), 2 * np.pi * 700 / 8000
    y = lfilter([1.0], [1, -2 * radius * np.cos(angle), radius**2], rng.standard_normal(80_000))
    a = features.lpc(y, sr=8000, order=2, n_fft=4096, window="hamming")
    roots = np.array([np.roots(filter_)[0] for filter_ in a[10:-10]])
    assert np.abs(np.angle(roots)).mean() * 8000 / (2 * np.pi) == pytest.approx(700, abs=10)


def test_lpc_equals_levinson_durbin_on_windowed_frames(rng):
    y = rng.standard_normal(40_000)  # more frames than a block holds
    a = features.lpc(y, sr=8000, order=8, center=False, window="hamming", win_length=200, hop_length=80)
    frames = features.frame(y, frame_length=256, hop_length=80)[:, 28:228] * features.get_window("hamming", 200)
    expected = features.levinson_durbin(features.autocorrelation(frames, 8))[0]
    np.testing.assert_allclose(a, expected, rtol=1e-10, atol=1e-12)


def test_silence_and_pure_tones_give_finite_coefficients():
    """Where the prediction error is rounding only, in float32 too."""
    for y in (np.zeros(2000), np.ones(2000), np.sin(0.3 * np.arange(2000)), np.eye(1, 2000)[0]):
        for dtype in (np.float32, np.float64):
            a = features.lpc(y.astype(dtype), sr=8000, order=20)
            assert a.dtype == dtype
            assert np.isfinite(features.lpcc(y.astype(dtype), sr=8000, order=20)).all()
            assert np.abs(np.roots(a[len(a) // 2].astype(float))).max(initial=0) < 1 + 1e-4
    np.testing.assert_array_equal(features.lpc(np.zeros(800), sr=8000, order=3), np.tile([1.0, 0, 0, 0], (11, 1)))
    np.testing.assert_array_equal(features.burg(np.zeros((2, 50)), 3), np.tile([1.0, 0, 0, 0], (2, 1)))


@pytest.mark.parametrize("n_lpcc", [1, 5, 11, 30])
def test_the_cepstrum_equals_that_of_the_model_spectrum(frames, n_lpcc):
    """By the inverse Fourier transform of log(error / |A|^2)."""
    a, error, _ = features.levinson_durbin(features.autocorrelation(frames, 10))
    spectrum = error[:, None] / np.abs(np.fft.rfft(a, 8192, axis=1)) ** 2
    expected = np.fft.irfft(np.log(spectrum), axis=1)[:, :n_lpcc]
    np.testing.assert_allclose(features.lpc_to_cepstra(a, error, n_lpcc), expected, rtol=1e-9, atol=1e-10)


def test_lpcc_liftering_starts_at_coefficient_0(rng):
    y = rng.standard_normal(2000)
    ratio = features.lpcc(y, sr=8000, lifter=22) / features.lpcc(y, sr=8000)
    np.testing.assert_allclose(ratio, np.tile(1 + 11 * np.sin(np.pi * np.arange(13) / 22), (26, 1)))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: features.lpc(np.zeros(800), sr=8000, order=0), "order must be a positive integer, got 0"),
        (lambda: features.lpcc(np.zeros(800), sr=8000, order=200), "order must be less than win_length = 200, got 200"),
        (lambda: features.lpcc(np.zeros(800), sr=8000, n_lpcc=0), "n_lpcc must be a positive integer, got 0"),
        (lambda: features.burg(np.zeros((2, 10)), 10), "order must be less than the 10 samples of a frame, got 10"),
        (lambda: features.autocorrelation(np.zeros(10), 2), r"frames must be features of shape \(T, F\)"),
        (lambda: features.levinson_durbin(np.zeros(3)), r"r must be features of shape \(T, F\)"),
        (
            lambda: features.lpc_to_cepstra([[1.0, 0.5]], [1.0, 2.0]),
            r"error must have shape \(T,\) = \(1,\), got \(2,\)",
        ),
        (lambda: features.lpc_to_cepstra([[1.0]], [1.0], amin=0), "amin must be a number above 0, got 0"),
    ],
)
def test_wrong_arguments_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
