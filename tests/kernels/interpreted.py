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


def copy_rows(target, target_row, source, source_row, rows, count):
    for r in range(rows):
        copy(at(target, r * target_row), at(source, r * source_row), count)


def product(_, rows, columns, a, a_row, a_k, b, b_k, depth, c0, c0_row, c, c_row, c_column):
    L = lanes(b)
    for v in range(columns):
        panel = at(b, v // COLUMNS * depth * b_k + v % COLUMNS * L)
        starts = [load(at(c0, r * c0_row + v * c_column)) for r in range(rows)]
        for r, total in enumerate(starts):
            for k in range(depth):
                total = total + at(a, r * a_row + k * a_k).slice(1)[0] * at(panel, k * b_k).slice(L)
            starts[r] = total
        for r, total in enumerate(starts):
            store(at(c, r * c_row + v * c_column), total)


RUNTIME = {
    **{name: getattr(arrays, name) for name in arrays.__all__},
    **{f.__name__: f for f in (at, lanes, load, store, copy, copy_rows, product)},
    "entry": lambda function: function,
    "notify": lambda *_: None,
    "quotient": lambda number, divisor: number // divisor,
    "STARTED": 0,
}


def interpreted(plan: Plan) -> ModuleType:
    """Return the module for a plan, as `rnnbp.kernels.compiled.modules.module_of` does, without a compiler."""
    source = module_source(plan)
    assert IMPORTS in source
    needed = {name for names in re.findall(r"\bimport ([^*\n]+)", IMPORTS) for name in names.split(", ")}
    assert needed <= set(RUNTIME)
    module = ModuleType("interpreted")
    vars(module).update(RUNTIME)
    exec(compile(source.replace(IMPORTS, ""), "<interpreted>", "exec"), vars(module))
    return module
