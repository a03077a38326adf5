"""What generated NumPy code calls: element-wise functions, safe for complex numbers, and blocks of arrays.

For complex numbers a comparison looks at the real part alone, so that the complex step differentiates each piece.
"""

import numpy as np
from numpy import concatenate, cos, exp, sin, tanh, zeros_like

from rnnbp.cells.base import outer_sum, total
from rnnbp.core import relu, sigmoid

__all__ = [
    "absolute", "blocks", "concatenate", "cos", "exp", "maximum", "outer_sum", "positive", "relu", "sigmoid",
    "sign", "sin", "softplus", "spike", "stop_gradient", "tanh", "total", "zeros_like",
]  # fmt: skip

Array = np.ndarray


def blocks(a: Array, count: int) -> list[Array]:
    """Return the blocks of the last axis, as views: (..., count H) -> count arrays (..., H).

    Examples
    --------
    >>> blocks(np.arange(6), 3)
    [array([0, 1]), array([2, 3]), array([4, 5])]
    """
    size = a.shape[-1] // count
    return [a[..., k * size : (k + 1) * size] for k in range(count)]


def positive(a: Array) -> Array:
    """Return 1 where a > 0, else 0: the derivative of relu."""
    return (a.real > 0).astype(a.dtype)


def sign(a: Array) -> Array:
    """Return the sign of a: the derivative of the absolute value."""
    return np.sign(a.real).astype(a.dtype)


def absolute(a: Array) -> Array:
    """Return the absolute value; of a complex number, a or -a, and a number without imaginary part where a is 0."""
    if np.iscomplexobj(a):
        return np.where(a.real == 0, 0, np.where(a.real < 0, -a, a))
    return np.absolute(a)


def maximum(a: Array | float, b: Array | float) -> Array:
    """Return the greater of two values; NaN stays NaN."""
    if not (np.iscomplexobj(a) or np.iscomplexobj(b)):
        return np.maximum(a, b)
    return np.where(np.isnan(a) | (a.real > b.real), a, b)


def softplus(a: Array) -> Array:
    """Return log(1 + exp(a)), which neither overflows nor cancels."""
    return np.where(a.real < 0, 0, a) + np.log1p(np.exp(np.where(a.real < 0, a, -a)))


def spike(u: Array, surrogate: Array) -> Array:
    """Return 1 where u > 0, else 0; of complex numbers, with the surrogate derivative times Im u as imaginary part.

    Examples
    --------
    >>> spike(np.array([-0.5, 0.5]), np.array([0.1, 0.1]))
    array([0., 1.])
    """
    z = positive(u)
    if np.iscomplexobj(z):
        z.imag = surrogate.real * u.imag
    return z


def stop_gradient(a: Array) -> Array:
    """Return a number without its imaginary part, which is what the complex step differentiates."""
    return a.real
