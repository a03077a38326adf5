"""A vector register as a Numba type, so that kernels are written in plain arithmetic on registers.

``load(p)`` is a register of numbers (`lanes` of them on this machine), from address `p` on; ``+ - * /``
between registers, or with a number, act lane by lane; ``store(p, v)`` writes back. LLVM compiles the same code for
every machine.

A product and a sum may be fused into one rounding (LLVM's ``contract``), nothing else is reordered: NaN and
infinities behave as in IEEE 754, and the same numbers come out at every run.
"""

import operator
from collections.abc import Callable
from typing import Any

from llvmlite import binding, ir
from numba import config, types
from numba.core import cgutils, typing
from numba.core.datamodel import models
from numba.core.typing.templates import AbstractTemplate, infer_global
from numba.extending import intrinsic, lower_builtin, lower_cast, register_model

CONTRACT = ("contract",)


def _register_bytes() -> int:
    """Return the bytes of a vector register of the machine that Numba compiles for."""
    host = str(binding.get_host_cpu_features().flatten())
    features = (str(config.CPU_FEATURES or "") if config.CPU_NAME else host).split(",")
    return 64 if "+avx512f" in features else 32 if "+avx2" in features else 16


REGISTER_BYTES = _register_bytes()


class Vec(types.Type):
    """Vector register of numbers of `dtype`."""

    def __init__(self, dtype: types.Float) -> None:
        self.dtype = dtype
        self.lanes = REGISTER_BYTES * 8 // dtype.bitwidth
        super().__init__(f"Vec({dtype} x {self.lanes})")


@register_model(Vec)
class _VecModel(models.PrimitiveModel):
    def __init__(self, dmm: Any, fe_type: Vec) -> None:
        super().__init__(dmm, fe_type, ir.VectorType(dmm.lookup(fe_type.dtype).get_value_type(), fe_type.lanes))


def splat(builder: ir.IRBuilder, scalar: Any, lanes: int) -> Any:
    """Broadcast a number to every lane."""
    i32 = ir.IntType(32)
    first = builder.insert_element(
        ir.Constant(ir.VectorType(scalar.type, lanes), ir.Undefined), scalar, ir.Constant(i32, 0)
    )
    return builder.shuffle_vector(first, first, ir.Constant(ir.VectorType(i32, lanes), [0] * lanes))


@lower_cast(types.Number, Vec)
def _spread(context: Any, builder: Any, fromty: Any, toty: Vec, value: Any) -> Any:
    return splat(builder, context.cast(builder, value, fromty, toty.dtype), toty.lanes)


# The arithmetic of registers: how an operator is emitted.
EMIT: dict[Callable[..., Any], Callable[..., Any]] = {
    operator.add: lambda b, x, y: b.fadd(x, y, flags=CONTRACT),
    operator.sub: lambda b, x, y: b.fsub(x, y, flags=CONTRACT),
    operator.mul: lambda b, x, y: b.fmul(x, y, flags=CONTRACT),
    operator.truediv: lambda b, x, y: b.fdiv(x, y),
    operator.neg: lambda b, x: b.fneg(x),
    min: lambda b, x, y: b.select(b.fcmp_ordered("<", y, x), y, x),  # NaN in x stays NaN
    max: lambda b, x, y: b.select(b.fcmp_ordered(">", y, x), y, x),
}


def _make_operator(symbol: Callable[..., Any], emit: Callable[..., Any]) -> None:
    """Make `symbol` work in compiled code on registers, and on a register and a number."""

    @infer_global(symbol)
    class _Template(AbstractTemplate):
        key = symbol

        def generic(self, args: Any, kws: Any) -> Any:
            vec = next((a for a in args if isinstance(a, Vec)), None)
            return vec and typing.signature(vec, *[vec] * len(args))

    @lower_builtin(symbol, *[Vec] * (emit.__code__.co_argcount - 1))
    def _lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return emit(builder, *args)


for _symbol, _emit in EMIT.items():
    _make_operator(_symbol, _emit)


