"""Checks of signals and features; pre-emphasis."""

import numpy as np
import pytest
from scipy.signal import lfilter

from rnnbp import features
from rnnbp.features.signals import checked_features, checked_signal

TAKE_A_SIGNAL = {
    "spectrogram": lambda y: features.spectrogram(y, sr=8000),
    "log_mel": lambda y: features.log_mel(y, sr=8000),
    "mfcc": lambda y: features.mfcc(y, sr=8000),
    "classic_mfcc": lambda y: features.classic_mfcc(y, sr=8000),
    "lpc": lambda y: features.lpc(y, sr=8000),
    "lpcc": lambda y: features.lpcc(y, sr=8000),
    "MFCC": features.MFCC(sr=8000),
    "ClassicMFCC": features.ClassicMFCC(sr=8000),
    "htk_mfcc": lambda y: features.htk_mfcc(y, sr=8000),
    "HTKMFCC": features.HTKMFCC(sr=8000),
    "frame": lambda y: features.frame(y, frame_length=2, hop_length=1),
    "preemphasis": features.preemphasis,
    "rms": features.rms,
    "trim": features.trim,
    "resample": lambda y: features.resample(y, orig_sr=8000, target_sr=4000),
    "add_noise": lambda y: features.add_noise(y, snr=10, rng=np.random.default_rng(0)),
    "change_speed": lambda y: features.change_speed(y, 1.1),
}
BAD_SIGNALS = {
    "empty": (np.zeros(0), "y must have at least one sample, got none"),
    "stereo": (np.zeros((100, 2)), r"y must be one channel of shape \(n,\), got shape \(100, 2\): choose a channel"),
    "one number": (3.0, r"y must be one channel of shape \(n,\), got shape \(\)"),
    "three axes": (np.zeros((100, 1, 1)), r"got shape \(100, 1, 1\)"),
    "NaN": (np.where(np.arange(1000) == 7, np.nan, 0), "y must be finite, but sample 7 is nan"),
    "infinity": (np.where(np.arange(1000) == 5, -np.inf, 0), "y must be finite, but sample 5 is -inf"),
    "integers": (np.zeros(1000, np.int16), "y must be samples in a float dtype, got int16; 16-bit samples are divided"),
    "complex numbers": (np.zeros(1000, complex), "y must be samples in a float dtype, got complex128"),
    "text": (["a"], "y must be samples in a float dtype, got <U1"),
}


@pytest.mark.parametrize("function", TAKE_A_SIGNAL.values(), ids=TAKE_A_SIGNAL)
@pytest.mark.parametrize(("y", "message"), BAD_SIGNALS.values(), ids=BAD_SIGNALS)
def test_invalid_signals_are_refused(function, y, message):
    with pytest.raises(ValueError, match=message):
        function(y)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.zeros(3), r"x must be features of shape \(T, F\), neither of them 0, got shape \(3,\)"),
        (np.zeros((0, 3)), r"got shape \(0, 3\)"),
        (np.zeros((3, 3), int), "x must be numbers in a float dtype, got int64"),
        ([[0.0, 1.0], [np.nan, 1.0]], "x must be finite, but feature 0 of frame 1 is nan"),
    ],
)
@pytest.mark.parametrize(
    "function",
    [
        checked_features,
        features.normalize_utterance,
        features.normalize_running,
        lambda x: features.with_deltas(x, 1),
        lambda x: features.spec_augment(x, rng=np.random.default_rng(0)),
    ],
)
def test_invalid_features_are_refused(function, x, message):
    with pytest.raises(ValueError, match=message):
        function(x)


@pytest.mark.parametrize("function", TAKE_A_SIGNAL.values(), ids=TAKE_A_SIGNAL)
def test_columns_and_strided_arrays_are_taken(function, rng):
    """Columns (n, 1) of a dataset, and one channel of several."""
    y = rng.standard_normal(1000)
    expected = function(y)
    wide = np.zeros((1000, 2))
    wide[:, 1] = y
    for same in (y[:, None], wide[:, 1], wide[:, 1:], list(y)):
        for a, b in zip(function(same), expected, strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("function", TAKE_A_SIGNAL.values(), ids=TAKE_A_SIGNAL)
def test_signals_are_not_changed(function, rng):
    y = rng.standard_normal(1000)
    before = y.copy()
    y.flags.writeable = False
    function(y)
    np.testing.assert_array_equal(y, before)


@pytest.mark.parametrize(
    ("given", "kept"),
    [("float16", "float32"), ("float32", "float32"), ("float64", "float64"), ("longdouble", "float64")],
)
def test_float32_is_preserved_and_other_floats_become_float64(given, kept):
    assert checked_signal(np.zeros(3, given)).dtype == kept
    assert checked_features(np.zeros((3, 2), given)).dtype == kept


def test_preemphasis_equals_the_fir_filter(rng):
    y = rng.standard_normal(50)
    np.testing.assert_allclose(features.preemphasis(y, coef=0.9), lfilter([1, -0.9], [1], y), rtol=1e-14, atol=1e-15)
    halves = features.preemphasis(y[:20]), features.preemphasis(y[20:], zi=-0.97 * y[19])
    np.testing.assert_allclose(np.concatenate(halves), features.preemphasis(y), rtol=1e-14, atol=1e-15)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"coef": 1.1}, "coef must be a number between 0 and 1, got 1.1"),
        ({"zi": np.nan}, "zi must be a number that is finite, got nan"),
    ],
)
def test_preemphasis_refuses_wrong_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        features.preemphasis([1.0, 2.0], **arguments)
