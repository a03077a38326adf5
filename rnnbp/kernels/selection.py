"""Kernels: a cell over a whole sequence in one call, as fast as the cell and the machine allow.

`rnnbp.layers.Recurrent` runs a cell by the fastest kernel that there is for it. The loop over the cell's `step` exists
for every cell and defines what the others compute.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import numpy as np
from numpy.typing import DTypeLike

from rnnbp.cells import Cell
from rnnbp.kernels.arrays import array_kernel
from rnnbp.kernels.base import Kernel
from rnnbp.kernels.compiled import available, compiled_kernel
from rnnbp.kernels.loop import Loop
from rnnbp.runtime import choice

# By name, the fastest first: each returns its kernel for a cell and a dtype, or None.
BACKENDS: dict[str, Callable[[Cell, np.dtype], Kernel | None]] = {
    "compiled": compiled_kernel,
    "numpy": array_kernel,
    "loop": lambda cell, dtype: Loop(cell),
}

_first: ContextVar[str] = ContextVar("the fastest backend allowed", default="compiled")


def allowed() -> list[str]:
    """Return the names of the backends that may be used, the fastest first.

    Examples
    --------
    >>> with using("numpy"):
    ...     allowed()
    ['numpy', 'loop']
    """
    names = list(BACKENDS)
    return names[names.index(fastest_allowed()) :]


def fastest_allowed() -> str:
    """Return the name of the fastest backend that may be used.

    Examples
    --------
    >>> with using("numpy"):
    ...     fastest_allowed()
    'numpy'
    """
    return _first.get()


def may_compile() -> bool:
    """Return whether compiled code may be used: Numba is installed, and `using` does not exclude it.

    Examples
    --------
    >>> with using("numpy"):
    ...     may_compile()
    False
    """
    return fastest_allowed() == "compiled" and available()


def kernel_of(cell: Cell, dtype: DTypeLike) -> Kernel:
    """Return the fastest kernel for a cell.

    Declared cells have generated kernels, but not their subclasses that override `step`, which may compute something
    else.

    Parameters
    ----------
    cell : Cell
    dtype : dtype
        Of the computation: the common type of parameters and inputs.

    Examples
    --------
    >>> from rnnbp.cells import JordanCell
    >>> type(kernel_of(JordanCell(2, 4, 1), np.float32)).__name__
    'Loop'
    """
    return next(kernel for name in allowed() if (kernel := BACKENDS[name](cell, np.dtype(dtype))) is not None)


@contextmanager
def using(backend: str) -> Iterator[None]:
    """Use no kernel faster than `backend` within the block, to compare them.

    A cell without that backend uses the next slower one. Applies to the calling thread.

    Parameters
    ----------
    backend : {'compiled', 'numpy', 'loop'}

    Raises
    ------
    ValueError
        If there is no such backend.

    Examples
    --------
    >>> from rnnbp.cells import LSTMCell
    >>> with using("loop"):
    ...     type(kernel_of(LSTMCell(2, 4), np.float32)).__name__
    'Loop'
    """
    token = _first.set(choice("backend", backend, BACKENDS))
    try:
        yield
    finally:
        _first.reset(token)