@intrinsic
def at(typingctx, base, offset):
    """Return the address `offset` numbers into an array, or after an address."""

    def codegen(context, builder, sig, args):
        data = args[0]
        if isinstance(base, types.Array):
            data = builder.extract_value(data, context.data_model_manager[base].get_field_position("data"))
        return builder.gep(data, [args[1]])

    return types.CPointer(base.dtype)(base, types.intp), codegen


@intrinsic
def load(typingctx, pointer):
    """Load the register that begins at an address."""
    vec = Vec(pointer.dtype)

    def codegen(context, builder, sig, args):
        return load_vector(builder, args[0], context.get_value_type(vec))

    return vec(pointer), codegen


@intrinsic
def store(typingctx, pointer, value):
    """Write a register, or a number into all its lanes, from an address on."""
    vec = Vec(pointer.dtype)

    def codegen(context, builder, sig, args):
        store_vector(builder, args[1], args[0])

    return types.void(pointer, vec), codegen


def load_vector(builder: ir.IRBuilder, pointer: Any, vector: ir.VectorType) -> Any:
    """Load from any address, aligned or not."""
    return builder.load(builder.bitcast(pointer, vector.as_pointer()), align=1)


def store_vector(builder: ir.IRBuilder, value: Any, pointer: Any) -> None:
    """Store to any address, aligned or not."""
    builder.store(value, builder.bitcast(pointer, value.type.as_pointer()), align=1)


@intrinsic
def lanes(typingctx, base):
    """Return how many numbers of an array's dtype a register holds."""

    def codegen(context, builder, sig, args):
        return context.get_constant(types.intp, Vec(base.dtype).lanes)

    return types.intp(base), codegen


@intrinsic
def clip(typingctx, number, most):
    """Return an integer, but no less than 0 and no more than `most`.

    In one instruction or two, where Numba compiles a function for each min and max.
    """

    def codegen(context, builder, sig, args):
        number, most = args
        least = builder.select(builder.icmp_signed("<", number, number.type(0)), number.type(0), number)
        return builder.select(builder.icmp_signed(">", least, most), most, least)

    return types.intp(types.intp, types.intp), codegen


@intrinsic
def quotient(typingctx, number, divisor):
    """Return the whole part of a quotient of positive integers, without Numba's cases of other signs and of 0."""

    def codegen(context, builder, sig, args):
        return builder.udiv(*args)

    return types.intp(types.intp, types.intp), codegen


@intrinsic
def bits(typingctx, number):
    """Return the float64 that has the bits of an int64, or the int64 that has those of a float64."""
    other = types.int64 if isinstance(number, types.Float) else types.float64

    def codegen(context, builder, sig, args):
        return builder.bitcast(args[0], context.get_value_type(other))

    return other(types.float64 if other is types.int64 else types.int64), codegen


@intrinsic
def copy(typingctx, target, source, count):
    """Copy `count` numbers from one address to another."""

    def codegen(context, builder, sig, args):
        cgutils.raw_memcpy(builder, *args, _itemsize(context, target))
        return context.get_dummy_value()

    return types.void(target, source, types.intp), codegen


@intrinsic
def copy_rows(typingctx, target, target_row, source, source_row, rows, count):
    """Copy `count` numbers of each row; `target_row` and `source_row` are from one row to the next."""

    def codegen(context, builder, sig, args):
        to, to_row, of, of_row, rows, count = args
        with cgutils.for_range(builder, rows) as loop:
            places = (builder.gep(p, [builder.mul(loop.index, row)]) for p, row in ((to, to_row), (of, of_row)))
            cgutils.raw_memcpy(builder, *places, count, _itemsize(context, target))
        return context.get_dummy_value()

    size = types.intp
    return types.void(target, size, source, size, size, size), codegen


def _itemsize(context: Any, pointer: types.CPointer) -> int:
    return int(context.get_abi_sizeof(context.get_data_type(pointer.dtype)))
