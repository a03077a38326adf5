"""Cepstra of the all-pole spectra of linear prediction."""

from typing import Unpack

import numpy as np
from numpy.typing import ArrayLike

from rnnbp.features.cepstrum import lifter_weights
from rnnbp.features.framing import Framing, FramingOptions
from rnnbp.features.linear_prediction import predictors
from rnnbp.features.signals import checked_features
from rnnbp.runtime import as_numbers, number, positive_int

Array = np.ndarray


def lpc_to_cepstra(a: ArrayLike, error: ArrayLike, n_lpcc: int = 13, *, amin: float = 1e-10) -> Array:
    """Compute the cepstra of the all-pole spectra ``error / |A|^2``.

    ``c[0] = log(error)`` and ``c[n] = -a[n] - sum_k (k / n) c[k] a[n-k]`` over k = 1 to n - 1.

    Parameters
    ----------
    a : array_like (T, P + 1)
        Prediction-error filters; the first coefficient is 1.
    error : array_like (T,)
        Energies of the prediction errors.
    n_lpcc : int, default 13
        Number of coefficients, including c[0]; it may exceed P + 1.
    amin : float, default 1e-10
        Lower bound that `error` is raised to.

    Returns
    -------
    ndarray (T, n_lpcc)
        With ``log(error / |A(w)|^2) = c[0] + 2 sum_n c[n] cos(n w)``.

    Raises
    ------
    ValueError
        If an argument is out of its range.

    References
    ----------
    B. S. Atal (1974), "Effectiveness of linear prediction characteristics of the speech wave for automatic speaker
    identification and verification", J. Acoust. Soc. Am. 55, 1304-1312, eq. 8, doi:10.1121/1.1914702

    Examples
    --------
    >>> lpc_to_cepstra([[1.0, -0.5]], [1.0], 4).round(4)
    array([[0.    , 0.5   , 0.125 , 0.0417]])
    """
    a = checked_features(a, "a")
    error = as_numbers("error", error).astype(a.dtype)
    if error.shape != a.shape[:1]:
        raise ValueError(f"error must have shape (T,) = {a.shape[:1]}, got {error.shape}")
    c = np.zeros((len(a), positive_int("n_lpcc", n_lpcc)), a.dtype)
    P = a.shape[1] - 1
    for n in range(1, n_lpcc):
        first = max(1, n - P)
        k = np.arange(first, n)
        c[:, n] = -np.einsum("tk,tk->t", c[:, first:n] * (k / n).astype(a.dtype), a[:, n - k])
        if n <= P:
            c[:, n] -= a[:, n]
    c[:, 0] = np.log(np.maximum(error, number("amin", amin, 0, open_low=True)))
    return c


def lpcc(
    y: ArrayLike,
    *,
    sr: float,
    order: int = 12,
    n_lpcc: int = 13,
    lifter: float = 0.0,
    **framing: Unpack[FramingOptions],
) -> Array:
    """Compute the linear prediction cepstral coefficients of each windowed frame.

    Parameters
    ----------
    y : array_like (n,)
    sr : float
        Samples a second, in Hz.
    order : int, default 12
        Order of the prediction; for speech about 4 + sr / 1000.
    n_lpcc : int, default 13
        Number of coefficients; the first is the logarithm of the prediction error's energy.
    lifter : float, default 0
        Coefficient n, from 0, is multiplied by ``1 + lifter / 2 * sin(pi n / lifter)``; 0: no liftering.
    **framing
        `n_fft`, `hop_length`, `win_length`, `window`, `center`, `pad_mode`; see `Framing`.

    Returns
    -------
    ndarray (T, n_lpcc)

    Raises
    ------
    ValueError
        If `y` is not a signal, or an argument is out of its range.

    See Also
    --------
    rnnbp.features.LPCC : the same with pre-emphasis, deltas and normalisation. lpc_to_cepstra : the recursion.

    Examples
    --------
    >>> lpcc(np.sin(0.5 * np.arange(8000)), sr=8000).shape
    (101, 13)
    """
    return lpc_cepstra(y, Framing(sr=sr, **framing), order, n_lpcc, lifter)


def lpc_cepstra(y: ArrayLike, framing: Framing, order: int, n_lpcc: int, lifter: float) -> Array:
    """Compute linear prediction cepstra with a given framing; see `lpcc`.

    Examples
    --------
    >>> lpc_cepstra(np.zeros(80), Framing(sr=8000), 2, 1, 0).round(2)
    array([[-23.03],
           [-23.03]])
    """
    c = lpc_to_cepstra(*predictors(y, framing, order), n_lpcc)
    return c * lifter_weights(np.arange(n_lpcc), lifter).astype(c.dtype)
