"""An interpreter of instructions on arrays, compiled once for all cells (`rnnbp.cells.declared.instructions`)."""

from typing import Any

from numba import types
from numba.extending import intrinsic

from rnnbp.kernels.compiled.compiling import helper
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


@helper
def evaluate(product_at, code, parts, size, arrays, weights, z, fz, rows):
    """Compute fz = f(z) for the first rows of z (R, S), whose parts are `size` numbers wide each."""
    R, P, S = arrays.shape[1], arrays.shape[2], z.shape[1]
    for part in range(parts):
        copy_rows(at(arrays, part * R * P), P, at(z, part * size), S, rows, size)
    run(product_at, code, size, arrays, weights, rows)
    for part in range(parts):
        copy_rows(at(fz, part * size), S, at(arrays, (parts + part) * R * P), P, rows, size)


@helper
def run(product_at, code, size, arrays, weights, rows):
    """Run instructions on the first rows of `arrays` (n, R, P), padded to the vector width, and packed weights."""
    R, P, L = arrays.shape[1], arrays.shape[2], lanes(arrays)
    for k in range(len(code)):
        operation, count = code[k, 0], rows * P
        out, a, b = at(arrays, code[k, 1] * R * P), at(arrays, code[k, 2] * R * P), at(arrays, code[k, 3] * R * P)
        if operation == PRODUCT:
            weight = at(weights, code[k, 4] * weights.shape[1])
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


def _over_lanes(name: str) -> Any:
    """Return a function of a register that compiled code calls: the sum or the greatest of its lanes."""

    def typed(typingctx: Any, register: Any) -> Any:
        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            lane = [
                builder.extract_element(args[0], context.get_constant(types.int32, k)) for k in range(register.lanes)
            ]
            total = lane[0]
            for value in lane[1:]:
                if name == "sum":
                    total = builder.fadd(total, value)
                else:
                    total = builder.select(builder.fcmp_ordered(">", value, total), value, total)
            return total

        return register.dtype(register), codegen

    return intrinsic(typed)


sum_of, greatest_of = _over_lanes("sum"), _over_lanes("greatest")


@helper
def dot(p, q, count):
    """Return the sum of `count` products, a multiple of the vector width, from two addresses on."""
    total = load(p) * load(q)
    for i in range(lanes(p), count, lanes(p)):
        total = total + load(at(p, i)) * load(at(q, i))
    return sum_of(total)
