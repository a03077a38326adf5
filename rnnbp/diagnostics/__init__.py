"""Diagnostics of the gradient through time, of recurrent dynamics, and of hidden units.

`error_flow` measures the gradient of a model's loss by lag: whether it vanishes or explodes. Jacobian spectra, Lyapunov
exponents, effective memory and gate saturation are those of one cell along a sequence, its `trajectory`. Their plots
are in `rnnbp.plotting_gradients`.

`receptive_fields` and `unit_importance` analyse the hidden units of an image classifier, `answers_by_step` its outputs
on the beginning of a sequence. Their plots are in `rnnbp.plotting_pictures`.
"""

from rnnbp.diagnostics.answers import answers_by_step
from rnnbp.diagnostics.flow import error_flow
from rnnbp.diagnostics.gates import gate_saturation
from rnnbp.diagnostics.state_jacobians import (
    effective_memory,
    jacobians,
    lyapunov_curve,
    lyapunov_exponents,
    singular_values,
    spectral_radii,
)
from rnnbp.diagnostics.state_trajectory import Trajectory, trajectory
from rnnbp.diagnostics.units import receptive_fields, unit_importance

__all__ = [
    "Trajectory",
    "answers_by_step",
    "effective_memory",
    "error_flow",
    "gate_saturation",
    "jacobians",
    "lyapunov_curve",
    "lyapunov_exponents",
    "receptive_fields",
    "singular_values",
    "spectral_radii",
    "trajectory",
    "unit_importance",
]
