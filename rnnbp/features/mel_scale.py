"""Mel scale, Slaney's and HTK's, and triangular filters along it."""

from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike

from rnnbp.runtime import as_numbers, choice, flag, number, positive_int

Array = np.ndarray

LINEAR = 200 / 3  # Slaney: Hz a mel below the corner...
CORNER = 1000.0  # ...which is at 15 mel; above it 27 mels are a factor of 6.4
LOG_STEP = np.log(6.4) / 27
LINEAR_FRACTION = 0.6  # fraction of the band that is scaled linearly: formants, as in Jaitly & Hinton's 4.8 of 8 kHz


def hz_to_mel(frequencies: ArrayLike, *, htk: bool = False) -> Array:
    """Convert frequencies in Hz to mel.

    Parameters
    ----------
    frequencies : array_like
        In Hz, 0 or more.
    htk : bool, default False
        Whether ``2595 log10(1 + f / 700)``; else Slaney's scale, linear up to 1000 Hz and logarithmic above.

    Returns
    -------
    ndarray

    References
    ----------
    D. O'Shaughnessy (1987), "Speech Communication: Human and Machine", p. 150, for HTK's; M. Slaney (1998), "Auditory
    Toolbox", version 2, Interval Research technical report 1998-010.

    Examples
    --------
    >>> hz_to_mel([500, 1000, 6400]).round(3), hz_to_mel([1000], htk=True).round(2)
    (array([ 7.5, 15. , 42. ]), array([999.99]))
    """
    f = as_numbers("frequencies", frequencies).astype(np.float64)
    if flag("htk", htk):
        return 2595 * np.log10(1 + f / 700)
    above = CORNER / LINEAR + np.log(np.maximum(f, CORNER) / CORNER) / LOG_STEP
    return np.where(f < CORNER, f / LINEAR, above)


def mel_to_hz(mels: ArrayLike, *, htk: bool = False) -> Array:
    """Convert mel to frequencies in Hz.

    Parameters
    ----------
    mels : array_like
    htk : bool, default False
        Which scale; see `hz_to_mel`.

    Returns
    -------
    ndarray
        In Hz.

    Examples
    --------
    >>> mel_to_hz([7.5, 15.0, 42.0]).round(3)
    array([ 500., 1000., 6400.])
    """
    m = as_numbers("mels", mels).astype(np.float64)
    if flag("htk", htk):
        return 700 * (10 ** (m / 2595) - 1)
    corner = CORNER / LINEAR
    return np.where(m < corner, m * LINEAR, CORNER * np.exp(LOG_STEP * (np.maximum(m, corner) - corner)))


def mel_frequencies(n_mels: int, *, fmin: float, fmax: float, htk: bool = False) -> Array:
    """Return frequencies spaced evenly on the mel scale.

    Parameters
    ----------
    n_mels : int
    fmin, fmax : float
        The first and the last, in Hz.
    htk : bool, default False
        Which scale; see `hz_to_mel`.

    Returns
    -------
    ndarray (n_mels,)
        In Hz.

    Examples
    --------
    >>> mel_frequencies(4, fmin=0, fmax=1000).round(1)
    array([   0. ,  333.3,  666.7, 1000. ])
    """
    low, high = (hz_to_mel(number(name, edge, 0), htk=htk) for name, edge in (("fmin", fmin), ("fmax", fmax)))
    return mel_to_hz(np.linspace(low, high, positive_int("n_mels", n_mels)), htk=htk)


def warp_frequencies(frequencies: ArrayLike, factor: float, *, sr: float) -> Array:
    """Warp frequencies as a vocal tract ``1 / factor`` times as long would.

    The map is piecewise linear: frequencies are multiplied by `factor`, except the highest ones, which are shifted less
    so that sr / 2 is unchanged.

    Parameters
    ----------
    frequencies : array_like
        In Hz, 0 to sr / 2.
    factor : float, 0.5 to 2
    sr : float
        Samples a second, in Hz.

    Returns
    -------
    ndarray
        In Hz.

    Raises
    ------
    ValueError
        If an argument is out of its range.

    References
    ----------
    N. Jaitly & G. E. Hinton (2013), "Vocal tract length perturbation (VTLP) improves speech recognition", ICML workshop
    on deep learning for audio, speech and language processing, section 3

    Examples
    --------
    >>> warp_frequencies([0, 1000, 2000, 4000], 1.1, sr=8000)
    array([   0., 1100., 2200., 4000.])
    """
    half = number("sr", sr, 0, open_low=True) / 2
    factor = number("factor", factor, 0.5, 2)
    warped_knee = LINEAR_FRACTION * half * min(factor, 1)  # where the linear part ends, after and before warping
    knee = warped_knee / factor
    f = as_numbers("frequencies", frequencies).astype(np.float64)
    return np.where(f <= knee, factor * f, half - (half - warped_knee) / (half - knee) * (half - f))


