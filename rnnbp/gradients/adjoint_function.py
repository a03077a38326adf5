"""The adjoint equation of fixed points, as a function whose fixed point is the adjoint."""

from rnnbp.cells.base import Array
from rnnbp.kernels.fixed_points import compiled_solution
from rnnbp.layers.constant_input import Rows, TransposedJacobian
from rnnbp.solvers import Solution, Solver, Tolerance, solve


class AdjointFunction:
    """The function a -> J'a + d, whose fixed point is the adjoint.

    Parameters
    ----------
    transposed : TransposedJacobian
    d : ndarray (N, S)

    Attributes
    ----------
    evaluations : int
        Number of rows computed so far.
    """

    def __init__(self, transposed: TransposedJacobian, d: Array) -> None:
        self.transposed, self.d = transposed, Rows(d)
        self.evaluations = 0

    def __call__(self, rows: Array, a: Array) -> Array:
        self.evaluations += len(rows)
        return self.transposed(rows, a) + self.d(rows)

    def solve(self, solver: Solver, start: Array, tolerance: Tolerance, scale: float) -> Solution:
        """Solve a = J'a + d from a = start (N, S), by compiled iterations where there are any."""
        equation = self.transposed.adjoint(self.d.arrays)
        found = equation and compiled_solution(solver, equation, start, tolerance)
        if not found:
            return solve(solver, self, start, tolerance, scale)
        solution, self.evaluations = found
        return solution
