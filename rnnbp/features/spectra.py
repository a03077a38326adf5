"""Short-time power spectra, mel spectra and log-mel spectra, with time first: (T, F), where librosa has (F, T)."""

from collections.abc import Callable
from typing import Unpack

import numpy as np
from numpy.typing import ArrayLike

from rnnbp.features.framing import Framing, FramingOptions, by_blocks
from rnnbp.features.mel_scale import mel
from rnnbp.runtime import as_array, function_of, number

Array = np.ndarray
Reference = float | Callable[[Array], float]


class MelOptions(FramingOptions, total=False):
    """Keyword arguments of `melspectrogram` other than `sr` and `norm`."""

    n_mels: int
    fmin: float
    fmax: float | None
    htk: bool
    power: float


def spectra(y: ArrayLike, framing: Framing, power: float = 2.0, filters: Array | None = None) -> Array:
    """Compute spectra (T, 1 + n_fft // 2) with a given framing, or their products with `filters` (T, n_mels).

    Parameters
    ----------
    y : array_like (n,)
    framing : Framing
    power : float, default 2
        Exponent of the magnitudes.
    filters : ndarray (n_mels, 1 + n_fft // 2), optional

    Returns
    -------
    ndarray (T, 1 + n_fft // 2) or (T, n_mels)

    Examples
    --------
    >>> spectra([1.0, 0.0], Framing(sr=8000, n_fft=2, window="boxcar", center=False))
    array([[1., 1.]])
    """
    number("power", power, 0, open_low=True)
    frames = framing.frames(y)
    return frame_spectra(frames, framing.padded_window(frames.dtype), framing.n_fft, power, filters)


def frame_spectra(frames: Array, window: Array, n_fft: int, power: float = 2.0, filters: Array | None = None) -> Array:
    """Compute spectra of frames (T, N) times a window (N,), zero-padded to `n_fft`.

    Examples
    --------
    >>> frame_spectra(np.eye(1, 2), np.ones(2), n_fft=4)
    array([[1., 1., 1.]])
    """
    from scipy import fft

    weights = None if filters is None else filters.T.astype(frames.dtype, copy=False)

    def of_block(block: Array) -> Array:
        values = fft.rfft(block * window, n_fft, axis=-1)
        powers = values.real**2 + values.imag**2
        if power != 2:
            powers **= power / 2
        return powers if weights is None else powers @ weights

    return by_blocks(frames, of_block)


def spectrogram(y: ArrayLike, *, sr: float, power: float = 2.0, **framing: Unpack[FramingOptions]) -> Array:
    """Compute the power spectrum of each frame, ``|rfft(window * frame)| ** power``.

    Parameters
    ----------
    y : array_like (n,)
    sr : float
        Samples a second, in Hz.
    power : float, default 2
        1 for magnitudes.
    **framing
        `n_fft`, `hop_length`, `win_length`, `window`, `center`, `pad_mode`; see `Framing`.

    Returns
    -------
    ndarray (T, 1 + n_fft // 2)
        Column k is the frequency ``k * sr / n_fft``.

    Raises
    ------
    ValueError
        If `y` is not a signal, or an argument is out of its range.

    Examples
    --------
    >>> y = np.sin(2 * np.pi * 1000 * np.arange(8000) / 8000)
    >>> S = spectrogram(y, sr=8000)
    >>> S.shape, int(S[50].argmax() * 8000 / 256)
    ((101, 129), 1000)
    """
    return spectra(y, Framing(sr=sr, **framing), power)


