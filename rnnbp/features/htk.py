"""Filter banks and cepstra as HTK's HCopy computes them.

Differences from `classic_mfcc`: samples are scaled to HTK's 16 bits; energy is that of a frame before pre-emphasis,
which is applied within each frame; the window is the symmetric Hamming window; triangles are linear over mel, and
exclude the bins nearest to the band's edges; energies below 1 are raised to 1; coefficient 0 comes last; samples after
the last complete frame are dropped; and accelerations are deltas of deltas.
"""

from functools import lru_cache
from typing import TypedDict, Unpack

import numpy as np
from numpy.typing import ArrayLike

from rnnbp.features.cepstrum import cepstra, lifter_weights
from rnnbp.features.framing import by_blocks, frame
from rnnbp.features.mel_scale import checked_band, checked_filters, hz_to_mel, mel_frequencies
from rnnbp.features.spectra import frame_spectra
from rnnbp.runtime import choice, flag, number, positive_int

Array = np.ndarray

FULL_SCALE = 32768.0  # of HTK's samples; full scale is 1 here
FLOOR = 1.0  # least energy of a filter, and of a frame
SILENCE_FLOOR, ENERGY_SCALE = 50.0, 0.1  # HTK's SILFLOOR [dB] and ESCALE
ENERGIES = ("raw", "normalized")


class HTKOptions(TypedDict, total=False):
    """Keyword arguments of `htk_fbank` other than `sr`."""

    n_mels: int
    win_length: int | None
    hop_length: int | None
    fmin: float
    fmax: float | None
    coef: float
    power: float
    zero_mean: bool


def htk_fbank(
    y: ArrayLike,
    *,
    sr: float,
    n_mels: int = 26,
    win_length: int | None = None,
    hop_length: int | None = None,
    fmin: float = 0.0,
    fmax: float | None = None,
    coef: float = 0.97,
    power: float = 1.0,
    zero_mean: bool = False,
) -> tuple[Array, Array]:
    """Compute HTK's log mel filter bank (FBANK), and the log energy of each frame.

    Parameters
    ----------
    y : array_like (n,)
        Full scale is 1; it is multiplied by 32768.
    sr : float
        Samples a second, in Hz.
    n_mels : int, default 26
        NUMCHANS.
    win_length, hop_length : int, optional
        Samples a frame, and between frame starts (WINDOWSIZE, TARGETRATE). Default: 25 ms and 10 ms, rounded down. The
        number of points of the Fourier transform is the next power of 2.
    fmin, fmax : float, default 0 and sr / 2
        LOFREQ and HIFREQ, in Hz. The bins nearest to either, and those outside, are excluded.
    coef : float, default 0.97
        PREEMCOEF, of the pre-emphasis within each frame: ``y[n] - coef y[n-1]``, and ``(1 - coef) y[0]``.
    power : float, default 1
        Exponent of the magnitudes that are summed: 2 is USEPOWER = T.
    zero_mean : bool, default False
        ZMEANSOURCE: whether each frame's mean is subtracted first.

    Returns
    -------
    fbank : ndarray (T, n_mels)
        Natural logarithms; T = 1 + (n - win_length) // hop_length.
    energy : ndarray (T,)
        Natural logarithm of the sum of squares before pre-emphasis and window (RAWENERGY). Sums below 1 are raised to
        1, where HTK returns -1e10 for a frame of zeros.

    Raises
    ------
    ValueError
        If `y` is not a signal of a frame or more, or an argument is out of its range.

    References
    ----------
    S. Young et al. (2006), "The HTK Book", version 3.4, sections 5.2 to 5.6.

    Examples
    --------
    >>> fbank, energy = htk_fbank(np.sin(np.arange(8000.0)), sr=8000)
    >>> fbank.shape, energy.shape
    ((98, 26), (98,))
    """
    band = checked_band(sr, fmin, fmax)
    length, hop = htk_lengths(sr, win_length, hop_length)
    coef, power = number("coef", coef, 0, 1), number("power", power, 0, open_low=True)
    flag("zero_mean", zero_mean)
    n_fft = max(2, 1 << (length - 1).bit_length())
    filters = _mel_triangles(*band, n_fft, positive_int("n_mels", n_mels))
    frames = frame(y, frame_length=length, hop_length=hop)
    window = np.hamming(length).astype(frames.dtype)

    def analysed(block: Array) -> Array:
        block = block * np.asarray(FULL_SCALE, block.dtype)
        if zero_mean:
            block -= block.mean(axis=1, keepdims=True)
        energies = np.sum(block**2, axis=1, keepdims=True)
        block[:, 1:] -= coef * block[:, :-1]
        block[:, 0] *= 1 - coef
        return np.hstack([frame_spectra(block, window, n_fft, power, filters), energies])

    logs = np.log(np.maximum(by_blocks(frames, analysed), FLOOR))
    return logs[:, :-1], logs[:, -1]


