"""Features of speech: frames, spectra, cepstra, linear prediction, and what is done to them before and after.

Everything takes one channel of samples y (n,) and gives features with time first, (T, F): what `rnnbp` trains on.
librosa has (F, T). Parameters are named as librosa names them.
"""

from rnnbp.features.augmentation import add_noise, change_speed, perturb_speed, spec_augment
from rnnbp.features.base import Features
from rnnbp.features.cepstra import cepstra, mfcc
from rnnbp.features.classic import classic_fbank, classic_mfcc
from rnnbp.features.deltas import delta, with_deltas, with_regressions
from rnnbp.features.framing import Framing, frame, get_window
from rnnbp.features.htk import htk_fbank, htk_mfcc
from rnnbp.features.htk_pipeline import HTKMFCC
from rnnbp.features.linear_prediction import autocorrelation, burg, levinson_durbin, lpc
from rnnbp.features.mel import hz_to_mel, mel, mel_frequencies, mel_to_hz, warp_frequencies
from rnnbp.features.noise import speech_noise
from rnnbp.features.normalization import normalize_running, normalize_speakers, normalize_utterance
from rnnbp.features.pipelines import LPCC, MFCC, ClassicMFCC, LogMel
from rnnbp.features.prediction_cepstra import lpc_to_cepstra, lpcc
from rnnbp.features.resampling import resample
from rnnbp.features.signals import preemphasis
from rnnbp.features.spectra import log_mel, melspectrogram, power_to_db, spectrogram
from rnnbp.features.trimming import rms, trim
from rnnbp.features.variation import Variation, stretch

__all__ = [
    "HTKMFCC",
    "LPCC",
    "MFCC",
    "ClassicMFCC",
    "Features",
    "Framing",
    "LogMel",
    "Variation",
    "add_noise",
    "autocorrelation",
    "burg",
    "cepstra",
    "change_speed",
    "classic_fbank",
    "classic_mfcc",
    "delta",
    "frame",
    "get_window",
    "htk_fbank",
    "htk_mfcc",
    "hz_to_mel",
    "levinson_durbin",
    "log_mel",
    "lpc",
    "lpc_to_cepstra",
    "lpcc",
    "mel",
    "mel_frequencies",
    "mel_to_hz",
    "melspectrogram",
    "mfcc",
    "normalize_running",
    "normalize_speakers",
    "normalize_utterance",
    "perturb_speed",
    "power_to_db",
    "preemphasis",
    "resample",
    "rms",
    "spec_augment",
    "spectrogram",
    "speech_noise",
    "stretch",
    "trim",
    "warp_frequencies",
    "with_deltas",
    "with_regressions",
]
