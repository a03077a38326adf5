"""Every public argument of the features changes the result, or raises."""

import inspect
from dataclasses import fields
from typing import get_args

import numpy as np
import pytest

from rnnbp import features

RNG = np.random.default_rng(0)
Y = RNG.standard_normal(4000) * np.exp(-10 * (np.arange(4000) / 4000 - 0.5) ** 2)
X = RNG.standard_normal((30, 6))
S = RNG.random((30, 20)) + 1e-3
LPC = features.levinson_durbin(features.autocorrelation(X, 3))


def rng():
    return np.random.default_rng(3)


def pipeline(kind):
    return lambda **options: kind(**options)(Y)


def framed(**options):
    cut = features.Framing(**options)
    return cut.frames(Y) * cut.padded_window()


def varied(**options):
    variation = features.Variation(**({"noisy": 1.0} | options))
    return variation.features(Y, features.LogMel(sr=8000), 8000, rng())


CUT = {"n_fft": 300, "hop_length": 77, "win_length": 150, "window": "hamming", "center": False, "pad_mode": "edge"}
FILTERS = {"n_mels": 23, "fmin": 100.0, "fmax": 3500.0, "htk": True}
MEL = FILTERS | {"power": 1.0}
AFTER = {"coef": 0.5, "deltas": 1, "width": ({"deltas": 1}, 5), "normalize": "utterance"}
WHOLE_BINS = {"n_mels": 20, "n_fft": 300, "win_length": 150, "hop_length": 77, "fmin": 100.0, "fmax": 3500.0}
HTK = {"n_mels": 20, "win_length": 150, "hop_length": 77, "fmin": 100.0, "fmax": 3500.0, "coef": 0.5}
HTK |= {"power": 2.0, "zero_mean": True}
DB = {"ref": 0.5, "amin": 10.0, "top_db": 5.0}
MFCC = {"n_mfcc": 10, "dct_type": 3, "norm": None, "lifter": 22.0}

