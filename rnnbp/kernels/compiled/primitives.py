"""The functions of equations on registers, besides `tanh` and `sigmoid`."""

import math

from llvmlite import ir
from numba import njit
from numba.core import typing
from numba.extending import intrinsic

from rnnbp.kernels.compiled.vectors import ones_where_positive


@intrinsic
def exp(typingctx, x):
    """Return the standard library's exponential function, lane by lane."""
    return x(x), _by_lanes(math.exp)


@intrinsic
def sin(typingctx, x):
    """Return the standard library's sine, lane by lane."""
    return x(x), _by_lanes(math.sin)


@intrinsic
def cos(typingctx, x):
    """Return the standard library's cosine, lane by lane."""
    return x(x), _by_lanes(math.cos)


@intrinsic
def log1p(typingctx, x):
    """Return the standard library's log(1 + x), lane by lane."""
    return x(x), _by_lanes(math.log1p)


def _by_lanes(function):
    def codegen(context, builder, sig, args):
        (vec,) = sig.args
        of_lane = context.get_function(function, typing.signature(vec.dtype, vec.dtype))
        result = args[0]
        for lane in range(vec.lanes):
            index = ir.IntType(32)(lane)
            value = of_lane(builder, [builder.extract_element(args[0], index)])
            result = builder.insert_element(result, value, index)
        return result

    return codegen


@njit(nogil=True)
def relu(a):
    """Return max(0, a); NaN stays NaN."""
    return max(a, 0.0)


@njit(nogil=True)
def absolute(a):
    """Return the absolute value."""
    return max(a, -a)


@njit(nogil=True)
def maximum(a, b):
    """Return the greater of two values."""
    return max(a, b)


@njit(nogil=True)
def softplus(a):
    """Return log(1 + exp(a)), which neither overflows nor cancels."""
    return max(a, 0.0) + log1p(exp(-absolute(a)))


@njit(nogil=True)
def positive(a):
    """Return 1 where a > 0, else 0."""
    return ones_where_positive(a)


@njit(nogil=True)
def sign(a):
    """Return the sign."""
    return ones_where_positive(a) - ones_where_positive(-a)


@njit(nogil=True)
def spike(u, surrogate):
    """Return 1 where u > 0, else 0; the surrogate derivative is for complex numbers."""
    return ones_where_positive(u)


@njit(nogil=True)
def stop_gradient(a):
    """Return its argument."""
    return a


__all__ = [
    "absolute", "cos", "exp", "maximum", "positive", "relu", "sign", "sin", "softplus", "spike", "stop_gradient",
]  # fmt: skip
