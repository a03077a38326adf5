"""Names that moved to `rnnbp.kernels`."""

from rnnbp.kernels.loop import Trace, run_cell, run_cell_back
from rnnbp.kernels.packing import pack, unpack

__all__ = ["Trace", "pack", "run_cell", "run_cell_back", "unpack"]
