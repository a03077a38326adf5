"""Short-time spectra: power, mel, and their logarithm. Time comes first: (T, F), where librosa has (F, T)."""

from collections.abc import Callable
from typing import Unpack

import numpy as np
from numpy.typing import ArrayLike

from rnnbp._checks import number
from rnnbp.features.framing import Framing, FramingOptions
from rnnbp.features.mel import mel

Array = np.ndarray
Reference = float | Callable[[Array], float]

BLOCK = 256  # frames that are transformed together: more do not fit the cache, and an hour of them not the memory


class MelOptions(FramingOptions, total=False):
    """What `melspectrogram` takes beside `sr` and `norm`."""

    n_mels: int
    fmin: float
    fmax: float | None
    htk: bool
    power: float


def spectra(y: ArrayLike, framing: Framing, power: float = 2.0, filters: Array | None = None) -> Array:
    """What `spectrogram` and `melspectrogram` are made by: spectra (T, 1 + n_fft // 2), or what `filters` let through.

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
    from scipy import fft

    number("power", power, 0, open_low=True)
    frames = framing.frames(y)
    window = framing.padded_window(frames.dtype)
    weights = None if filters is None else filters.T.astype(frames.dtype, copy=False)
    blocks = []
    for start in range(0, len(frames), BLOCK):
        values = fft.rfft(frames[start : start + BLOCK] * window, axis=-1)
        block = values.real**2 + values.imag**2
        if power != 2:
            block **= power / 2
        blocks.append(block if weights is None else block @ weights)
    return blocks[0] if len(blocks) == 1 else np.concatenate(blocks)


def spectrogram(y: ArrayLike, *, sr: float, power: float = 2.0, **framing: Unpack[FramingOptions]) -> Array:
    """The power spectrum of each frame, ``|rfft(window * frame)| ** power``.

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
    """The power in each of the mel filters, frame by frame.

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
    """Power in decibels, ``10 log10(max(S, amin) / max(ref, amin))``.

    Parameters
    ----------
    S : array_like
        Powers, 0 or more.
    ref : float or callable, default 1
        The power that is 0 dB, or what finds it in `S`: ``np.max``.
    amin : float, default 1e-10
        Less counts as this.
    top_db : float or None, default 80
        What lies further below the largest value is lifted up to there; None: nothing is.

    Returns
    -------
    ndarray

    Raises
    ------
    ValueError
        If an argument is out of its range.

    Examples
    --------
    >>> power_to_db([1.0, 0.1, 0.0], top_db=30)
    array([  0., -10., -30.])
    """
    S = np.asarray(S)
    number("amin", amin, 0, open_low=True)
    reference = float(ref(S)) if callable(ref) else number("ref", ref, 0)
    db = np.log10(np.maximum(S, amin))
    db *= 10
    db -= 10 * np.log10(max(amin, reference))
    if top_db is not None:
        np.maximum(db, db.max() - number("top_db", top_db, 0), out=db)
    return db


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
    """`melspectrogram` in decibels.

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
        `n_mels`, `fmin`, `fmax`, `htk`, `power` as `melspectrogram` takes them, and the framing.

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
