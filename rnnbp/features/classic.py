"""Filter banks and cepstra numerically equal to python_speech_features', which follows HTK; `htk` has HTK's own.

Differences from `melspectrogram` and `mfcc`: pre-emphasis is included; frames are not centred and the last one is
padded with zeros; HTK's mel scale, with filters of height 1 that begin and end at bins of the transform; natural
logarithms; liftering from coefficient 0; and the log energy of the frame in place of coefficient 0.
"""

from functools import lru_cache
from typing import TypedDict, Unpack

import numpy as np
from numpy.typing import ArrayLike

from rnnbp.features.cepstrum import cepstra, lifter_weights
from rnnbp.features.framing import WindowName, frame, get_window
from rnnbp.features.mel_scale import checked_band, checked_filters, mel_frequencies
from rnnbp.features.signals import preemphasis
from rnnbp.features.spectra import frame_spectra
from rnnbp.runtime import flag, positive_int

Array = np.ndarray


class ClassicOptions(TypedDict, total=False):
    """Keyword arguments of `classic_fbank` other than `sr`."""

    n_mels: int
    n_fft: int
    win_length: int | None
    hop_length: int | None
    fmin: float
    fmax: float | None
    coef: float
    window: WindowName


def classic_fbank(
    y: ArrayLike,
    *,
    sr: float,
    n_mels: int = 26,
    n_fft: int = 512,
    win_length: int | None = None,
    hop_length: int | None = None,
    fmin: float = 0.0,
    fmax: float | None = None,
    coef: float = 0.97,
    window: WindowName = "boxcar",
) -> tuple[Array, Array]:
    """Compute energies of mel filters with corners at whole bins, and the energy of each frame after pre-emphasis.

    Parameters
    ----------
    y : array_like (n,)
    sr : float
        Samples a second, in Hz.
    n_mels : int, default 26
    n_fft : int, default 512
        Points of the Fourier transform, at least `win_length`.
    win_length, hop_length : int, optional
        Samples a frame, and between frame starts. Default: 25 ms and 10 ms.
    fmin, fmax : float, default 0 and sr / 2
        Lower edge of the first filter and upper edge of the last one, in Hz.
    coef : float, default 0.97
        See `preemphasis`.
    window : str, float or tuple, default 'boxcar'
        See `get_window`.

    Returns
    -------
    fbank : ndarray (T, n_mels)
        T = 1 + ceil((n - win_length) / hop_length), or 1 if `y` is shorter than a frame.
    energy : ndarray (T,)
        Sums of the power spectra. In both, an energy of exactly 0 is replaced by the machine epsilon.

    Raises
    ------
    ValueError
        If `y` is not a signal, or an argument is out of its range.

    See Also
    --------
    rnnbp.features.htk_fbank : HTK's own.

    References
    ----------
    J. Lyons (2013-2020), python_speech_features 0.6, MIT licence, whose numbers these are.

    Examples
    --------
    >>> fbank, energy = classic_fbank(np.sin(np.arange(8000.0)), sr=8000)
    >>> fbank.shape, energy.shape
    ((99, 26), (99,))
    """
    band = checked_band(sr, fmin, fmax)
    length, hop = classic_lengths(sr, win_length, hop_length)
    if positive_int("n_fft", n_fft) < length:
        raise ValueError(f"n_fft must be at least win_length = {length}, got {n_fft}")
    filters = _whole_bin_filters(*band, n_fft, positive_int("n_mels", n_mels))
    signal = _filled(preemphasis(y, coef=coef), length, hop)
    frames = frame(signal, frame_length=length, hop_length=hop)
    with_sum = np.vstack([filters, np.ones(filters.shape[1])])
    energies = frame_spectra(frames, get_window(window, length).astype(signal.dtype), n_fft, filters=with_sum) / n_fft
    energies[energies == 0] = np.finfo(np.float64).eps
    return energies[:, :-1], energies[:, -1]


def classic_mfcc(
    y: ArrayLike,
    *,
    sr: float,
    n_mfcc: int = 13,
    lifter: float = 22.0,
    energy: bool = True,
    **options: Unpack[ClassicOptions],
) -> Array:
    """Compute mel-frequency cepstral coefficients with liftering and the log energy of each frame.

    Parameters
    ----------
    y : array_like (n,)
    sr : float
        Samples a second, in Hz.
    n_mfcc : int, default 13
    lifter : float, default 22
        Coefficient n, from 0, is multiplied by ``1 + lifter / 2 * sin(pi n / lifter)``; 0: no liftering.
    energy : bool, default True
        Whether the logarithm of the frame's energy replaces coefficient 0.
    **options
        See `classic_fbank`.

    Returns
    -------
    ndarray (T, n_mfcc)

    Raises
    ------
    ValueError
        If `y` is not a signal, or an argument is out of its range.

    See Also
    --------
    rnnbp.features.ClassicMFCC : the same with deltas and normalisation, for `SequenceDataset.map`.
    rnnbp.features.htk_mfcc : what HTK itself computes.

    References
    ----------
    J. Lyons (2013-2020), python_speech_features 0.6, MIT licence, whose numbers these are; after S. Young et al.
    (2006), "The HTK Book", version 3.4, section 5.6, with differences that `htk_mfcc` does not have.

    Examples
    --------
    >>> classic_mfcc(np.sin(np.arange(8000.0)), sr=8000, n_fft=256).shape
    (99, 13)
    """
    flag("energy", energy)
    fbank, energies = classic_fbank(y, sr=sr, **options)
    coefficients = cepstra(np.log(fbank), n_mfcc=n_mfcc)
    coefficients *= lifter_weights(np.arange(n_mfcc), lifter)
    if energy:
        coefficients[:, 0] = np.log(energies)
    return coefficients


def classic_lengths(sr: float, win_length: int | None, hop_length: int | None) -> tuple[int, int]:
    """Return the frame length and hop in samples: by default 25 ms and 10 ms, halves rounded up.

    Examples
    --------
    >>> classic_lengths(22050, None, None)
    (551, 221)
    """
    length = max(1, int(0.025 * sr + 0.5)) if win_length is None else positive_int("win_length", win_length)
    hop = max(1, int(0.010 * sr + 0.5)) if hop_length is None else positive_int("hop_length", hop_length)
    return length, hop


def _filled(signal: Array, length: int, hop: int) -> Array:
    """Pad the signal with zeros at the end, so that the last frame is complete."""
    later = max(0, -(-(len(signal) - length) // hop))
    return np.pad(signal, (0, later * hop + length - len(signal)))


@lru_cache(maxsize=64)
def _whole_bin_filters(sr: float, fmin: float, fmax: float, n_fft: int, n_mels: int) -> Array:
    """Compute triangular filters (n_mels, 1 + n_fft // 2) of height 1 whose corners are whole bins."""
    hz = mel_frequencies(n_mels + 2, fmin=fmin, fmax=fmax, htk=True)
    bins = np.floor((n_fft + 1) * hz / sr)
    low, middle, high = bins[:-2, None], bins[1:-1, None], bins[2:, None]
    k = np.arange(1 + n_fft // 2)
    rising = (k - low) / np.maximum(middle - low, 1)
    falling = (high - k) / np.maximum(high - middle, 1)
    inside = (low <= k) & (k < high)
    return checked_filters(np.where(inside, np.where(k < middle, rising, falling), 0.0), n_fft)
