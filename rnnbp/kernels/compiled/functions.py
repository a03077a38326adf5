"""tanh and sigmoid of a register."""

import math

from llvmlite import ir
from numba import types
from numba.core import typing
from numba.extending import intrinsic, overload

# tanh x = x P(x^2) / Q(x^2) for |x| <= LIMIT, and beyond it as there, which is 3e-7 below 1; fitted by least squares,
# reweighted until the relative error swings evenly (within 6e-9), with P(0) = Q(0) = 1. It never reaches 1.
LIMIT = 7.9
P1, P2, P3, P4 = 0.13452871, 0.00358165803, 2.20671922e-05, 1.54899973e-08
Q1, Q2, Q3, Q4 = 0.467862008, 0.0262023944, 0.000342800864, 8.62386373e-07


def tanh(x):
    """tanh in every lane: to 3e-7 in float32, as exact as the standard library's in float64; NaN stays NaN.

    In float32 a rational function of degree 9 over 8, which needs no branch and no table.
    """
    raise NotImplementedError("for compiled code")


@overload(tanh)
def _tanh(x):
    if x.dtype == types.float32:
        return _rational
    return lambda x: _exact(x)


def _rational(x):
    x = max(min(x, LIMIT), -LIMIT)
    s = x * x
    p = 1 + s * (P1 + s * (P2 + s * (P3 + s * P4)))
    q = 1 + s * (Q1 + s * (Q2 + s * (Q3 + s * Q4)))
    return x * p / q


@intrinsic
def _exact(typingctx, x):
    """The standard library's function, lane by lane."""

    def codegen(context, builder, sig, args):
        scalar = typing.signature(types.float64, types.float64)
        tanh_of = context.get_function(math.tanh, scalar)
        result = args[0]
        for lane in range(x.lanes):
            index = ir.IntType(32)(lane)
            value = tanh_of(builder, [builder.extract_element(args[0], index)])
            result = builder.insert_element(result, value, index)
        return result

    return x(x), codegen


def sigmoid(x):
    """1 / (1 + exp(-x)) in every lane, as (1 + tanh(x / 2)) / 2."""
    raise NotImplementedError("for compiled code")


@overload(sigmoid)
def _sigmoid(x):
    if x.dtype == types.float32:
        return _half_rational
    return lambda x: 0.5 + 0.5 * tanh(0.5 * x)


def _half_rational(x):
    """The same with all halves in the coefficients."""
    x = max(min(x, 2 * LIMIT), -2 * LIMIT)
    s = x * x
    p = 1 / 4 + s * (P1 / 16 + s * (P2 / 64 + s * (P3 / 256 + s * (P4 / 1024))))
    q = 1 + s * (Q1 / 4 + s * (Q2 / 16 + s * (Q3 / 64 + s * (Q4 / 256))))
    return 0.5 + x * p / q
