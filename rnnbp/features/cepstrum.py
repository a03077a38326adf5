"""Mel-frequency cepstral coefficients: the cosine transform of log-mel spectra, liftered."""

from typing import Unpack

import numpy as np
from numpy.typing import ArrayLike

from rnnbp.features.signals import checked_features
from rnnbp.features.spectra import MelOptions, log_mel
from rnnbp.runtime import choice, number, positive_int

Array = np.ndarray


def cepstra(
    S: ArrayLike, *, n_mfcc: int = 13, dct_type: int = 2, norm: str | None = "ortho", lifter: float = 0.0
) -> Array:
    """Compute liftered cepstra: first coefficients of log spectra's DCT, times ``1 + lifter / 2 * sin(pi n / lifter)``.

    Parameters
    ----------
    S : array_like (T, n_mels)
        Logarithms of mel spectra, such as `log_mel` returns.
    n_mfcc : int, default 13
        At most n_mels.
    dct_type : {1, 2, 3}, default 2
        See `scipy.fft.dct`.
    norm : {'ortho', None}, default 'ortho'
        See `scipy.fft.dct`.
    lifter : float, default 0
        Liftering parameter; 0: no liftering. n starts from 1, so that the first coefficient is liftered too, as in
        librosa.

    Returns
    -------
    ndarray (T, n_mfcc)

    Raises
    ------
    ValueError
        If an argument is out of its range.

    See Also
    --------
    rnnbp.features.htk_mfcc : HTK's, with liftering where n starts from 0.

    References
    ----------
    S. B. Davis & P. Mermelstein (1980), "Comparison of parametric representations for monosyllabic word recognition in
    continuously spoken sentences", IEEE Trans. ASSP 28(4), 357-366, doi:10.1109/TASSP.1980.1163420

    Examples
    --------
    >>> cepstra([[1.0, 1.0, 1.0, 1.0]], n_mfcc=2).round(12)
    array([[2., 0.]])
    """
    from scipy import fft

    S = checked_features(S, "S")
    if positive_int("n_mfcc", n_mfcc) > S.shape[1]:
        raise ValueError(f"n_mfcc must be at most n_mels = {S.shape[1]}, got {n_mfcc}")
    if isinstance(dct_type, bool) or dct_type not in (1, 2, 3):
        raise ValueError(f"dct_type must be 1, 2 or 3, got {dct_type!r}")
    if norm not in ("ortho", None):
        raise ValueError(f"norm must be 'ortho' or None, got {norm!r}")
    coefficients = fft.dct(S, type=dct_type, norm=norm, axis=-1)[:, :n_mfcc]  # type: ignore[call-overload]
    return coefficients * lifter_weights(np.arange(1, n_mfcc + 1), lifter).astype(S.dtype)


def lifter_weights(n: Array, lifter: float) -> Array:
    """Return the lifter's weights ``1 + lifter / 2 * sin(pi n / lifter)``, or 1 if `lifter` is 0.

    References
    ----------
    B.-H. Juang, L. R. Rabiner & J. G. Wilpon (1987), "On the use of bandpass liftering in speech recognition", IEEE
    Trans. ASSP 35(7), 947-954, doi:10.1109/TASSP.1987.1165237

    Examples
    --------
    >>> lifter_weights(np.arange(3), 2)
    array([1., 2., 1.])
    """
    if number("lifter", lifter, 0) < np.finfo(float).eps:  # 1 to rounding, and n / lifter might overflow
        return np.ones(len(n))
    return 1 + lifter / 2 * np.sin(np.pi * n / lifter)


def mfcc(
    y: ArrayLike,
    *,
    sr: float,
    n_mfcc: int = 13,
    dct_type: int = 2,
    norm: str | None = "ortho",
    lifter: float = 0.0,
    mel_norm: str | None = "slaney",
    **options: Unpack[MelOptions],
) -> Array:
    """Compute the mel-frequency cepstral coefficients of each frame.

    Parameters
    ----------
    y : array_like (n,)
    sr : float
        Samples a second, in Hz.
    n_mfcc, dct_type, norm, lifter
        The cosine transform and what follows; see `cepstra`.
    mel_norm : {'slaney', None}, default 'slaney'
        See `mel`.
    **options
        `n_mels`, `fmin`, `fmax`, `htk`, `power` of `melspectrogram`, and the framing. `htk` selects the mel scale
        only.

    Returns
    -------
    ndarray (T, n_mfcc)
        From mel spectra in decibels. librosa has (n_mfcc, T), and other defaults for `sr`, the framing, `n_mels` (128)
        and `n_mfcc` (20).

    Raises
    ------
    ValueError
        If `y` is not a signal, or an argument is out of its range.

    See Also
    --------
    rnnbp.features.MFCC : the same with pre-emphasis, deltas and normalisation, for `SequenceDataset.map`.
    rnnbp.features.htk_mfcc : as HTK computes them.
    rnnbp.features.classic_mfcc : as python_speech_features does, with energy.

    Examples
    --------
    >>> mfcc(np.sin(np.arange(8000.0)), sr=8000).shape
    (101, 13)
    """
    if mel_norm is not None:
        choice("mel_norm", mel_norm, ["slaney"])
    S = log_mel(y, sr=sr, norm=mel_norm, **options)
    return cepstra(S, n_mfcc=n_mfcc, dct_type=dct_type, norm=norm, lifter=lifter)