def mel(
    *,
    sr: float,
    n_fft: int,
    n_mels: int = 40,
    fmin: float = 0.0,
    fmax: float | None = None,
    htk: bool = False,
    norm: str | None = "slaney",
    warp: float = 1.0,
) -> Array:
    """Compute triangular filters spaced evenly on the mel scale; each extends to its neighbours' centres.

    Parameters
    ----------
    sr : float
        Samples a second, in Hz.
    n_fft : int
        Points of the Fourier transform.
    n_mels : int, default 40
    fmin, fmax : float, default 0 and sr / 2
        Lower edge of the first filter and upper edge of the last one, in Hz.
    htk : bool, default False
        The scale; see `hz_to_mel`.
    norm : {'slaney', None}, default 'slaney'
        'slaney': each filter is divided by half its width in Hz, so that all have the same area; None: height 1.
    warp : float, 0.5 to 2, default 1
        Factor by which `warp_frequencies` warps the filters' corners.

    Returns
    -------
    ndarray (n_mels, 1 + n_fft // 2)
        In float64, cached and read-only.

    Raises
    ------
    ValueError
        If an argument is out of its range, or a filter falls between two frequencies of the transform and is empty.

    Examples
    --------
    >>> filters = mel(sr=8000, n_fft=256, n_mels=4)
    >>> filters.shape, filters.argmax(axis=1) * 8000 / 256
    ((4, 129), array([ 468.75,  937.5 , 1531.25, 2468.75]))
    """
    sr, low, high = checked_band(sr, fmin, fmax)
    if norm is not None:
        choice("norm", norm, ["slaney"])
    counts = positive_int("n_fft", n_fft), positive_int("n_mels", n_mels)
    return _filters(sr, *counts, low, high, flag("htk", htk), norm, number("warp", warp, 0.5, 2))


def checked_band(sr: float, fmin: float, fmax: float | None) -> tuple[float, float, float]:
    """Check and return `sr`, `fmin` and `fmax`, which defaults to sr / 2.

    Raises
    ------
    ValueError
        Unless ``0 <= fmin < fmax <= sr / 2``.

    Examples
    --------
    >>> checked_band(8000, 0, 5000)
    Traceback (most recent call last):
    ValueError: fmax must be a number above 0 and at most 4000, got 5000
    """
    sr = number("sr", sr, 0, open_low=True)
    low = number("fmin", fmin, 0, sr / 2)
    return sr, low, number("fmax", sr / 2 if fmax is None else fmax, low, sr / 2, open_low=True)


@lru_cache(maxsize=64)
def _filters(
    sr: float, n_fft: int, n_mels: int, fmin: float, fmax: float, htk: bool, norm: str | None, warp: float
) -> Array:
    edges = mel_frequencies(n_mels + 2, fmin=fmin, fmax=fmax, htk=htk)
    if warp != 1:
        edges = warp_frequencies(edges, warp, sr=sr)
    ramps = edges[:, None] - np.fft.rfftfreq(n_fft, 1 / sr)
    widths = np.diff(edges)[:, None]
    filters = np.maximum(0, np.minimum(-ramps[:-2] / widths[:-1], ramps[2:] / widths[1:]))
    if norm is not None:
        filters *= 2 / (edges[2:] - edges[:-2])[:, None]
    return checked_filters(filters, n_fft)


def checked_filters(filters: Array, n_fft: int) -> Array:
    """Return filters (n_mels, bins) made read-only; raise if one is empty.

    Examples
    --------
    >>> checked_filters(np.zeros((2, 3)), 4)
    Traceback (most recent call last):
    ValueError: n_mels = 2 is too many for n_fft = 4: filter 0 falls between two frequencies of the transform; take
    fewer, a longer n_fft (or win_length, or a higher sr, from which it follows), or a wider band from fmin to fmax
    """
    empty = np.flatnonzero(~filters.any(axis=1))
    if len(empty):
        raise ValueError(
            f"n_mels = {len(filters)} is too many for n_fft = {n_fft}: filter {empty[0]} falls between two frequencies "
            "of the transform; take fewer, a longer n_fft (or win_length, or a higher sr, from which it follows), or a "
            "wider band from fmin to fmax"
        )
    filters.flags.writeable = False
    return filters
