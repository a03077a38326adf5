"""The functions of equations on registers, besides `tanh` and `sigmoid`."""

import math

from rnnbp.kernels.compiled.emitted import Register, emitted


@emitted
def exp(a: Register) -> Register:
    """Return the exponential function."""
    return a.by_lanes(math.exp)


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
    return a.at_least(0) + (-a.at_least(-a)).by_lanes(math.exp).by_lanes(math.log1p)


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
