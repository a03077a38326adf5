"""What the gradient does through time: how the error shrinks or grows, what a cell remembers, what its gates do.

`error_flow` looks at a model's own error. The others look at one cell along a sequence, which `trajectory` runs. Each
has its picture in `rnnbp.plotting_gradients`.

What a network of pictures has learned: `receptive_fields` and `unit_importance` look at its hidden units,
`answers_by_step` at what it says before it has seen all; their pictures are in `rnnbp.plotting_pictures`.
"""

from rnnbp.diagnostics.answers import answers_by_step
from rnnbp.diagnostics.flow import error_flow
from rnnbp.diagnostics.gates import gate_saturation
from rnnbp.diagnostics.jacobians import (
    effective_memory,
    jacobians,
    lyapunov_curve,
    lyapunov_exponents,
    singular_values,
    spectral_radii,
)
from rnnbp.diagnostics.trajectory import Trajectory, trajectory
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
