"""Kernels: a cell over a whole sequence in one call, as fast as the cell and the machine allow.

`rnnbp.layers.Recurrent` runs a cell by the fastest kernel that there is for it. The loop over the cell's `step` exists
for every cell and defines what the others compute.
"""

from rnnbp.runtime.lazy_imports import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
