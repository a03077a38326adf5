"""Time derivatives of features: deltas and accelerations."""

from functools import lru_cache
from math import factorial

import numpy as np
from numpy.typing import ArrayLike

from rnnbp.features.signals import checked_features
from rnnbp.runtime import choice, integer_at_least, natural_int, number, positive_int, unused

Array = np.ndarray

PADDING = {"nearest": "edge", "mirror": "reflect", "constant": "constant", "wrap": "wrap"}  # SciPy's names, NumPy's


def delta(data: ArrayLike, *, width: int = 9, order: int = 1, mode: str = "interp", cval: float = 0.0) -> Array:
    """Compute the `order`-th time derivative, from the least-squares polynomial of that degree around each frame.

    With ``order=1, mode="nearest"`` it is HTK's and python_speech_features' regression over ``N = width // 2`` frames
    on either side, ``sum_n n (x[t+n] - x[t-n]) / (2 sum_n n^2)``.

    Parameters
    ----------
    data : array_like (T, F)
    width : int, odd, 3 or more, default 9
        Frames the polynomial is fitted to.
    order : int, default 1
        1 for deltas, 2 for accelerations; less than `width`.
    mode : {'interp', 'nearest', 'mirror', 'constant', 'wrap'}, default 'interp'
        Padding beyond the ends: none, the polynomial of the outermost `width` frames is used there; the outermost
        frame; the frames mirrored about it; `cval`; the frames of the other end.
    cval : float, default 0
        For mode 'constant'.

    Returns
    -------
    ndarray (T, F)
        Per frame to the power of `order`.

    Raises
    ------
    ValueError
        If an argument is out of its range, there are fewer than `width` frames for mode 'interp', or `cval` is given
        for another mode than 'constant'.

    References
    ----------
    S. Furui (1986), "Speaker-independent isolated word recognition using dynamic features of speech spectrum", IEEE
    Trans. ASSP 34(1), 52-59, doi:10.1109/TASSP.1986.1164788; A. Savitzky & M. J. E. Golay (1964), "Smoothing and
    differentiation of data by simplified least squares procedures", Anal. Chem. 36, 1627-1639, doi:10.1021/ac60214a047

    Examples
    --------
    >>> x = np.arange(5.0)[:, None] ** 2
    >>> delta(x, width=3).ravel().round(12), delta(x, width=3, order=2).ravel().round(12)
    (array([2., 2., 4., 6., 6.]), array([2., 2., 2., 2., 2.]))
    """
    x = checked_features(data, "data")
    width = _odd_width(width)
    if positive_int("order", order) >= width:
        raise ValueError(f"order must be less than width = {width}, got {order}")
    if choice("mode", mode, ["interp", *PADDING]) != "constant":
        unused("cval", cval, 0.0, f"in mode {mode!r}, but in 'constant'")
    half, weights = width // 2, _weights(width, order).astype(x.dtype)
    beyond = ((half, half), (0, 0))
    if mode == "interp":
        if len(x) < width:
            raise ValueError(f"data must have at least width = {width} frames for mode 'interp', got {len(x)}")
        return np.pad(_weighted(x, weights), beyond, "edge")  # its highest derivative is the same all along it
    if mode == "constant":
        return _weighted(np.pad(x, beyond, "constant", constant_values=number("cval", cval)), weights)
    return _weighted(np.pad(x, beyond, PADDING[mode]), weights)  # type: ignore[call-overload]


def with_deltas(x: ArrayLike, deltas: int, *, width: int = 9, mode: str = "nearest") -> Array:
    """Append the first `deltas` time derivatives to features.

    Parameters
    ----------
    x : array_like (T, F)
    deltas : int
        0: none, 1: deltas, 2: accelerations as well.
    width, mode : int and str, default 9 and 'nearest'
        See `delta`; with 'nearest', one frame is enough.

    Returns
    -------
    ndarray (T, (1 + deltas) F)

    Raises
    ------
    ValueError
        If an argument is out of its range, or another argument is given while `deltas` is 0.

    Examples
    --------
    >>> with_deltas([[0.0], [1.0], [2.0]], 1, width=3)
    array([[0. , 0.5],
           [1. , 1. ],
           [2. , 0.5]])
    """
    x = checked_features(x)
    _check_widths(deltas, width, 9)
    if not deltas:
        unused("mode", mode, "nearest", "where deltas is 0")
    orders = range(1, deltas + 1)
    return np.hstack([x, *(delta(x, width=width, order=n, mode=mode) for n in orders)])


def with_regressions(x: ArrayLike, deltas: int, *, width: int = 5) -> Array:
    """Append deltas, deltas of deltas and so on to features, as HTK does (_D_A_T).

    Each is `delta` of order 1 and mode 'nearest' of the one before, where `with_deltas` fits a polynomial of higher
    order to the features themselves.

    Parameters
    ----------
    x : array_like (T, F)
    deltas : int
        0: none, 1: deltas, 2: accelerations as well.
    width : int, odd, default 5
        ``2 N + 1``, N being HTK's DELTAWINDOW and ACCWINDOW.

    Returns
    -------
    ndarray (T, (1 + deltas) F)

    Raises
    ------
    ValueError
        If an argument is out of its range, or another argument is given while `deltas` is 0.

    Examples
    --------
    >>> with_regressions([[0.0], [1.0], [2.0]], 2, width=3).round(12) + 0.0
    array([[ 0.  ,  0.5 ,  0.25],
           [ 1.  ,  1.  ,  0.  ],
           [ 2.  ,  0.5 , -0.25]])
    """
    columns = [checked_features(x)]
    _check_widths(deltas, width, 5)
    for _ in range(deltas):
        columns.append(delta(columns[-1], width=width, mode="nearest"))
    return np.hstack(columns)


def _check_widths(deltas: int, width: int, default: int) -> None:
    _odd_width(width)
    if not natural_int("deltas", deltas):
        unused("width", width, default, "where deltas is 0")


def _odd_width(width: int) -> int:
    if integer_at_least("width", width, 3, "an odd integer of 3 or more") % 2 == 0:
        raise ValueError(f"width must be an odd integer of 3 or more, got {width}")
    return int(width)


@lru_cache(maxsize=64)
def _weights(width: int, order: int) -> Array:
    """Return the weights of `width` frames in the derivative, (width,)."""
    t = np.arange(width) - width // 2
    return factorial(order) * np.linalg.pinv(np.vander(t, order + 1, increasing=True).astype(float))[order]


def _weighted(x: Array, weights: Array) -> Array:
    """Compute weighted sums over all windows of len(weights) frames, (T - len(weights) + 1, F)."""
    return np.lib.stride_tricks.sliding_window_view(x, len(weights), axis=0) @ weights
