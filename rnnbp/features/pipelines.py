"""Feature extractors: log-mel spectra and cepstra."""

from dataclasses import dataclass

import numpy as np

from rnnbp.features.base import Features
from rnnbp.features.cepstrum import cepstra
from rnnbp.features.classic import classic_lengths, classic_mfcc
from rnnbp.features.framing import Framing, WindowName
from rnnbp.features.mel_scale import mel
from rnnbp.features.prediction_cepstra import lpc_cepstra
from rnnbp.features.spectra import power_to_db, spectra
from rnnbp.runtime import choice

Array = np.ndarray


@dataclass(frozen=True, kw_only=True)
class LogMel(Features, Framing):
    """Extractor of log-mel spectra in decibels: `log_mel`, with derivatives and normalisation.

    Parameters
    ----------
    sr, n_fft, hop_length, win_length, window, center, pad_mode
        See `Framing`.
    coef, deltas, width, normalize
        See `Features`.
    n_mels, fmin, fmax, htk, mel_norm, warp
        The filters; see `mel`, where `mel_norm` is called `norm`.
    top_db : float or None, default 80
        See `power_to_db`.

    Raises
    ------
    ValueError
        See `Features`.

    Examples
    --------
    >>> features = LogMel(sr=8000, n_mels=26, normalize="utterance")
    >>> features
    LogMel(sr=8000, n_fft=256, hop_length=80, win_length=200, window='hann', center=True, pad_mode='constant',
           coef=0.0, deltas=0, width=9, normalize='utterance', n_mels=26, fmin=0.0, fmax=4000.0, htk=False,
           mel_norm='slaney', warp=1.0, top_db=80.0)
    >>> features(np.sin(np.arange(8000.0))).shape
    (101, 26)
    """

    n_mels: int = 40
    fmin: float = 0.0
    fmax: float = None  # type: ignore[assignment]  # set in __post_init__
    htk: bool = False
    mel_norm: str | None = "slaney"
    warp: float = 1.0
    top_db: float | None = 80.0

    def __post_init__(self) -> None:
        Framing.__post_init__(self)
        Features.__post_init__(self)
        if self.mel_norm is not None:
            choice("mel_norm", self.mel_norm, ["slaney"])
        if self.fmax is None:
            object.__setattr__(self, "fmax", self.sr / 2)
        self.static(np.zeros(self.n_fft))  # inconsistent settings raise now, not at the first recording

    @property
    def static_size(self) -> int:
        """Number of static features, `n_mels`."""
        return self.n_mels

    def static(self, y: Array) -> Array:
        """Compute the log-mel spectra (T, n_mels) of a signal (n,)."""
        filters = mel(
            sr=self.sr,
            n_fft=self.n_fft,
            n_mels=self.n_mels,
            fmin=self.fmin,
            fmax=self.fmax,
            htk=self.htk,
            norm=self.mel_norm,
            warp=self.warp,
        )
        return power_to_db(spectra(y, self, filters=filters), top_db=self.top_db)


@dataclass(frozen=True, kw_only=True)
class MFCC(LogMel):
    """Extractor of mel-frequency cepstral coefficients: `mfcc`, with derivatives and normalisation.

    Parameters
    ----------
    sr, n_fft, hop_length, win_length, window, center, pad_mode
        See `Framing`.
    coef, deltas, width, normalize
        See `Features`.
    n_mels, fmin, fmax, htk, mel_norm, warp, top_db
        See `LogMel`.
    n_mfcc, dct_type, norm, lifter
        The cosine transform and what follows; see `cepstra`.

    Raises
    ------
    ValueError
        See `Features`.

    See Also
    --------
    HTKMFCC : as HTK computes them.
    ClassicMFCC : as python_speech_features does, with energy.

    Examples
    --------
    >>> from rnnbp.data.dataset import SequenceDataset
    >>> features = MFCC(sr=8000, n_mfcc=13, n_fft=256, hop_length=80, deltas=2, normalize="utterance")
    >>> recordings = SequenceDataset([np.sin(np.arange(n))[:, None] for n in (4000.0, 8000.0)])
    >>> recordings.map(features)
    SequenceDataset: 2 sequences of 51 to 101 steps, 39 features; no targets
    """

    n_mfcc: int = 13
    dct_type: int = 2
    norm: str | None = "ortho"
    lifter: float = 0.0

    @property
    def static_size(self) -> int:
        """Number of static features, `n_mfcc`."""
        return self.n_mfcc

    def static(self, y: Array) -> Array:
        """Compute the cepstra (T, n_mfcc) of a signal (n,)."""
        S = super().static(y)
        return cepstra(S, n_mfcc=self.n_mfcc, dct_type=self.dct_type, norm=self.norm, lifter=self.lifter)