def melspectrogram(
    y: ArrayLike,
    *,
    sr: float,
    n_mels: int = 40,
    fmin: float = 0.0,
    fmax: float | None = None,
    htk: bool = False,
    norm: str | None = "slaney",
    power: float = 2.0,
    **framing: Unpack[FramingOptions],
) -> Array:
    """Compute the mel spectrum of each frame, the power in each mel filter.

    Parameters
    ----------
    y : array_like (n,)
    sr : float
        Samples a second, in Hz.
    n_mels, fmin, fmax, htk, norm
        The filters; see `mel`.
    power : float, default 2
        Exponent of the magnitudes that are summed.
    **framing
        `n_fft`, `hop_length`, `win_length`, `window`, `center`, `pad_mode`; see `Framing`.

    Returns
    -------
    ndarray (T, n_mels)

    Raises
    ------
    ValueError
        If `y` is not a signal, or an argument is out of its range.

    Examples
    --------
    >>> melspectrogram(np.ones(8000), sr=8000, n_mels=26).shape
    (101, 26)
    """
    cut = Framing(sr=sr, **framing)
    return spectra(y, cut, power, mel(sr=sr, n_fft=cut.n_fft, n_mels=n_mels, fmin=fmin, fmax=fmax, htk=htk, norm=norm))


def power_to_db(S: ArrayLike, *, ref: Reference = 1.0, amin: float = 1e-10, top_db: float | None = 80.0) -> Array:
    """Convert power to decibels, ``10 log10(max(S, amin) / max(ref, amin))``.

    Parameters
    ----------
    S : array_like
        Powers, 0 or more.
    ref : float or callable, default 1
        The power that is 0 dB, or a function that computes it from `S`, such as ``np.max``.
    amin : float, default 1e-10
        Lower bound that powers are raised to.
    top_db : float or None, default 80
        Values more than this below the largest one are raised to that level; None: no limit.

    Returns
    -------
    ndarray

    Raises
    ------
    ValueError
        If `S` is empty, one value is negative or NaN, or an argument is out of its range.

    Examples
    --------
    >>> power_to_db([1.0, 0.1, 0.0], top_db=30)
    array([  0., -10., -30.])
    """
    S = as_array("S", S)
    if not S.size or S.dtype.kind not in "fiu" or not (S >= 0).all():
        raise ValueError(f"S must be powers, 0 or more, got {S.dtype} of shape {S.shape}{_worst(S)}")
    number("amin", amin, 0, open_low=True)
    reference = reference_power(ref, S)
    db = np.log10(np.maximum(S, amin))
    db *= 10
    db -= 10 * np.log10(max(amin, reference))
    if top_db is not None:
        db = np.maximum(db, db.max() - number("top_db", top_db, 0))
    return db


def reference_power(ref: Reference, values: Array) -> float:
    """Return the reference of decibels: a number of 0 or more, or a function of the values.

    Examples
    --------
    >>> reference_power(np.max, np.array([0.5, 2.0]))
    2.0
    """
    return float(function_of("ref", ref, 1)(values)) if callable(ref) else number("ref", ref, 0)


def _worst(S: Array) -> str:
    return f", the least {S.min()}" if S.size and S.dtype.kind in "fiu" else ""


def log_mel(
    y: ArrayLike,
    *,
    sr: float,
    norm: str | None = "slaney",
    ref: Reference = 1.0,
    amin: float = 1e-10,
    top_db: float | None = 80.0,
    **options: Unpack[MelOptions],
) -> Array:
    """Compute the mel spectrum of each frame in decibels.

    Parameters
    ----------
    y : array_like (n,)
    sr : float
        Samples a second, in Hz.
    norm : {'slaney', None}, default 'slaney'
        See `mel`.
    ref, amin, top_db
        See `power_to_db`.
    **options
        `n_mels`, `fmin`, `fmax`, `htk`, `power` of `melspectrogram`, and the framing.

    Returns
    -------
    ndarray (T, n_mels)

    Raises
    ------
    ValueError
        If `y` is not a signal, or an argument is out of its range.

    Examples
    --------
    >>> float(log_mel(np.zeros(800), sr=8000).max())
    -100.0
    """
    return power_to_db(melspectrogram(y, sr=sr, norm=norm, **options), ref=ref, amin=amin, top_db=top_db)
