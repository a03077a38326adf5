"""Solvers of fixed-point equations z = f(z), one file each.

The nonlinear solvers find fixed points and their adjoints; the linear ones (`Direct`, `GMRES`, `Neumann`) find adjoints
only, whose equation is linear.
"""

from rnnbp.solvers.anderson import Anderson
from rnnbp.solvers.base import Search, Solution, Solver, Tolerance, imaginary_scale, solve
from rnnbp.solvers.broyden import Broyden
from rnnbp.solvers.failure import (
    Accept,
    ConvergenceError,
    ConvergenceWarning,
    OnFailure,
    Raise,
    Warn,
    convergence_error,
)
from rnnbp.solvers.iteration import Damped, Iteration
from rnnbp.solvers.krylov import GMRES, Direct, Neumann
from rnnbp.solvers.newton import Newton
from rnnbp.solvers.relaxation import Relaxation

__all__ = [
    "GMRES",
    "Accept",
    "Anderson",
    "Broyden",
    "ConvergenceError",
    "ConvergenceWarning",
    "Damped",
    "Direct",
    "Iteration",
    "Neumann",
    "Newton",
    "OnFailure",
    "Raise",
    "Relaxation",
    "Search",
    "Solution",
    "Solver",
    "Tolerance",
    "Warn",
    "convergence_error",
    "imaginary_scale",
    "solve",
]
