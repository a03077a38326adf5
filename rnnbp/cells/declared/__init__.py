"""Cells declared by their equation, from which everything else is derived.

From `update` to code: `recording` calls it with symbols (`expressions`, `functions`), which leaves the equation as a
graph; `reverse` differentiates it; `layout` gives each weight its rows; `residuals` chooses what is stored. `program`
has all of this, and each backend writes its code from it, by `source`: `numpy_step` that of one step, which calls
`arrays`; `numpy_plan`, `numpy_calls`, `numpy_forward` and `numpy_backward` that of `rnnbp.kernels.arrays`, whole
sequences; `compiled_plan`, `compiled_forward` and `compiled_backward` that of `rnnbp.kernels.compiled`.
"""

from rnnbp.runtime.lazy_imports import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
