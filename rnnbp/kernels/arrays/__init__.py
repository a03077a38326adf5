"""Kernels in NumPy alone: as few calls a step as the equations allow, each over all sequences and gates."""

import numpy as np

from rnnbp.cells import Cell, ElmanCell, GRUCell, LSTMCell, OriginalGRUCell
from rnnbp.kernels.arrays.base import ArrayKernel
from rnnbp.kernels.arrays.elman import ElmanKernel
from rnnbp.kernels.arrays.gru import GRUKernel
from rnnbp.kernels.arrays.lstm import LSTMKernel
from rnnbp.kernels.arrays.original_gru import OriginalGRUKernel

KERNELS: dict[type, type[ArrayKernel]] = {
    ElmanCell: ElmanKernel,
    LSTMCell: LSTMKernel,
    GRUCell: GRUKernel,
    OriginalGRUCell: OriginalGRUKernel,
}


def array_kernel(cell: Cell, dtype: np.dtype) -> ArrayKernel | None:
    """The kernel in NumPy for a cell, or None where there is none for its very type or the dtype.

    Examples
    --------
    >>> array_kernel(LSTMCell(2, 3), np.dtype(np.complex128)) is None
    True
    """
    kernel = KERNELS.get(type(cell))
    return kernel(cell, dtype) if kernel is not None and dtype in (np.float32, np.float64) else None
