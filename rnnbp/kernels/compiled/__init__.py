"""Kernels compiled by Numba (the extra `fast`), for float32 and float64.

A cell's whole way through time is one compiled function, which a thread runs for its share of the sequences:
threads meet three times a training step, not at every time step. All arithmetic is on registers (`vectors`), nearly
all time goes into one small matrix product (`product`), and each cell's file holds its gates and its two loops.
"""

import importlib.util
import os
from functools import cache

import numpy as np

from rnnbp.cells import ElmanCell, GRUCell, LSTMCell, OriginalGRUCell
from rnnbp.cells.base import Cell
from rnnbp.kernels.base import Kernel

NAMES: dict[type, str] = {
    ElmanCell: "CompiledElman",
    GRUCell: "CompiledGRU",
    LSTMCell: "CompiledLSTM",
    OriginalGRUCell: "CompiledOriginalGRU",
}


@cache
def available() -> bool:
    """Whether Numba is installed, and not told by NUMBA_DISABLE_JIT to leave everything to the interpreter."""
    disabled = os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0")
    return not disabled and importlib.util.find_spec("numba") is not None


def compiled_kernel(cell: Cell, dtype: np.dtype) -> Kernel | None:
    """The compiled kernel of one of the package's own cells; None for another cell or dtype, or without Numba."""
    name = NAMES.get(type(cell))
    if name is None or dtype not in (np.float32, np.float64) or not available():
        return None
    from rnnbp.kernels.compiled import kernels

    return getattr(kernels, name)(cell, dtype)
