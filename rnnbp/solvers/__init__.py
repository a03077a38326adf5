"""Solvers of z = f(z): one file each. The nonlinear ones find fixed points and their adjoints, the linear ones
(`Direct`, `GMRES`, `Neumann`) adjoints only.
"""

from rnnbp.solvers.anderson import Anderson
from rnnbp.solvers.base import Search, Solution, Solver, Tolerance, imaginary_unit, solve
from rnnbp.solvers.broyden import Broyden
from rnnbp.solvers.failure import (
    Accept,
    OnFailure,
    Raise,
    SettlingError,
    SettlingWarning,
    Warn,
    settling_error,
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
    "Damped",
    "Direct",
    "Iteration",
    "Neumann",
    "Newton",
    "OnFailure",
    "Raise",
    "Relaxation",
    "Search",
    "SettlingError",
    "SettlingWarning",
    "Solution",
    "Solver",
    "Tolerance",
    "Warn",
    "imaginary_unit",
    "settling_error",
    "solve",
]
