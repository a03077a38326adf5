"""Kernels: a cell over a whole sequence in one call, as fast as the cell and the machine allow.

`rnnbp.layers.Recurrent` runs a cell by the first of these that takes it: the loop over the cell's `step`, which
takes every cell and defines what the others compute, stands last.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import numpy as np
from numpy.typing import DTypeLike

from rnnbp._checks import choice
from rnnbp.cells.base import Cell
from rnnbp.kernels.arrays import array_kernel
from rnnbp.kernels.base import Kernel
from rnnbp.kernels.compiled import compiled_kernel
from rnnbp.kernels.loop import Loop

__all__ = ["Kernel", "kernel_of", "using"]

# Each gives its kernel for a cell and a dtype, or None where it has none; the fastest first.
KINDS: dict[str, Callable[[Cell, np.dtype], Kernel | None]] = {
    "compiled": compiled_kernel,
    "numpy": array_kernel,
    "loop": lambda cell, dtype: Loop(cell),
}

_first: ContextVar[str | None] = ContextVar("the fastest kind that may be taken", default=None)


def allowed() -> list[str]:
    """The kinds of kernels that may be taken, the fastest first.

    Examples
    --------
    >>> with using("numpy"):
    ...     allowed()
    ['numpy', 'loop']
    """
    kinds = list(KINDS)
    return kinds[kinds.index(_first.get() or kinds[0]) :]


def kernel_of(cell: Cell, dtype: DTypeLike) -> Kernel:
    """The fastest kernel there is for a cell.

    Only the package's own cells have a fast one, not what is derived from them: a subclass may compute
    something else.

    Parameters
    ----------
    cell : Cell
    dtype : dtype
        That the computation is in: of parameters and inputs together.

    Examples
    --------
    >>> from rnnbp.cells import JordanCell
    >>> type(kernel_of(JordanCell(2, 4, 1), np.float32)).__name__
    'Loop'
    """
    for kind in allowed():
        kernel = KINDS[kind](cell, np.dtype(dtype))
        if kernel is not None:
            return kernel
    raise AssertionError("the loop takes every cell")


@contextmanager
def using(kind: str) -> Iterator[None]:
    """Within the block, pass over kernels faster than `kind`: for comparing them.

    Where there is none of that kind for a cell, the next slower one is taken. Holds for the calling thread.

    Parameters
    ----------
    kind : {'compiled', 'numpy', 'loop'}

    Raises
    ------
    ValueError
        If there is no such kind.

    Examples
    --------
    >>> from rnnbp.cells import LSTMCell
    >>> with using("loop"):
    ...     type(kernel_of(LSTMCell(2, 4), np.float32)).__name__
    'Loop'
    """
    token = _first.set(choice("kind", kind, KINDS))
    try:
        yield
    finally:
        _first.reset(token)
