"""Kernels compiled by Numba (the extra `fast`), for float32 and float64.

A cell's loop over time is one compiled function, which each thread runs for its own sequences, so threads synchronize
three times in a training step, not at every time step. All arithmetic is on vector registers (`vectors`), nearly all
time is spent in one small matrix product (`product`), and each cell's file holds its gates and its two loops.
"""

import importlib.util
import os
from functools import cache

import numpy as np

from rnnbp.cells import Cell, ElmanCell, GRUCell, LSTMCell, OriginalGRUCell
from rnnbp.cells.declared import DeclaredCell
from rnnbp.kernels.base import Kernel

NAMES: dict[type, str] = {
    ElmanCell: "CompiledElman",
    GRUCell: "CompiledGRU",
    LSTMCell: "CompiledLSTM",
    OriginalGRUCell: "CompiledOriginalGRU",
}


@cache
def available() -> bool:
    """Return whether Numba is installed, and not told by NUMBA_DISABLE_JIT to leave everything to the interpreter."""
    disabled = os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0")
    return not disabled and importlib.util.find_spec("numba") is not None


def compiled_kernel(cell: Cell, dtype: np.dtype) -> Kernel | None:
    """Return the compiled kernel of a cell.

    None for another dtype, without Numba, or for a cell that is neither of the package nor declared, as one of which a
    subclass has its own `step`.
    """
    if dtype not in (np.float32, np.float64) or not available():
        return None
    if isinstance(cell, DeclaredCell):
        from rnnbp.kernels.compiled.derived import derived_kernel

        return derived_kernel(cell, dtype) if cell.is_derived else None
    if type(cell) not in NAMES:
        return None
    from rnnbp.kernels.compiled import kernels

    return getattr(kernels, NAMES[type(cell)])(cell, dtype)
