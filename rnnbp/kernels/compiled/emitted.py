"""Functions of registers that are emitted where compiled code calls them, which compiles faster than calls do."""

import inspect
import operator
from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import typing
from numba.extending import intrinsic

from rnnbp.kernels.compiled.vectors import EMIT, Vec


class Register:
    """A register while code is emitted: arithmetic on it, and on a number, emits the instructions.

    Parameters
    ----------
    context, builder
        Numba's context and LLVM's builder.
    vec : Vec
        Its type.
    value
        LLVM's value.
    """

    def __init__(self, context: Any, builder: ir.IRBuilder, vec: Vec, value: Any) -> None:
        self.context, self.builder, self.vec, self.value = context, builder, vec, value

    def like(self, value: Any) -> "Register":
        """Return another register of the same type."""
        return Register(self.context, self.builder, self.vec, value)

    def emit(self, symbol: Callable[..., Any], *args: "Register | float") -> "Register":
        """Emit one instruction."""
        values = [
            arg.value if isinstance(arg, Register) else ir.Constant(self.value.type, [float(arg)] * self.vec.lanes)
            for arg in args
        ]
        return self.like(EMIT[symbol](self.builder, *values))

    def __add__(self, other: "Register | float") -> "Register":
        return self.emit(operator.add, self, other)

    def __radd__(self, other: float) -> "Register":
        return self.emit(operator.add, other, self)

    def __sub__(self, other: "Register | float") -> "Register":
        return self.emit(operator.sub, self, other)

    def __mul__(self, other: "Register | float") -> "Register":
        return self.emit(operator.mul, self, other)

    def __rmul__(self, other: float) -> "Register":
        return self.emit(operator.mul, other, self)

    def __truediv__(self, other: "Register | float") -> "Register":
        return self.emit(operator.truediv, self, other)

    def __neg__(self) -> "Register":
        return self.emit(operator.neg, self)

    def at_least(self, other: "Register | float") -> "Register":
        """Return the greater of two; NaN stays NaN."""
        return self.emit(max, self, other)

    def at_most(self, other: "Register | float") -> "Register":
        """Return the smaller of two; NaN stays NaN."""
        return self.emit(min, self, other)

    def is_positive(self) -> "Register":
        """Return 1 in every lane that is greater than 0, else 0."""
        zero = ir.Constant(self.value.type, None)
        return self.like(self.builder.uitofp(self.builder.fcmp_ordered(">", self.value, zero), zero.type))

    def rounded(self) -> tuple["Register", "Register", "Register"]:
        """Return the nearest integers n, and two powers of 2 whose product is 2 ** n, which may be none itself.

        The last bits of n + 1.5 * 2 ** digits, with as many binary digits as a number has, are those of n.
        """
        bits, digits, bias = (32, 23, 127) if self.vec.dtype == types.float32 else (64, 52, 1023)
        builder, integers, shift = self.builder, ir.VectorType(ir.IntType(bits), self.vec.lanes), 1.5 * 2.0**digits

        def integer(value: int) -> ir.Constant:
            return ir.Constant(integers, [value] * self.vec.lanes)

        def power(k: Any) -> Register:
            of_exponent = builder.shl(builder.add(k, integer(bias)), integer(digits))
            return self.like(builder.bitcast(of_exponent, self.value.type))

        moved = self + shift
        of_shift = integer((bias + digits << digits) + (1 << digits - 1))
        n = builder.sub(builder.bitcast(moved.value, integers), of_shift)
        half = builder.ashr(n, integer(1))
        return moved - shift, power(half), power(builder.sub(n, half))

    def by_lanes(self, function: Callable[[float], float]) -> "Register":
        """Return the standard library's function, lane by lane."""
        of_lane = self.context.get_function(function, typing.signature(self.vec.dtype, self.vec.dtype))
        result = self.value
        for index in map(ir.IntType(32), range(self.vec.lanes)):
            value = of_lane(self.builder, [self.builder.extract_element(self.value, index)])
            result = self.builder.insert_element(result, value, index)
        return self.like(result)


def emitted(function: Callable[..., Register]) -> Any:
    """Make a function of registers one that compiled code calls with registers, or with a register and numbers."""

    def typed(typingctx: Any, *args: Any) -> Any:
        vec = next((arg for arg in args if isinstance(arg, Vec)), None)
        if vec is None:
            return None

        def codegen(context: Any, builder: Any, sig: Any, values: Any) -> Any:
            return function(*(Register(context, builder, vec, value) for value in values)).value

        return vec(*[vec] * len(args)), codegen

    context = inspect.Parameter("typingctx", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    typed.__signature__ = inspect.Signature([context, *inspect.signature(function).parameters.values()])  # type: ignore[attr-defined]
    typed.__name__, typed.__doc__ = function.__name__, function.__doc__
    return intrinsic(typed)
