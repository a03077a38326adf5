"""An interpreter of instructions on arrays, compiled once for all cells (`rnnbp.cells.declared.instructions`)."""

from functools import cache
from typing import Any

import numpy as np
from numba import from_dtype, types
from numba.extending import intrinsic

from rnnbp.kernels.compiled.compiling import address_of, call_at_address, helper
from rnnbp.kernels.compiled.functions import sigmoid, tanh
from rnnbp.kernels.compiled.primitives import absolute, cos, exp, maximum, positive, relu, sign, sin, softplus
from rnnbp.kernels.compiled.product import COLUMNS, product
from rnnbp.kernels.compiled.vectors import at, copy_rows, lanes, load, quotient, store

OPERATIONS = (
    *("copy", "product", "add", "sub", "mul", "div", "neg", "abs", "sigmoid", "tanh", "relu", "exp", "sin", "cos"),
    *("softplus", "maximum", "spike", "positive", "sign"),
)
(
    COPY, PRODUCT, ADD, SUB, MUL, DIV, NEG, ABS, SIGMOID, TANH, RELU, EXP, SIN, COS, SOFTPLUS, MAXIMUM, SPIKE, POSITIVE,
    SIGN,
) = range(len(OPERATIONS))  # fmt: skip

WIDTH = 5  # numbers of an instruction: the operation, `out`, `a`, `b` and the weight


@helper
def evaluate(problem, z, fz, rows):
    """Compute fz = f(z) for the first rows of z (R, S), whose parts are `size` numbers wide each.

    `problem` is a tuple of the address of the interpreter, that of the matrix product, the code (n, `WIDTH`), the
    number of parts, `size`, the place of the first constant, the arrays (n, R, P), and the packed weights (n, W).
    """
    address, product_at, code, parts, size, _, arrays, weights = problem
    run(
        address, product_at, at(code, 0), len(code), parts, size, at(arrays, 0), arrays.shape[1], arrays.shape[2],
        at(weights, 0), weights.shape[1], at(z, 0), at(fz, 0), z.shape[1], rows
    )  # fmt: skip


def _signature(dtype: types.Float) -> Any:
    integer, pointer = types.intp, types.CPointer(dtype)
    code, arrays = (types.CPointer(types.int64), integer), (pointer, integer, integer)
    return types.void(integer, *code, integer, integer, *arrays, pointer, integer, pointer, pointer, integer, integer)


@intrinsic
def run(typingctx, address, product_at, code, count, parts, size, arrays, R, P, weights, W, z, fz, S, rows):
    """Call the interpreter at an address; the other arguments are those of `_run`."""
    return call_at_address(_signature(arrays.dtype))


@cache
def interpreter_of(dtype: np.dtype) -> int:
    """Return the address of the interpreter, compiled for float32 or float64."""
    return address_of(_run, _signature(from_dtype(dtype)))


def _run(product_at, code, instructions, parts, size, arrays, R, P, weights, W, z, fz, S, rows):
    """Run instructions on the first rows of arrays (n, R, P), with packed weights of W numbers each.

    The parts of z (R, S) are copied to the first arrays, and those of fz (R, S) from the arrays behind them.
    """
    L, count = lanes(arrays), rows * P
    for part in range(parts):
        copy_rows(at(arrays, part * R * P), P, at(z, part * size), S, rows, size)
    for k in range(0, instructions * WIDTH, WIDTH):
        operation, out = code[k], at(arrays, code[k + 1] * R * P)
        a, b = at(arrays, code[k + 2] * R * P), at(arrays, code[k + 3] * R * P)
        if operation == PRODUCT:
            weight = at(weights, code[k + 4] * W)
            product(product_at, rows, quotient(P, L), a, P, 1, weight, COLUMNS * L, size, b, P, out, P, L)
        elif operation == TANH:
            for i in range(0, count, L):
                store(at(out, i), tanh(load(at(a, i))))
        elif operation == MUL:
            for i in range(0, count, L):
                store(at(out, i), load(at(a, i)) * load(at(b, i)))
        elif operation == ADD:
            for i in range(0, count, L):
                store(at(out, i), load(at(a, i)) + load(at(b, i)))
        elif operation == SUB:
            for i in range(0, count, L):
                store(at(out, i), load(at(a, i)) - load(at(b, i)))
        elif operation == SIGMOID:
            for i in range(0, count, L):
                store(at(out, i), sigmoid(load(at(a, i))))
        elif operation == COPY:
            copy_rows(out, P, a, P, rows, P)
        elif operation == DIV:
            for i in range(0, count, L):
                store(at(out, i), load(at(a, i)) / load(at(b, i)))
        elif operation == NEG:
            for i in range(0, count, L):
                store(at(out, i), -load(at(a, i)))
        elif operation == ABS:
            for i in range(0, count, L):
                store(at(out, i), absolute(load(at(a, i))))
        elif operation == RELU:
            for i in range(0, count, L):
                store(at(out, i), relu(load(at(a, i))))
        elif operation == EXP:
            for i in range(0, count, L):
                store(at(out, i), exp(load(at(a, i))))
        elif operation == SIN:
            for i in range(0, count, L):
                store(at(out, i), sin(load(at(a, i))))
        elif operation == COS:
            for i in range(0, count, L):
                store(at(out, i), cos(load(at(a, i))))
        elif operation == SOFTPLUS:
            for i in range(0, count, L):
                store(at(out, i), softplus(load(at(a, i))))
        elif operation == MAXIMUM:
            for i in range(0, count, L):
                store(at(out, i), maximum(load(at(a, i)), load(at(b, i))))
        elif operation == SIGN:
            for i in range(0, count, L):
                store(at(out, i), sign(load(at(a, i))))
        else:  # SPIKE or POSITIVE
            for i in range(0, count, L):
                store(at(out, i), positive(load(at(a, i))))
    for part in range(parts):
        copy_rows(at(fz, part * size), S, at(arrays, (parts + part) * R * P), P, rows, size)
