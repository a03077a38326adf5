"""What the gradient does through time: how the error shrinks or grows, what a cell remembers, what its gates do.

`error_flow` looks at a model's own error. The others look at one cell along a sequence, which `trajectory` runs. Each
has its picture in `rnnbp.plotting_gradients`.
"""

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

__all__ = [
    "Trajectory",
    "effective_memory",
    "error_flow",
    "gate_saturation",
    "jacobians",
    "lyapunov_curve",
    "lyapunov_exponents",
    "singular_values",
    "spectral_radii",
    "trajectory",
]