# name: what is called, its arguments, and for each another value, or more arguments without which it has no effect and
# then the value
CASES = {
    "LPCC": (
        pipeline(features.LPCC),
        {"sr": 8000},
        {**CUT, **AFTER, "sr": 16000, "order": 8, "n_lpcc": 9, "lifter": 5.0},
    ),
    "MFCC": (
        pipeline(features.MFCC),
        {"sr": 8000},
        {**CUT, **AFTER, **FILTERS, **MFCC, "sr": 16000, "mel_norm": None, "warp": 1.1, "top_db": 5.0},
    ),
    "LogMel": (
        pipeline(features.LogMel),
        {"sr": 8000},
        {**CUT, **AFTER, **FILTERS, "sr": 16000, "mel_norm": None, "warp": 1.1, "top_db": 5.0},
    ),
    "ClassicMFCC": (
        pipeline(features.ClassicMFCC),
        {"sr": 8000},
        {**WHOLE_BINS, **AFTER, "sr": 16000, "n_mfcc": 10, "window": "hamming", "lifter": 5.0, "energy": False},
    ),
    "HTKMFCC": (
        pipeline(features.HTKMFCC),
        {"sr": 8000},
        {**AFTER, **HTK, "width": ({"deltas": 1}, 9), "sr": 16000, "n_mfcc": 10, "lifter": 5.0}
        | {"c0": False, "energy": "raw"},
    ),
    "Framing": (framed, {"sr": 8000}, {**CUT, "sr": 16000}),
    "Variation": (
        varied,
        {},
        {"speed": 0.1, "warp": 0.2, "tempo": 0.1, "noisy": 0.0, "noises": ("white",), "snr": (0.0, 5.0), "masks": 5},
    ),
    "add_noise": (features.add_noise, {"y": Y, "snr": 10, "rng": rng}, {"snr": 5, "rng": 4, "noise": np.cos(Y)}),
    "autocorrelation": (features.autocorrelation, {"frames": X, "order": 3}, {"order": 2}),
    "burg": (features.burg, {"frames": X, "order": 3}, {"order": 2}),
    "cepstra": (features.cepstra, {"S": S}, MFCC),
    "change_speed": (features.change_speed, {"y": Y, "factor": 1.1}, {"factor": 1.2}),
    "classic_fbank": (
        features.classic_fbank,
        {"y": Y, "sr": 8000},
        {**WHOLE_BINS, "sr": 16000, "coef": 0.5, "window": "hamming"},
    ),
    "classic_mfcc": (
        features.classic_mfcc,
        {"y": Y, "sr": 8000},
        {**WHOLE_BINS, "sr": 16000, "coef": 0.5, "window": "hamming", "n_mfcc": 10, "lifter": 5.0, "energy": False},
    ),
    "delta": (
        features.delta,
        {"data": X},
        {"width": 5, "order": 2, "mode": "nearest", "cval": ({"mode": "constant"}, 1.0)},
    ),
    "frame": (features.frame, {"y": Y, "frame_length": 5, "hop_length": 2}, {"frame_length": 6, "hop_length": 3}),
    "get_window": (features.get_window, {"window": "hann", "win_length": 5}, {"window": "hamming", "win_length": 6}),
    "htk_fbank": (features.htk_fbank, {"y": Y, "sr": 8000}, {**HTK, "sr": 16000}),
    "htk_mfcc": (
        features.htk_mfcc,
        {"y": Y, "sr": 8000},
        {**HTK, "sr": 16000, "n_mfcc": 10, "lifter": 5.0, "c0": False, "energy": "raw"},
    ),
    "hz_to_mel": (features.hz_to_mel, {"frequencies": [2000.0]}, {"htk": True}),
    "levinson_durbin": (features.levinson_durbin, {"r": features.autocorrelation(X, 3)}, {}),
    "log_mel": (features.log_mel, {"y": Y, "sr": 8000}, {**CUT, **MEL, **DB, "sr": 16000, "norm": None}),
    "lpc": (features.lpc, {"y": Y, "sr": 8000}, {**CUT, "sr": 16000, "order": 8}),
    "lpc_to_cepstra": (
        features.lpc_to_cepstra,
        {"a": LPC[0], "error": LPC[1]},
        {"error": LPC[1] * 2, "n_lpcc": 9, "amin": 1e9},
    ),
    "lpcc": (features.lpcc, {"y": Y, "sr": 8000}, {**CUT, "sr": 16000, "order": 8, "n_lpcc": 9, "lifter": 5.0}),
    "mel": (
        features.mel,
        {"sr": 8000, "n_fft": 512},
        {
            "sr": 16000,
            "n_fft": 600,
            "n_mels": 23,
            "fmin": 100.0,
            "fmax": 3500.0,
            "htk": True,
            "norm": None,
            "warp": 1.1,
        },
    ),
    "mel_frequencies": (
        features.mel_frequencies,
        {"n_mels": 5, "fmin": 0.0, "fmax": 4000.0},
        {"n_mels": 6, "fmin": 100.0, "fmax": 3000.0, "htk": True},
    ),
    "mel_to_hz": (features.mel_to_hz, {"mels": [20.0]}, {"htk": True}),
    "melspectrogram": (features.melspectrogram, {"y": Y, "sr": 8000}, {**CUT, **MEL, "sr": 16000, "norm": None}),
    "mfcc": (features.mfcc, {"y": Y, "sr": 8000}, {**CUT, **MEL, **MFCC, "sr": 16000, "mel_norm": None}),
    "normalize_running": (features.normalize_running, {"x": X}, {"window": ({"min_window": 3}, 9), "min_window": 7}),
    "normalize_speakers": (
        features.normalize_speakers,
        {"sequences": [X, X[:5], X[5:]], "speakers": ["ann", "ann", "bob"]},
        {"speakers": ["ann", "bob", "bob"]},
    ),
    "normalize_utterance": (features.normalize_utterance, {"x": X}, {}),
    "perturb_speed": (features.perturb_speed, {"y": Y, "rng": rng}, {"rng": 1, "factors": (0.8,)}),
    "power_to_db": (features.power_to_db, {"S": S}, {"ref": 0.5, "amin": 0.1, "top_db": 5.0}),
    "preemphasis": (features.preemphasis, {"y": Y}, {"coef": 0.5, "zi": 1.0}),
    "resample": (
        features.resample,
        {"y": Y, "orig_sr": 8000, "target_sr": 6000, "res_type": "polyphase"},
        {"orig_sr": 9000, "target_sr": 5000, "res_type": "soxr_hq"},
    ),
    "rms": (features.rms, {"y": Y}, {"frame_length": 512, "hop_length": 100}),
    "spec_augment": (
        features.spec_augment,
        {"x": RNG.standard_normal((90, 40)), "rng": rng},
        {"rng": 5, "freq_masks": 1, "freq_width": 20, "time_masks": 1, "time_width": 5, "time_fraction": 0.05},
    ),
    "spectrogram": (features.spectrogram, {"y": Y, "sr": 8000}, {**CUT, "sr": 16000, "power": 1.0}),
    "speech_noise": (
        features.speech_noise,
        {"n": 8000, "sr": 8000, "rng": rng},
        {"n": 7000, "sr": 16000, "rng": 5, "modulation": 0.0},
    ),
    "stretch": (features.stretch, {"x": X, "factor": 1.1}, {"factor": 1.3}),
    "trim": (
        features.trim,
        {"y": Y, "top_db": 10.0},
        {"top_db": 5.0, "ref": 0.1, "frame_length": 512, "hop_length": 100},
    ),
    "warp_frequencies": (
        features.warp_frequencies,
        {"frequencies": [1000.0, 3000.0], "factor": 1.1, "sr": 8000},
        {"factor": 1.2, "sr": 16000},
    ),
    "with_deltas": (
        features.with_deltas,
        {"x": X, "deltas": 1},
        {"deltas": 2, "width": 5, "mode": "interp"},
    ),
    "with_regressions": (features.with_regressions, {"x": X, "deltas": 1}, {"deltas": 2, "width": 9}),
}
ALONE = {"y", "x", "S", "frames", "data", "r", "a", "frequencies", "mels", "sequences"}  # what a function is of
SAID = [(name, argument) for name, (_, _, others) in CASES.items() for argument in others]


