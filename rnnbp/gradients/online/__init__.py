"""Online algorithms, without a backward pass through time: one file each.

`base` runs a batch forward and defines what an algorithm provides, `decomposition` makes a model one cell,
`linearized_step` has the Jacobians of a step, `jacobian_sparsity` and `jacobian_compression` their nonzero entries.
"""

from rnnbp.runtime.lazy_imports import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
