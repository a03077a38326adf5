"""Linear prediction of each sample from the preceding ones."""

from typing import Unpack

import numpy as np
from numpy.typing import ArrayLike

from rnnbp.features.framing import Framing, FramingOptions, by_blocks
from rnnbp.features.signals import checked_features
from rnnbp.runtime import positive_int

Array = np.ndarray


def autocorrelation(frames: ArrayLike, order: int) -> Array:
    """Compute the autocorrelation of each frame, ``r[k] = sum_n x[n] x[n+k]``.

    Parameters
    ----------
    frames : array_like (T, N)
    order : int
        The longest lag, less than N.

    Returns
    -------
    ndarray (T, order + 1)

    Raises
    ------
    ValueError
        If `order` is N or more.

    Examples
    --------
    >>> autocorrelation([[1.0, 2.0, 3.0]], 2)
    array([[14.,  8.,  3.]])
    """
    x = checked_features(frames, "frames")
    N = x.shape[1]
    _check_order(order, N)
    return np.stack([np.einsum("tn,tn->t", x[:, : N - k], x[:, k:]) for k in range(order + 1)], axis=1)


def levinson_durbin(r: ArrayLike) -> tuple[Array, Array, Array]:
    """Compute linear predictors from the autocorrelations of frames by the Levinson-Durbin recursion.

    They solve ``sum_j a[j] r[|i-j|] = 0`` for i = 1 to P, with a[0] = 1, which minimises the energy of the prediction
    error ``e[n] = sum_j a[j] x[n-j]``. Once that energy is down to rounding error, the coefficients of higher orders
    are 0; so are all of a silent frame, ``r[0] = 0``.

    Parameters
    ----------
    r : array_like (T, P + 1)
        Lags 0 to P, such as `autocorrelation` returns.

    Returns
    -------
    a : ndarray (T, P + 1)
        Prediction-error filters; ``a[:, 0]`` is 1. All roots are within the unit circle.
    error : ndarray (T,)
        Energy of the prediction error, ``sum_j a[j] r[j]``.
    reflection : ndarray (T, P)
        Reflection coefficients, the last coefficient of each order's predictor, between -1 and 1.

    References
    ----------
    J. Makhoul (1975), "Linear prediction: a tutorial review", Proc. IEEE 63(4), 561-580, eq. 38,
    doi:10.1109/PROC.1975.9792

    Examples
    --------
    >>> a, error, reflection = levinson_durbin([[1.0, 0.5, 0.4]])
    >>> a.round(12), error.round(12), reflection.round(12)
    (array([[ 1. , -0.4, -0.2]]), array([0.72]), array([[-0.5, -0.2]]))
    """
    r = checked_features(r, "r")
    P = r.shape[1] - 1
    a = np.zeros_like(r)
    a[:, 0] = 1
    reflection = np.zeros_like(r[:, 1:])
    error = r[:, 0].copy()
    rounding = np.abs(error) * (P + 1) * np.finfo(r.dtype).eps
    for i in range(1, P + 1):
        k = -_ratio(np.einsum("tj,tj->t", a[:, :i], r[:, i:0:-1]), error, rounding)
        a[:, 1 : i + 1] += k[:, None] * a[:, i - 1 :: -1]
        error *= 1 - k * k
        reflection[:, i - 1] = k
    return a, error, reflection


def burg(frames: ArrayLike, order: int) -> Array:
    """Compute predictors by Burg's method, as `librosa.lpc`: without a window, from forward and backward errors.

    Parameters
    ----------
    frames : array_like (T, N)
    order : int
        P, less than N.

    Returns
    -------
    ndarray (T, P + 1)
        Prediction-error filters; the first coefficient is 1.

    Raises
    ------
    ValueError
        If `order` is N or more.

    References
    ----------
    L. Marple (1980), "A new autoregressive spectrum analysis algorithm", IEEE Trans. ASSP 28(4), 441-454, section III,
    doi:10.1109/TASSP.1980.1163429

    Examples
    --------
    >>> burg(0.5 ** np.arange(30.0)[None], 1).round(6)
    array([[ 1. , -0.8]])
    """
    x = checked_features(frames, "frames")
    _check_order(order, x.shape[1])
    a = np.zeros((len(x), order + 1), x.dtype)
    a[:, 0] = 1
    rounding = np.einsum("tn,tn->t", x, x) * np.finfo(x.dtype).eps
    forward, backward = x[:, 1:], x[:, :-1]
    for i in range(1, order + 1):
        energy = np.einsum("tn,tn->t", forward, forward) + np.einsum("tn,tn->t", backward, backward)
        k = -_ratio(2 * np.einsum("tn,tn->t", forward, backward), energy, rounding)[:, None]
        a[:, 1 : i + 1] += k * a[:, i - 1 :: -1]
        forward, backward = (forward + k * backward)[:, 1:], (backward + k * forward)[:, :-1]
    return a


def lpc(y: ArrayLike, *, sr: float, order: int = 12, **framing: Unpack[FramingOptions]) -> Array:
    """Compute the linear prediction coefficients of each windowed frame by the autocorrelation method.

    Parameters
    ----------
    y : array_like (n,)
    sr : float
        Samples a second, in Hz.
    order : int, default 12
        P; for speech about 4 + sr / 1000.
    **framing
        `n_fft`, `hop_length`, `win_length`, `window`, `center`, `pad_mode`; see `Framing`.

    Returns
    -------
    ndarray (T, P + 1)
        Prediction-error filters; the first coefficient is 1.

    Raises
    ------
    ValueError
        If `y` is not a signal, or an argument is out of its range.

    See Also
    --------
    levinson_durbin : the recursion. burg : without a window.

    Examples
    --------
    >>> a = lpc(np.sin(0.5 * np.arange(8000)), sr=8000, order=2)
    >>> a.shape, float(np.angle(np.roots(a[50])[0]).round(2))
    ((101, 3), 0.5)
    """
    return predictors(y, Framing(sr=sr, **framing), order)[0]


def predictors(y: ArrayLike, framing: Framing, order: int) -> tuple[Array, Array]:
    """Compute the predictors (T, P + 1) of the windowed frames, and the energies (T,) of the prediction errors.

    Examples
    --------
    >>> predictors(np.zeros(160), Framing(sr=8000), 2)[0].tolist()
    [[1.0, 0.0, 0.0], [1.0, 0.0, 0.0], [1.0, 0.0, 0.0]]
    """
    if positive_int("order", order) >= framing.win_length:
        raise ValueError(
            f"order must be less than win_length = {framing.win_length}, got {order} at sr = {framing.sr:g}"
        )
    frames = framing.frames(y)
    window = framing.padded_window()  # in float64: float32 is not precise enough for the recursion
    a, error, _ = levinson_durbin(by_blocks(frames, lambda block: autocorrelation(block * window, order)))
    return a.astype(frames.dtype), error.astype(frames.dtype)


def _check_order(order: int, N: int) -> None:
    if positive_int("order", order) >= N:
        raise ValueError(f"order must be less than the {N} samples of a frame, got {order}")


def _ratio(above: Array, below: Array, rounding: Array) -> Array:
    """Divide elementwise; 0 where the denominator is only rounding error."""
    return np.divide(above, below, out=np.zeros_like(above), where=below > rounding)
