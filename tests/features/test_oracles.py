"""The same numbers as librosa and python_speech_features under the same settings, in float64 to 1e-9 of the largest."""

import numpy as np
import pytest
from scipy.signal import get_window

from rnnbp import features

pytestmark = pytest.mark.oracles

SR = 8000
FRAMINGS = {
    "centred": {"n_fft": 256, "hop_length": 80},
    "reflected": {"n_fft": 256, "hop_length": 80, "win_length": 200, "window": "hamming", "pad_mode": "reflect"},
    "not centred": {"n_fft": 512, "hop_length": 100, "win_length": 200, "center": False},
    "odd": {"n_fft": 255, "hop_length": 77, "win_length": 201, "pad_mode": "edge"},
    "odd, not centred": {"n_fft": 257, "hop_length": 93, "win_length": 130, "center": False, "window": ("kaiser", 4.0)},
    "sparse": {"n_fft": 128, "hop_length": 300, "window": "blackman"},
}
BANKS = {
    "Slaney": {"n_mels": 40},
    "Slaney, height 1": {"n_mels": 26, "norm": None, "fmin": 60.0, "fmax": 3700.0},
    "HTK": {"n_mels": 20, "htk": True},
    "HTK, height 1": {"n_mels": 23, "htk": True, "norm": None, "fmin": 133.3},
}

framings = pytest.mark.parametrize("framing", FRAMINGS.values(), ids=FRAMINGS)
banks = pytest.mark.parametrize("bank", BANKS.values(), ids=BANKS)


@pytest.fixture
def librosa():
    return pytest.importorskip("librosa")


@pytest.fixture
def psf():
    return pytest.importorskip("python_speech_features")


@pytest.fixture
def y(rng) -> np.ndarray:
    """A tone in noise that rises and falls, so that frames differ by 60 dB."""
    t = np.arange(9011) / SR
    return (np.sin(2 * np.pi * 700 * t) + 0.3 * rng.standard_normal(len(t))) * np.exp(-30 * (t - 0.5) ** 2)


def assert_same(ours: np.ndarray, theirs: np.ndarray, rtol: float = 1e-9) -> None:
    """Assert that the largest difference is at most `rtol` of the largest value."""
    assert ours.shape == theirs.shape
    assert np.abs(ours - theirs).max() <= rtol * np.abs(theirs).max()


# ---- librosa ------------------------------------------------------------------------------------


@framings
@pytest.mark.parametrize("power", [1.0, 2.0, 0.6])
def test_spectrogram_is_librosas(librosa, y, framing, power):
    assert_same(features.spectrogram(y, sr=SR, power=power, **framing), (np.abs(librosa.stft(y, **framing)) ** power).T)


@pytest.mark.parametrize("htk", [True, False])
def test_mel_scale_is_librosas(librosa, htk):
    f = np.linspace(0, 8000, 321)
    assert_same(features.hz_to_mel(f, htk=htk), librosa.hz_to_mel(f, htk=htk))
    assert_same(features.mel_to_hz(f / 100, htk=htk), librosa.mel_to_hz(f / 100, htk=htk))
    assert_same(
        features.mel_frequencies(30, fmin=50, fmax=7000, htk=htk),
        librosa.mel_frequencies(30, fmin=50, fmax=7000, htk=htk),
    )


@banks
@pytest.mark.parametrize("n_fft", [256, 401])
def test_filters_are_librosas(librosa, bank, n_fft):
    assert_same(
        features.mel(sr=SR, n_fft=n_fft, **bank), librosa.filters.mel(sr=SR, n_fft=n_fft, dtype=np.float64, **bank)
    )


@framings
def test_melspectrogram_is_librosas(librosa, y, framing):
    bank = {"n_mels": 15, "htk": True, "norm": None, "fmin": 80.0}
    theirs = librosa.feature.melspectrogram(y=y, sr=SR, dtype=np.float64, power=1.5, **bank, **framing)
    assert_same(features.melspectrogram(y, sr=SR, power=1.5, **bank, **framing), theirs.T)


@pytest.mark.parametrize(
    "settings", [{}, {"ref": np.max}, {"ref": 0.5, "top_db": None}, {"amin": 1e-3, "top_db": 15.0}]
)
def test_power_to_db_and_log_mel_are_librosas(librosa, y, settings):
    S = librosa.feature.melspectrogram(y=y, sr=SR, n_fft=256, hop_length=80, n_mels=30, dtype=np.float64)
    theirs = librosa.power_to_db(S, **settings).T
    assert_same(features.power_to_db(S.T, **settings), theirs)
    assert_same(features.log_mel(y, sr=SR, n_fft=256, hop_length=80, n_mels=30, **settings), theirs)


