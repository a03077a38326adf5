"""Fixed points of a declared cell's step, and of its adjoint equation, by compiled iterations."""

from rnnbp.kernels.base import Array
from rnnbp.kernels.fixed_point_equation import Equation
from rnnbp.kernels.selection import may_compile
from rnnbp.solvers import GMRES, Anderson, Broyden, Damped, Iteration, Relaxation, Solution, Solver, Tolerance

COMPILED = (Iteration, Damped, Relaxation, Anderson, Broyden, GMRES)  # but no subclass, which may do something else


def compiled_solution(
    solver: Solver, equation: Equation, start: Array, tolerance: Tolerance
) -> tuple[Solution, int] | None:
    """Solve an equation by the compiled iterations of a solver, and count the rows evaluated.

    Parameters
    ----------
    solver : Solver
    equation : Equation
    start : ndarray (N, S)
    tolerance : Tolerance

    Returns
    -------
    (Solution, int) or None
        None if the solver has no compiled iterations, if Numba is not installed or not allowed
        (`rnnbp.kernels.using`), or if the dtype is neither float32 nor float64.
    """
    if type(solver) not in COMPILED or start.dtype.char not in "fd" or not may_compile():
        return None
    from rnnbp.kernels.compiled.solving import solution

    return solution(solver, equation, start, tolerance)
