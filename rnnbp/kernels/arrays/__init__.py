"""Kernels of declared cells in NumPy alone: as few calls a step as the equations allow, each over all sequences."""

import numpy as np

from rnnbp.cells import Cell
from rnnbp.cells.constrained import ConstrainedCell
from rnnbp.cells.declared import DeclaredCell
from rnnbp.cells.declared.linear_recurrence import linear_states
from rnnbp.kernels.arrays.constrained import Constrained
from rnnbp.kernels.arrays.kernel import kernel_for
from rnnbp.kernels.arrays.scan import Scan
from rnnbp.kernels.base import Kernel


def array_kernel(cell: Cell, dtype: np.dtype) -> Kernel | None:
    """Return the kernel in NumPy of a declared cell.

    None for another cell, as a subclass that overrides `step`, and for another dtype.

    Examples
    --------
    >>> from rnnbp.cells import LSTMCell
    >>> array_kernel(LSTMCell(2, 3), np.dtype(np.complex128)) is None
    True
    """
    if dtype.char not in "fd" or not isinstance(cell, DeclaredCell):
        return None
    if isinstance(cell, ConstrainedCell) and cell.is_constrained:
        return Constrained(cell, kernel_for(cell, dtype))
    if not cell.is_derived:
        return None
    kernel, states = kernel_for(cell, dtype), linear_states(cell.derivation.program)
    return kernel if states is None else Scan(kernel, states, cell.hidden_size)