@banks
@pytest.mark.parametrize("cosine", [{}, {"lifter": 22}, {"dct_type": 3, "norm": None}, {"dct_type": 1}])
def test_mfcc_is_librosas(librosa, y, bank, cosine):
    bank = {**bank, "mel_norm": bank.get("norm", "slaney"), "norm": "ortho", "n_fft": 256, "hop_length": 80}
    settings = {**bank, **cosine, "n_mfcc": 13}
    theirs = librosa.feature.mfcc(y=y, sr=SR, dtype=np.float64, **settings)
    assert_same(features.mfcc(y, sr=SR, **settings), theirs.T)


@framings
def test_mfcc_is_librosas_for_every_framing(librosa, y, framing):
    theirs = librosa.feature.mfcc(y=y, sr=SR, n_mfcc=20, n_mels=20, htk=True, dtype=np.float64, **framing)
    assert_same(features.mfcc(y, sr=SR, n_mfcc=20, n_mels=20, htk=True, **framing), theirs.T)


def test_mfcc_is_librosas_in_float32(librosa, y):
    y = y.astype(np.float32)
    ours = features.mfcc(y, sr=SR, n_fft=256, hop_length=80)
    assert ours.dtype == np.float32
    assert_same(ours, librosa.feature.mfcc(y=y, sr=SR, n_fft=256, hop_length=80, n_mels=40, n_mfcc=13).T, rtol=1e-5)


@pytest.mark.parametrize("mode", ["interp", "nearest", "mirror", "constant", "wrap"])
@pytest.mark.parametrize(("width", "order"), [(9, 1), (9, 2), (3, 1), (7, 3)])
def test_delta_is_librosas(librosa, rng, mode, width, order):
    x = rng.standard_normal((23, 5))
    beyond = {"cval": 0.7} if mode == "constant" else {}
    theirs = librosa.feature.delta(x.T, width=width, order=order, mode=mode, **beyond).T
    assert_same(features.delta(x, width=width, order=order, mode=mode, **beyond), theirs)


def test_delta_of_a_short_utterance_is_librosas(librosa, rng):
    x = rng.standard_normal((2, 5))
    assert_same(features.delta(x, mode="nearest"), librosa.feature.delta(x.T, mode="nearest").T)


@pytest.mark.parametrize("order", [1, 2, 12, 40])
def test_burg_is_librosas_lpc(librosa, y, order):
    frames = y[: 30 * 200].reshape(30, 200)
    assert_same(features.burg(frames, order), librosa.lpc(frames, order=order, axis=-1))


@pytest.mark.parametrize("res_type", ["soxr_hq", "soxr_vhq", "soxr_mq", "soxr_lq", "soxr_qq", "polyphase"])
@pytest.mark.parametrize("target_sr", [4000, 11025, 16000])
def test_resample_is_librosas(librosa, y, res_type, target_sr):
    pytest.importorskip("soxr")
    theirs = librosa.resample(y, orig_sr=SR, target_sr=target_sr, res_type=res_type)
    assert_same(features.resample(y, orig_sr=SR, target_sr=target_sr, res_type=res_type), theirs)


def test_default_resampling_is_librosas(librosa, y):
    pytest.importorskip("soxr")
    assert_same(features.resample(y, orig_sr=SR, target_sr=6000), librosa.resample(y, orig_sr=SR, target_sr=6000))


@pytest.mark.parametrize(("frame_length", "hop_length"), [(2048, 512), (401, 77)])
def test_rms_is_librosas(librosa, y, frame_length, hop_length):
    theirs = librosa.feature.rms(y=y, frame_length=frame_length, hop_length=hop_length, dtype=np.float64)
    assert_same(features.rms(y, frame_length=frame_length, hop_length=hop_length), theirs[0])


@pytest.mark.parametrize(
    "settings",
    [{}, {"top_db": 10}, {"top_db": 25, "ref": 0.3}, {"top_db": 1, "ref": 100.0}, {"top_db": 30, "ref": np.median}],
)
@pytest.mark.parametrize("sizes", [{}, {"frame_length": 301, "hop_length": 75}], ids=["default", "short frames"])
def test_trim_is_librosas(librosa, y, settings, sizes):
    trimmed, index = features.trim(y, **settings, **sizes)
    theirs, places = librosa.effects.trim(y, **settings, **sizes)
    assert index.tolist() == places.tolist()
    np.testing.assert_array_equal(trimmed, theirs)


def test_trim_of_silence_is_librosas(librosa):
    assert features.trim(np.zeros(3000))[1].tolist() == librosa.effects.trim(np.zeros(3000))[1].tolist()