def htk_mfcc(
    y: ArrayLike,
    *,
    sr: float,
    n_mfcc: int = 12,
    lifter: float = 22.0,
    c0: bool = True,
    energy: str | None = None,
    **options: Unpack[HTKOptions],
) -> Array:
    """Compute mel-frequency cepstral coefficients as HTK does (MFCC_0, MFCC_E, MFCC_0_E), within 1e-3 of HCopy's.

    The defaults are those of the HTK Book's tutorial, MFCC_0; `HTKMFCC` adds deltas and accelerations (_D_A).

    Parameters
    ----------
    y : array_like (n,)
        Full scale is 1.
    sr : float
        Samples a second, in Hz.
    n_mfcc : int, default 12
        NUMCEPS: coefficients 1 to `n_mfcc`, less than `n_mels`.
    lifter : float, default 22
        CEPLIFTER: coefficient n is multiplied by ``1 + lifter / 2 * sin(pi n / lifter)``; 0: no liftering.
    c0 : bool, default True
        Whether coefficient 0 follows (_0).
    energy : {'raw', 'normalized', None}, default None
        Whether the frame's log energy comes last (_E): as in `htk_fbank`, or normalised over the recording
        (ENORMALISE = T), ``1 - (max - energy) / 10``, not less than 50 dB below the greatest.
    **options
        See `htk_fbank`.

    Returns
    -------
    ndarray (T, n_mfcc + c0 + (energy is not None))

    Raises
    ------
    ValueError
        If `y` is not a signal of a frame or more, or an argument is out of its range.

    See Also
    --------
    rnnbp.features.HTKMFCC : the same with deltas, for `SequenceDataset.map`.
    rnnbp.audio.write_htk : writes the result as an HTK file.

    References
    ----------
    S. Young et al. (2006), "The HTK Book", version 3.4, sections 3.1.5 and 5.6. Checked against HCopy's own output of
    HTK 3.4, which Kaldi has in `src/feat/test_data`.

    Examples
    --------
    >>> htk_mfcc(np.sin(np.arange(8000.0)), sr=8000, energy="raw").shape
    (98, 14)
    """
    if energy is not None:
        choice("energy", energy, ENERGIES)
    flag("c0", c0)
    fbank, energies = htk_fbank(y, sr=sr, **options)
    if positive_int("n_mfcc", n_mfcc) >= fbank.shape[1]:
        raise ValueError(f"n_mfcc must be less than n_mels = {fbank.shape[1]}, got {n_mfcc}")
    coefficients = cepstra(fbank, n_mfcc=n_mfcc + 1)
    coefficients *= lifter_weights(np.arange(n_mfcc + 1), lifter).astype(fbank.dtype)
    columns = [coefficients[:, 1:]]
    if c0:
        columns.append(coefficients[:, :1] * np.asarray(np.sqrt(2), fbank.dtype))  # scaled as the others
    if energy is not None:
        columns.append((energies if energy == "raw" else _normalized(energies))[:, None])
    return np.hstack(columns)


def htk_lengths(sr: float, win_length: int | None, hop_length: int | None) -> tuple[int, int]:
    """Return the frame length and hop in samples: by default 25 ms and 10 ms, rounded down.

    Examples
    --------
    >>> htk_lengths(22050, None, None)
    (551, 220)
    """
    length = max(1, int(0.025 * sr + 1e-6)) if win_length is None else positive_int("win_length", win_length)
    hop = max(1, int(0.010 * sr + 1e-6)) if hop_length is None else positive_int("hop_length", hop_length)
    return length, hop


def _normalized(energies: Array) -> Array:
    greatest = energies.max()
    least = greatest - SILENCE_FLOOR * np.log(10) / 10
    return (1 - (greatest - np.maximum(energies, least)) * ENERGY_SCALE).astype(energies.dtype)


@lru_cache(maxsize=64)
def _mel_triangles(sr: float, fmin: float, fmax: float, n_fft: int, n_mels: int) -> Array:
    """Compute triangular filters (n_mels, 1 + n_fft // 2) of height 1, linear over mel, on the bins within the band."""
    corners = hz_to_mel(mel_frequencies(n_mels + 2, fmin=fmin, fmax=fmax, htk=True), htk=True)[:, None]
    mels = hz_to_mel(np.fft.rfftfreq(n_fft, 1 / sr), htk=True)
    rising = (mels - corners[:-2]) / (corners[1:-1] - corners[:-2])
    falling = (corners[2:] - mels) / (corners[2:] - corners[1:-1])
    first, last = (np.floor(f * n_fft / sr + 0.5) for f in (fmin, fmax))
    bins = np.arange(len(mels))
    inside = (bins > first) & (bins < last)
    return checked_filters(np.maximum(0, np.minimum(rising, falling)) * inside, n_fft)
