"""Diagnostics of the gradient through time, of recurrent dynamics, and of hidden units.

`error_flow` measures the gradient of a model's loss by lag: whether it vanishes or explodes. Jacobian spectra, Lyapunov
exponents, effective memory and gate saturation are those of one cell along a sequence, its `trajectory`. Their plots
are in `rnnbp.diagnostics.plots`.

`receptive_fields` and `unit_importance` analyse the hidden units of an image classifier, `answers_by_step` its outputs
on the beginning of a sequence. Their plots are in `rnnbp.plotting`.
"""

from rnnbp.runtime.lazy_imports import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
