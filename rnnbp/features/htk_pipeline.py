"""Feature extractor of HTK's cepstra."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from rnnbp.features.base import Features
from rnnbp.features.deltas import with_regressions
from rnnbp.features.htk import htk_lengths, htk_mfcc
from rnnbp.features.signals import checked_signal
from rnnbp.runtime import number

Array = np.ndarray


@dataclass(frozen=True, kw_only=True)
class HTKMFCC(Features):
    """Extractor of HTK's cepstra: `htk_mfcc`, with deltas of deltas and normalisation.

    Parameters
    ----------
    sr, n_mels, win_length, hop_length, fmin, fmax, power, zero_mean
        See `htk_fbank`.
    n_mfcc, lifter, c0, energy
        See `htk_mfcc`.
    coef : float, default 0.97
        Coefficient of the pre-emphasis within each frame; see `htk_fbank`.
    deltas, width : int, default 0 and 5
        See `with_regressions`.
    normalize
        See `Features`.

    Raises
    ------
    ValueError
        See `Features`.

    Examples
    --------
    >>> features = HTKMFCC(sr=8000, deltas=2)  # MFCC_0_D_A
    >>> features(np.sin(np.arange(8000.0))).shape, features.feature_size, features.hop_length
    ((98, 39), 39, 80)
    """

    sr: float
    coef: float = 0.97
    width: int = 5
    n_mfcc: int = 12
    n_mels: int = 26
    win_length: int = None  # type: ignore[assignment]  # set in __post_init__
    hop_length: int = None  # type: ignore[assignment]
    fmin: float = 0.0
    fmax: float = None  # type: ignore[assignment]
    power: float = 1.0
    zero_mean: bool = False
    lifter: float = 22.0
    c0: bool = True
    energy: str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        win_length, hop_length = htk_lengths(number("sr", self.sr, 0, open_low=True), self.win_length, self.hop_length)
        fmax = self.sr / 2 if self.fmax is None else self.fmax
        for name, value in (("win_length", win_length), ("hop_length", hop_length), ("fmax", fmax)):
            object.__setattr__(self, name, value)
        self.static(np.zeros(win_length))

    @property
    def static_size(self) -> int:
        """Number of static features: `n_mfcc`, and one each for coefficient 0 and energy."""
        return self.n_mfcc + self.c0 + (self.energy is not None)

    def emphasized(self, y: ArrayLike) -> Array:
        """Return the signal (n,) unchanged: pre-emphasis is applied to each frame."""
        return checked_signal(y)

    def with_derivatives(self, x: Array) -> Array:
        """Append deltas, deltas of deltas, and so on."""
        return with_regressions(x, self.deltas, width=self.width)

    def static(self, y: Array) -> Array:
        """Compute the cepstra (T, static_size) of a signal (n,)."""
        return htk_mfcc(
            y,
            sr=self.sr,
            n_mfcc=self.n_mfcc,
            lifter=self.lifter,
            c0=self.c0,
            energy=self.energy,
            n_mels=self.n_mels,
            win_length=self.win_length,
            hop_length=self.hop_length,
            fmin=self.fmin,
            fmax=self.fmax,
            coef=self.coef,
            power=self.power,
            zero_mean=self.zero_mean,
        )
