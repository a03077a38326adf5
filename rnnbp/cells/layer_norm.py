"""Layer normalization over the units of one step, and its vector-Jacobian product."""

import numpy as np

from rnnbp.cells.base import Array

EPSILON = 1e-5  # added to the variance, as PyTorch does


def normalized(a: Array, eps: float = EPSILON) -> tuple[Array, Array]:
    """Return units with mean 0 and variance 1, and the reciprocal of their standard deviation before.

    Parameters
    ----------
    a : ndarray (..., K)
    eps : float, default 1e-5
        It is added to the variance.

    Returns
    -------
    unit : ndarray (..., K)
    scale : ndarray (..., 1)
        1 / sqrt(variance + eps).

    References
    ----------
    J. L. Ba, J. R. Kiros & G. E. Hinton (2016), "Layer normalization", arXiv:1607.06450, equation 3

    Examples
    --------
    >>> unit, scale = normalized(np.array([1.0, 3.0]))
    >>> unit.round(4), scale.round(4)
    (array([-1.,  1.]), array([1.]))
    """
    centred = a - a.mean(axis=-1, keepdims=True)
    scale = 1 / np.sqrt((centred * centred).mean(axis=-1, keepdims=True) + a.real.dtype.type(eps))
    return centred * scale, scale


def normalized_vjp(result: tuple[Array, Array], d_unit: Array) -> Array:
    """Return the gradient with respect to what was normalized.

    Parameters
    ----------
    result : tuple of ndarray (..., K) and (..., 1)
        As `normalized` returned it.
    d_unit : ndarray (..., K)
        The gradient with respect to the units.

    Examples
    --------
    A constant that is added to all units has no effect:

    >>> d = normalized_vjp(normalized(np.array([1.0, 3.0, 4.0])), np.array([1.0, 0.0, 0.0]))
    >>> bool(abs(d.sum()) < 1e-15)
    True
    """
    unit, scale = result
    along = (d_unit * unit).mean(axis=-1, keepdims=True)
    return scale * (d_unit - d_unit.mean(axis=-1, keepdims=True) - unit * along)