@dataclass(frozen=True, kw_only=True)
class LPCC(Features, Framing):
    """Extractor of linear prediction cepstra: `lpcc`, with derivatives and normalisation.

    Parameters
    ----------
    sr, n_fft, hop_length, win_length, window, center, pad_mode
        See `Framing`.
    coef, deltas, width, normalize
        See `Features`.
    order, n_lpcc, lifter
        See `lpcc`.

    Raises
    ------
    ValueError
        See `Features`.

    Examples
    --------
    >>> LPCC(sr=8000, order=10, n_lpcc=12, coef=0.97, deltas=1)(np.sin(np.arange(8000.0))).shape
    (101, 24)
    """

    order: int = 12
    n_lpcc: int = 13
    lifter: float = 0.0

    def __post_init__(self) -> None:
        Framing.__post_init__(self)
        Features.__post_init__(self)
        self.static(np.zeros(self.n_fft))

    @property
    def static_size(self) -> int:
        """Number of static features, `n_lpcc`."""
        return self.n_lpcc

    def static(self, y: Array) -> Array:
        """Compute the cepstra (T, n_lpcc) of a signal (n,)."""
        return lpc_cepstra(y, self, self.order, self.n_lpcc, self.lifter)


@dataclass(frozen=True, kw_only=True)
class ClassicMFCC(Features):
    """Extractor of python_speech_features' cepstra and log energy: `classic_mfcc`, with derivatives and normalisation.

    Parameters
    ----------
    sr, n_mels, n_fft, win_length, hop_length, fmin, fmax, window
        See `classic_fbank`.
    n_mfcc, lifter, energy
        See `classic_mfcc`.
    coef, deltas, width, normalize
        See `Features`; `coef` is 0.97 by default.

    Raises
    ------
    ValueError
        See `Features`.

    Examples
    --------
    >>> features = ClassicMFCC(sr=8000, n_fft=256, window="hamming", deltas=2, width=5, normalize="utterance")
    >>> features(np.sin(np.arange(8000.0))).shape, features.feature_size, features.hop_length
    ((99, 39), 39, 80)
    """

    sr: float
    coef: float = 0.97
    n_mfcc: int = 13
    n_mels: int = 26
    n_fft: int = 512
    win_length: int = None  # type: ignore[assignment]  # set in __post_init__
    hop_length: int = None  # type: ignore[assignment]
    fmin: float = 0.0
    fmax: float = None  # type: ignore[assignment]
    window: WindowName = "boxcar"
    lifter: float = 22.0
    energy: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        self.static(np.zeros(1))
        win_length, hop_length = classic_lengths(self.sr, self.win_length, self.hop_length)
        fmax = self.sr / 2 if self.fmax is None else self.fmax
        for name, value in (("win_length", win_length), ("hop_length", hop_length), ("fmax", fmax)):
            object.__setattr__(self, name, value)

    @property
    def static_size(self) -> int:
        """Number of static features, `n_mfcc`."""
        return self.n_mfcc

    def static(self, y: Array) -> Array:
        """Compute the cepstra (T, n_mfcc) of a pre-emphasised signal (n,)."""
        return classic_mfcc(
            y,
            sr=self.sr,
            n_mfcc=self.n_mfcc,
            lifter=self.lifter,
            energy=self.energy,
            n_mels=self.n_mels,
            n_fft=self.n_fft,
            win_length=self.win_length,
            hop_length=self.hop_length,
            fmin=self.fmin,
            fmax=self.fmax,
            coef=0.0,
            window=self.window,
        )
