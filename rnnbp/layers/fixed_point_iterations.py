"""The step of a cell as a function of its state, and backpropagation through the iterations of a solver."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from rnnbp.cells import Cell
from rnnbp.cells.base import Array, Residuals, Weights, map_nested
from rnnbp.core import Parameters
from rnnbp.kernels.fixed_points import compiled_solution
from rnnbp.layers.constant_input import step_at
from rnnbp.solvers import Solution, Solver, Tolerance, solve


class StepFunction:
    """The function f(z) = step(z, x) of a cell, for constant inputs x.

    Parameters
    ----------
    cell : Cell
    weights : mapping of str to ndarray
    x : ndarray (R, F)

    Attributes
    ----------
    evaluations : int
        Number of rows computed so far.
    """

    def __init__(self, cell: Cell, weights: Weights, x: Array) -> None:
        self.x, self.step = x, step_at(cell, weights, x)
        self.evaluations = 0

    def __call__(self, rows: Array, z: Array) -> Array:
        """Return f(z) (R, S) for the inputs of these rows."""
        self.evaluations += len(rows)
        next_state, found = self.step(rows, z)
        self.record(rows, z, found)
        return next_state

    def record(self, rows: Array, z: Array, found: Any) -> None:
        """Store an evaluation, in subclasses that need it."""

    def solve(self, solver: Solver, start: Array, tolerance: Tolerance, scale: float) -> Solution:
        """Solve z = f(z) from z = start (N, S), by compiled iterations where there are any."""
        equation = self.step.equation()
        found = equation and compiled_solution(solver, equation, start, tolerance)
        if not found:
            return solve(solver, self, start, tolerance, scale)
        solution, evaluations = found
        self.evaluations += evaluations
        return solution


@dataclass(frozen=True)
class Evaluation:
    """One evaluation of a step function: rows (R,), z (R, S), and the residuals of the cell's VJP."""

    rows: Array
    z: Array
    residuals: Residuals


class RecordedStepFunction(StepFunction):
    """A step function that stores all its evaluations, for backpropagation through them."""

    def __init__(self, cell: Cell, weights: Weights, x: Array) -> None:
        super().__init__(cell, weights, x)
        self.recorded: list[Evaluation] = []

    def record(self, rows: Array, z: Array, found: Any) -> None:
        self.recorded.append(Evaluation(rows, z, self.step.residuals(z, found)))

    def solve(self, solver: Solver, start: Array, tolerance: Tolerance, scale: float) -> Solution:
        return solve(solver, self, start, tolerance, scale)


@dataclass(frozen=True)
class JointSolve:
    """Fixed points of packed steps that were solved together.

    Attributes
    ----------
    packed : slice
        Their rows among all packed steps.
    sequences : ndarray (R,)
        The sequence of each row.
    solution : Solution
    function : StepFunction
    """

    packed: slice
    sequences: Array
    solution: Solution
    function: StepFunction


@dataclass(frozen=True)
class FixedPointResiduals:
    """Residuals of a `FixedPoint` layer: what the backward pass through the iterations needs.

    Attributes
    ----------
    active : ndarray (T,)
        Number of sequences that run at each step.
    solves : list of JointSolve
    """

    active: Array
    solves: list[JointSolve]

    @property
    def repeated(self) -> int:
        """Number of cell steps computed beyond one for each step and sequence."""
        return sum(s.function.evaluations for s in self.solves) - int(self.active.sum())


def backward_through_iterations(
    cell: Cell, weights: Weights, solved: JointSolve, rate: float, d: Array, grad: Parameters
) -> tuple[Array, Array]:
    """Backpropagate through the iterations z <- z + rate (f(z) - z) of each row.

    Parameters
    ----------
    cell : Cell
    weights : mapping of str to ndarray
    solved : JointSolve
        With a `RecordedStepFunction`.
    rate : float
    d : ndarray (R, S)
        The cotangent of the final states.
    grad : Parameters
        The gradient with respect to the parameters is added to it.

    Returns
    -------
    d_start : ndarray (R, S)
        The cotangent of the initial states.
    d_x : ndarray (R, F)
    """
    function = solved.function
    assert isinstance(function, RecordedStepFunction)
    dtype = np.result_type(d, function.x)
    d, d_x = d.astype(dtype), np.zeros(function.x.shape, dtype)
    for k, evaluation in reversed(list(enumerate(function.recorded))):
        updated = solved.solution.iterations[evaluation.rows] > k
        if not updated.any():
            continue
        rows, z = evaluation.rows[updated], evaluation.z[updated]
        residuals = map_nested(lambda r, updated=updated: r[updated], evaluation.residuals)
        x = function.x[rows]
        d_state, d_input, delta = cell.step_vjp(weights, z, x, residuals, rate * d[rows])
        d[rows] = (1 - rate) * d[rows] + d_state
        d_x[rows] += d_input
        cell.param_vjp(z, x, residuals, delta, grad)
    return d, d_x
