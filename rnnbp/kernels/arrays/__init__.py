"""Kernels of declared cells in NumPy alone: as few calls a step as the equations allow, each over all sequences."""

import numpy as np

from rnnbp.cells import Cell
from rnnbp.cells.declared import DeclaredCell
from rnnbp.kernels.arrays.kernel import ArrayKernel, kernel_for


def array_kernel(cell: Cell, dtype: np.dtype) -> ArrayKernel | None:
    """Return the kernel in NumPy of a declared cell.

    None for another cell, as a subclass that overrides `step`, and for another dtype.

    Examples
    --------
    >>> from rnnbp.cells import LSTMCell
    >>> array_kernel(LSTMCell(2, 3), np.dtype(np.complex128)) is None
    True
    """
    if dtype not in (np.float32, np.float64) or not (isinstance(cell, DeclaredCell) and cell.is_derived):
        return None
    return kernel_for(cell, dtype)
