"""Resampling by soxr if it is installed, else by a polyphase filter."""

from importlib.util import find_spec
from math import gcd

import numpy as np
from numpy.typing import ArrayLike

from rnnbp.features.signals import checked_signal
from rnnbp.runtime import choice, positive_int, require

Array = np.ndarray

RES_TYPES = ("polyphase", "soxr_hq", "soxr_lq", "soxr_mq", "soxr_qq", "soxr_vhq")


def resample(y: ArrayLike, *, orig_sr: int, target_sr: int, res_type: str | None = None) -> Array:
    """Resample a signal to another sampling rate.

    Parameters
    ----------
    y : array_like (n,)
    orig_sr, target_sr : int
        Sampling rates of the input and the output, in Hz.
    res_type : {'soxr_hq', 'soxr_vhq', 'soxr_mq', 'soxr_lq', 'soxr_qq', 'polyphase'}, optional
        Method. Default: 'soxr_hq' if soxr is installed, else 'polyphase', `scipy.signal.resample_poly`. The two differ
        slightly near half the lower rate: name one where results must be the same on every machine.

    Returns
    -------
    ndarray (ceil(n * target_sr / orig_sr),)

    Raises
    ------
    ValueError
        If `y` is not a signal, or an argument is out of its range.
    ImportError
        If soxr is asked for and not installed.

    Examples
    --------
    >>> y = np.sin(2 * np.pi * 440 * np.arange(16000) / 16000)
    >>> half = resample(y, orig_sr=16000, target_sr=8000)
    >>> half.shape, bool(np.abs(half - y[::2])[200:-200].max() < 2e-3)
    ((8000,), True)
    """
    signal = checked_signal(y)
    old, new = positive_int("orig_sr", orig_sr), positive_int("target_sr", target_sr)
    if res_type is None:
        res_type = "soxr_hq" if find_spec("soxr") else "polyphase"
    choice("res_type", res_type, RES_TYPES)
    if old == new:
        return signal.copy()
    if res_type == "polyphase":
        from scipy.signal import resample_poly

        factor = gcd(old, new)
        return resample_poly(signal, new // factor, old // factor)
    resampled = require("soxr", extra="audio").resample(signal, old, new, quality=res_type)
    return _of_length(resampled, -(-len(signal) * new // old))


def _of_length(signal: Array, n: int) -> Array:
    """Truncate a signal, or pad it with zeros, to `n` samples."""
    return np.pad(signal[:n], (0, max(0, n - len(signal))))
