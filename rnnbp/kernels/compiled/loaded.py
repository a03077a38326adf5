"""What all compiled kernels need, loaded when this module is imported: a process may do so before it is forked."""

import numpy as np

from rnnbp.cells import LSTMCell
from rnnbp.kernels.compiled import compiled_kernel

compiled_kernel(LSTMCell(1, 1), np.dtype(np.float32))  # Numba prepares itself when it loads the first function
