"""Kernels compiled by Numba (the extra `fast`), for float32 and float64.

A cell's loop over time is one compiled function, which each thread runs for its own sequences, so threads synchronize
three times in a training step, not at every time step. The function is generated from the cell's equation
(`rnnbp.cells.declared`), and imported from a cache (`modules`). All arithmetic is on vector registers (`vectors`), and
nearly all time is spent in one small matrix product (`product`).
"""

import importlib.util
import os
from functools import cache

import numpy as np

from rnnbp.cells import Cell
from rnnbp.cells.declared import DeclaredCell
from rnnbp.kernels.base import Kernel


@cache
def available() -> bool:
    """Return whether Numba is installed, and not told by NUMBA_DISABLE_JIT to leave everything to the interpreter."""
    disabled = os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0")
    return not disabled and importlib.util.find_spec("numba") is not None


def compiled_kernel(cell: Cell, dtype: np.dtype) -> Kernel | None:
    """Return the compiled kernel of a declared cell.

    None for another cell, as a subclass that overrides `step`, for another dtype, and without Numba.
    """
    if dtype.char not in "fd" or not available():
        return None
    if not (isinstance(cell, DeclaredCell) and cell.is_derived):
        return None
    if ("compiled", dtype) not in cell.made:
        from rnnbp.kernels.compiled.kernel import CompiledKernel

        cell.made["compiled", dtype] = CompiledKernel(cell, dtype)
    return cell.made["compiled", dtype]
