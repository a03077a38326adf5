"""Sums and maxima over the lanes of a register, and inner products."""

from typing import Any

from numba import types
from numba.extending import intrinsic

from rnnbp.kernels.compiled.compiling import helper
from rnnbp.kernels.compiled.vectors import at, lanes, load


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
    """Return the inner product of `count` numbers, a multiple of the vector width, from two addresses on."""
    total = load(p) * load(q)
    for i in range(lanes(p), count, lanes(p)):
        total = total + load(at(p, i)) * load(at(q, i))
    return sum_of(total)