def called(function, arguments):
    """Return the result of a call as a flat array, with new random generators."""
    made = {k: v() if callable(v) and k == "rng" else v for k, v in arguments.items()}
    result = function(**made)
    parts = result if isinstance(result, tuple | list) else [result]
    return [np.asarray(part) for part in parts]


def same(first, second):
    return len(first) == len(second) and all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize(("name", "argument"), SAID, ids=[f"{n}-{a}" for n, a in SAID])
def test_every_argument_changes_the_result(name, argument):
    function, given, others = CASES[name]
    if argument == "res_type":
        pytest.importorskip("soxr")
    other = others[argument]
    if isinstance(other, tuple) and other and isinstance(other[0], dict):
        given, other = given | other[0], other[1]
    if argument == "rng":
        other = np.random.default_rng(other)
    assert not same(called(function, given), called(function, given | {argument: other}))


def arguments_of(name):
    """Return all arguments of a public function or class, including those of its options."""
    taken = set()
    for parameter in inspect.signature(getattr(features, name)).parameters.values():
        if parameter.kind is parameter.VAR_KEYWORD:
            (options,) = get_args(parameter.annotation)
            taken |= set(options.__annotations__)
        else:
            taken.add(parameter.name)
    return taken


@pytest.mark.parametrize("name", sorted(set(features.__all__) - {"Features"}))
def test_the_table_has_every_argument(name):
    """`Features` has no features of its own; its arguments are those of its subclasses."""
    assert name in CASES
    assert arguments_of(name) - ALONE == set(CASES[name][2])


def test_the_arguments_of_the_base_are_those_of_its_subclasses():
    assert {f.name for f in fields(features.Features)} <= set(CASES["MFCC"][2])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: features.MFCC(sr=8000, width=5), "width has no effect where deltas is 0: leave it out; got 5"),
        (lambda: features.HTKMFCC(sr=8000, width=9), "width has no effect where deltas is 0: leave it out; got 9"),
        (lambda: features.with_deltas(X, 0, width=5), "width has no effect where deltas is 0"),
        (lambda: features.with_deltas(X, 0, mode="wrap"), "mode has no effect where deltas is 0"),
        (lambda: features.with_regressions(X, 0, width=9), "width has no effect where deltas is 0"),
        (lambda: features.delta(X, cval=1.0), "cval has no effect in mode 'interp', but in 'constant'"),
        (
            lambda: features.spectrogram(Y, sr=8000, center=False, pad_mode="edge"),
            "pad_mode has no effect where center is False and nothing is padded",
        ),
    ],
)
def test_an_argument_without_effect_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
