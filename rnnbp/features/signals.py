"""Checks of signals and features, and pre-emphasis."""

import numpy as np
from numpy.typing import ArrayLike

from rnnbp.runtime import as_array, number

Array = np.ndarray


def checked_signal(y: ArrayLike, name: str = "y") -> Array:
    """Check and return one channel of finite samples (n,), in float32 if given so, else in float64.

    Parameters
    ----------
    y : array_like (n,), or a column (n, 1) as in a `rnnbp.SequenceDataset`
    name : str, default 'y'
        Name of the argument in error messages.

    Raises
    ------
    ValueError
        If it is empty, has several channels, is not of floats, or contains NaN or infinity.

    Examples
    --------
    >>> checked_signal([[0.5], [0.25]])
    array([0.5 , 0.25])
    >>> checked_signal(np.zeros((100, 2)))
    Traceback (most recent call last):
    ValueError: y must be one channel of shape (n,), got shape (100, 2): choose a channel, or take their mean
    """
    given = as_array(name, y)
    if given.ndim != 1 and given.shape[1:] != (1,):
        raise ValueError(
            f"{name} must be one channel of shape (n,), got shape {given.shape}: choose a channel, or take their mean"
        )
    if not given.size:
        raise ValueError(f"{name} must have at least one sample, got none")
    signal = _floats(name, given.reshape(-1), "samples", "; 16-bit samples are divided by 32768")
    if not np.isfinite(signal).all():
        n = int(np.argmin(np.isfinite(signal)))
        raise ValueError(f"{name} must be finite, but sample {n} is {signal[n]}")
    return signal


def checked_features(x: ArrayLike, name: str = "x") -> Array:
    """Check and return finite features (T, F), in float32 if given so, else in float64.

    Parameters
    ----------
    x : array_like (T, F)
    name : str, default 'x'
        Name of the argument in error messages.

    Raises
    ------
    ValueError
        If they are empty, of another shape, not floats, or contain NaN or infinity.

    Examples
    --------
    >>> checked_features([1.0, 2.0])
    Traceback (most recent call last):
    ValueError: x must be features of shape (T, F), neither of them 0, got shape (2,)
    """
    given = as_array(name, x)
    if given.ndim != 2 or not given.size:
        raise ValueError(f"{name} must be features of shape (T, F), neither of them 0, got shape {given.shape}")
    features = _floats(name, given, "numbers", "")
    if not np.isfinite(features).all():
        t, f = np.argwhere(~np.isfinite(features))[0]
        raise ValueError(f"{name} must be finite, but feature {f} of frame {t} is {features[t, f]}")
    return features


def _floats(name: str, given: Array, what: str, hint: str) -> Array:
    if given.dtype.kind != "f":
        raise ValueError(f"{name} must be {what} in a float dtype, got {given.dtype}{hint}")
    return given.astype(np.float32 if given.dtype.itemsize <= 4 else np.float64, copy=False)


def preemphasis(y: ArrayLike, *, coef: float = 0.97, zi: float = 0.0) -> Array:
    """Apply pre-emphasis, a high-pass filter: ``out[n] = y[n] - coef * y[n-1]``.

    Parameters
    ----------
    y : array_like (n,)
    coef : float, 0 to 1, default 0.97
    zi : float, default 0
        Initial state of the filter, added to the first sample: ``-coef * y[-1]`` if the preceding sample is known. The
        default is python_speech_features'; librosa's is ``2 * y[0] - y[1]``.

    Returns
    -------
    ndarray (n,)

    Raises
    ------
    ValueError
        If `y` is not a signal, or a number is out of its range.

    Examples
    --------
    >>> preemphasis([1.0, 1.0, 0.5], coef=0.5)
    array([1. , 0.5, 0. ])
    """
    signal = checked_signal(y)
    coef = number("coef", coef, 0, 1)
    out = signal.copy()
    out[1:] -= coef * signal[:-1]
    out[0] += number("zi", zi)
    return out
