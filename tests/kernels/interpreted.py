"""The generated source of compiled kernels run by Python itself, on addresses and registers that are plain objects.

It runs what a compiler would compile, so that many random kernels can be tested in the time that compiling one takes.
"""

import re
from types import ModuleType
from typing import Any

import numpy as np

from rnnbp.cells.declared import arrays
from rnnbp.cells.declared.compiled_module import IMPORTS, module_source
from rnnbp.cells.declared.compiled_plan import Plan
from rnnbp.kernels.compiled.product import COLUMNS
from rnnbp.kernels.compiled.vectors import REGISTER_BYTES


class Address:
    """A place in an array of numbers in memory, which knows where the array ends."""

    def __init__(self, numbers: np.ndarray, place: int) -> None:
        self.numbers, self.place = numbers, place

    def slice(self, count: int) -> np.ndarray:
        assert self.place >= 0
        assert self.place + count <= len(self.numbers), "access beyond the end of an array"
        return self.numbers[self.place : self.place + count]


def at(base: Any, offset: int) -> Address:
    if isinstance(base, Address):
        return Address(base.numbers, base.place + int(offset))
    assert base.flags.c_contiguous
    return Address(base.reshape(-1), int(offset))


def lanes(a: Any) -> int:
    return REGISTER_BYTES // (a.numbers if isinstance(a, Address) else a).itemsize


def load(p: Address) -> np.ndarray:
    return p.slice(lanes(p)).copy()


def store(p: Address, value: Any) -> None:
    p.slice(lanes(p))[:] = value


def copy(to: Address, source: Address, count: int) -> None:
    to.slice(count)[:] = source.slice(count).copy()


def panel_product(rows, columns, a, a_row, a_k, b, b_k, depth, c0, c0_row, c, c_row, c_column):
    L = lanes(b)
    for r in range(rows):
        registers = []
        for v in range(columns):
            total = load(at(c0, r * c0_row + v * c_column))
            for k in range(depth):
                total = total + at(a, r * a_row + k * a_k).slice(1)[0] * at(b, k * b_k + v * L).slice(L)
            registers.append(total)
        for v, total in enumerate(registers):
            store(at(c, r * c_row + v * c_column), total)


def product(rows, width, a, a_row, a_k, b, depth, c0, c0_row, c, c_row):
    L = lanes(b)
    registers = (width + L - 1) // L
    for q in range(0, registers, COLUMNS):
        panel_product(
            rows, min(COLUMNS, registers - q), a, a_row, a_k, at(b, q * L * depth), COLUMNS * L, depth,
            at(c0, q * L), c0_row, at(c, q * L), c_row, L
        )  # fmt: skip


def after(i, following, still, steps):
    return following + i if i < still else steps + i


def copy_rows(rows, width, room, target, row):
    for r in range(rows):
        copy(at(target, r * row), at(room, r * room.shape[1]), width)


def work_rows(rows, width, like):
    return np.full((rows, width), np.nan, like.dtype)


def padded_rows(rows, width, source, row, room):
    if width % lanes(room) == 0:
        return source, row
    for r in range(rows):
        copy(at(room, r * room.shape[1]), at(source, r * row), width)
    return at(room, 0), room.shape[1]


def scratch(H, F, rows, like):
    L = lanes(like)
    width = (max(H, F) + L - 1) // L * L
    return np.zeros(width, like.dtype), np.full((rows, width), np.nan, like.dtype)


RUNTIME = {
    **{name: getattr(arrays, name) for name in arrays.__all__},
    **{
        f.__name__: f
        for f in (
            *(at, lanes, load, store, copy, panel_product, product, after, copy_rows, work_rows, padded_rows),
            scratch,
        )
    },
    "entry": lambda function: function,
    "notify": lambda *_: None,
    "STARTED": 0,
}


def interpreted(plan: Plan) -> ModuleType:
    """Return the module for a plan, as `rnnbp.kernels.compiled.modules.module_of` does, without a compiler."""
    source = module_source(plan)
    assert IMPORTS in source
    needed = set(re.findall(r"\bimport (.+)", IMPORTS)[0].split(", "))
    assert needed <= set(RUNTIME)
    module = ModuleType("interpreted")
    vars(module).update(RUNTIME)
    exec(compile(source.replace(IMPORTS, ""), "<interpreted>", "exec"), vars(module))
    return module
