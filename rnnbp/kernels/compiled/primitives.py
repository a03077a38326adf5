"""The functions of equations on registers, besides `tanh` and `sigmoid`."""

import math
from collections.abc import Sequence

from numba import types

from rnnbp.kernels.compiled.emitted import Register, emitted

# exp(a) = 2^n exp(r), with r = a - n log 2 in two steps, and |r| <= log(2) / 2, where Taylor's series is short.
LOG_2 = {types.float32: (355 / 512, -2.12194440e-4), types.float64: (0.693145751953125, 1.42860682030941723e-6)}
BOUNDS = {
    types.float32: (-105.0, 89.0),
    types.float64: (-746.0, 710.0),
}  # beyond which the exponential is 0 or infinite
TERMS = {types.float32: 8, types.float64: 14}


@emitted
def exp(a: Register) -> Register:
    """Return the exponential function, to a rounding error or two."""
    return _exp(a)


def _exp(a: Register) -> Register:
    least, most = BOUNDS[a.vec.dtype]
    a = a.at_most(most).at_least(least)
    n, power, other = (a * math.log2(math.e)).rounded()
    high, low = LOG_2[a.vec.dtype]
    r = a - n * high - n * low
    return _series(r, [1 / math.factorial(k) for k in range(TERMS[a.vec.dtype])]) * power * other


def _log1p(u: Register) -> Register:
    """Return log(1 + u) for u in [0, 1], as 2 artanh(s) with s = u / (2 + u)."""
    s = u / (2 + u)
    return s * _series(s * s, [2 / (2 * k + 1) for k in range(8 if u.vec.dtype == types.float32 else 17)])


def _series(x: Register, coefficients: Sequence[float]) -> Register:
    """Return a polynomial by Horner's rule, the coefficient of x^0 first."""
    *rest, one, last = coefficients
    total = x * last + one
    for coefficient in reversed(rest):
        total = total * x + coefficient
    return total


@emitted
def sin(a: Register) -> Register:
    """Return the sine."""
    return a.by_lanes(math.sin)


@emitted
def cos(a: Register) -> Register:
    """Return the cosine."""
    return a.by_lanes(math.cos)


@emitted
def relu(a: Register) -> Register:
    """Return max(0, a); NaN stays NaN."""
    return a.at_least(0)


@emitted
def absolute(a: Register) -> Register:
    """Return the absolute value."""
    return a.at_least(-a)


@emitted
def maximum(a: Register, b: Register) -> Register:
    """Return the greater of two values."""
    return a.at_least(b)


@emitted
def softplus(a: Register) -> Register:
    """Return log(1 + exp(a)), which neither overflows nor cancels."""
    return a.at_least(0) + _log1p(_exp(-a.at_least(-a)))


@emitted
def positive(a: Register) -> Register:
    """Return 1 where a > 0, else 0."""
    return a.is_positive()


@emitted
def sign(a: Register) -> Register:
    """Return the sign."""
    return a.is_positive() - (-a).is_positive()


@emitted
def spike(u: Register, surrogate: Register) -> Register:
    """Return 1 where u > 0, else 0; the surrogate derivative is for complex numbers."""
    return u.is_positive()


@emitted
def stop_gradient(a: Register) -> Register:
    """Return its argument."""
    return a


__all__ = [
    "absolute", "cos", "exp", "maximum", "positive", "relu", "sign", "sin", "softplus", "spike", "stop_gradient",
]  # fmt: skip