@pytest.mark.parametrize("coef", [0.0, 0.5, 0.97])
def test_preemphasis_is_librosas(librosa, y, coef):
    assert_same(features.preemphasis(y, coef=coef, zi=0.2), librosa.effects.preemphasis(y, coef=coef, zi=[0.2]))
    theirs = librosa.effects.preemphasis(y, coef=coef)
    assert_same(features.preemphasis(y, coef=coef, zi=2 * y[0] - y[1]), theirs)


def test_frame_is_librosas(librosa, y):
    theirs = librosa.util.frame(y, frame_length=201, hop_length=77, axis=0)
    np.testing.assert_array_equal(features.frame(y, frame_length=201, hop_length=77), theirs)


def test_the_features_of_an_extractor_are_librosas(librosa, y):
    ours = features.MFCC(
        sr=SR, n_fft=256, hop_length=80, n_mels=26, lifter=22, coef=0.97, deltas=2, normalize="utterance"
    )(y)
    raised = librosa.effects.preemphasis(y, zi=[0.0])
    c = librosa.feature.mfcc(
        y=raised, sr=SR, n_fft=256, hop_length=80, n_mels=26, lifter=22, n_mfcc=13, dtype=np.float64
    )
    x = np.vstack([c, *(librosa.feature.delta(c, order=n, mode="nearest") for n in (1, 2))]).T
    assert_same(ours, (x - x.mean(axis=0)) / x.std(axis=0))


# ---- python_speech_features ---------------------------------------------------------------------

CLASSIC = {
    "default": ({}, {}),
    "26 ms, 7 ms": ({"win_length": 208, "hop_length": 56}, {"winlen": 0.026, "winstep": 0.007}),
    "short transform": ({"n_fft": 256}, {"nfft": 256}),
    "odd transform": ({"n_fft": 401, "n_mels": 20}, {"nfft": 401, "nfilt": 20}),
    "a band": ({"fmin": 133.0, "fmax": 3600.0}, {"lowfreq": 133.0, "highfreq": 3600.0}),
    "no pre-emphasis": ({"coef": 0.0}, {"preemph": 0.0}),
    "Hamming": ({"window": "hamming"}, {"winfunc": lambda n: get_window("hamming", n)}),
}
classics = pytest.mark.parametrize(("ours", "theirs"), CLASSIC.values(), ids=CLASSIC)


@classics
def test_classic_fbank_is_that_of_python_speech_features(psf, y, ours, theirs):
    for mine, other in zip(features.classic_fbank(y, sr=SR, **ours), psf.fbank(y, SR, **theirs), strict=True):
        assert_same(mine, other)


@classics
@pytest.mark.parametrize("lifter", [0, 22])
@pytest.mark.parametrize("energy", [True, False])
def test_classic_mfcc_is_that_of_python_speech_features(psf, y, ours, theirs, lifter, energy):
    mine = features.classic_mfcc(y, sr=SR, lifter=lifter, energy=energy, **ours)
    assert_same(mine, psf.mfcc(y, SR, ceplifter=lifter, appendEnergy=energy, **theirs))


@pytest.mark.parametrize("n", [1, 199, 200, 201, 280, 281])
def test_classic_mfcc_of_any_length_is_that_of_python_speech_features(psf, y, n):
    assert_same(features.classic_mfcc(y[2000 : 2000 + n], sr=SR), psf.mfcc(y[2000 : 2000 + n], SR))


def test_classic_mfcc_of_silence_is_that_of_python_speech_features(psf):
    assert_same(features.classic_mfcc(np.zeros(500), sr=SR), psf.mfcc(np.zeros(500), SR))


@pytest.mark.parametrize("sr", [11025, 16000, 22050])
def test_classic_mfcc_at_any_rate_is_that_of_python_speech_features(psf, y, sr):
    assert_same(features.classic_mfcc(y, sr=sr, n_fft=1024), psf.mfcc(y, sr, nfft=1024))


@pytest.mark.parametrize("N", [1, 2, 4])
def test_deltas_are_those_of_python_speech_features(psf, rng, N):
    x = rng.standard_normal((20, 13))
    assert_same(features.delta(x, width=2 * N + 1, mode="nearest"), psf.delta(x, N))


def test_preemphasis_is_that_of_python_speech_features(psf, y):
    assert_same(features.preemphasis(y), psf.sigproc.preemphasis(y, 0.97))


def test_classic_mfcc_with_deltas_is_that_of_python_speech_features(psf, y):
    ours = features.ClassicMFCC(sr=SR, deltas=1, width=5)(y)
    theirs = psf.mfcc(y, SR)
    assert_same(ours, np.hstack([theirs, psf.delta(theirs, 2)]))
