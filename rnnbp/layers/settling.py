"""The step of a cell as a function whose fixed point is looked for, and the way back through a search."""

from dataclasses import dataclass

import numpy as np

from rnnbp.cells.base import Array, Cell, Residuals, Weights, map_nested
from rnnbp.params import Parameters
from rnnbp.solvers import Solution


class Step:
    """f(z) = step(z, x) for inputs x that are held still.

    Parameters
    ----------
    cell : Cell
    weights : mapping of str to ndarray
    x : ndarray (R, F)

    Attributes
    ----------
    evaluations : int
        How many rows were computed so far.
    """

    def __init__(self, cell: Cell, weights: Weights, x: Array) -> None:
        self.cell, self.weights, self.x = cell, weights, x
        self.evaluations = 0

    def __call__(self, rows: Array, z: Array) -> Array:
        """f(z) (R, S) for these rows."""
        self.evaluations += len(rows)
        next_state, residuals = self.cell.step(self.weights, z, self.inputs(rows))
        self.keep(rows, z, residuals)
        return next_state

    def inputs(self, rows: Array) -> Array:
        """x of these rows; all of it, not copied, where they are all."""
        return self.x if len(rows) == len(self.x) and rows[0] == 0 and rows[-1] == len(rows) - 1 else self.x[rows]

    def keep(self, rows: Array, z: Array, residuals: Residuals) -> None:
        """Nothing."""


@dataclass(frozen=True)
class Visit:
    """One evaluation: rows (R,), z (R, S), and what the cell's way back needs."""

    rows: Array
    z: Array
    residuals: Residuals


class KeptStep(Step):
    """A step that keeps every visit."""

    def __init__(self, cell: Cell, weights: Weights, x: Array) -> None:
        super().__init__(cell, weights, x)
        self.visits: list[Visit] = []

    def keep(self, rows: Array, z: Array, residuals: Residuals) -> None:
        """The visit."""
        self.visits.append(Visit(rows, z, residuals))


@dataclass(frozen=True)
class Round:
    """Steps of sequences that settled together.

    Attributes
    ----------
    here : slice
        Where they lie among all packed steps.
    batch_rows : ndarray (R,)
        Which sequences they are of.
    solution : Solution
    step : Step
        What was evaluated.
    """

    here: slice
    batch_rows: Array
    solution: Solution
    step: Step


def back_through(
    cell: Cell, weights: Weights, settled: Round, rate: float, d: Array, grad: Parameters
) -> tuple[Array, Array]:
    """Backpropagate through z <- z + rate (f(z) - z), as often as each row was moved.

    Parameters
    ----------
    cell : Cell
    weights : mapping of str to ndarray
    settled : Round
        Whose step kept its visits.
    rate : float
    d : ndarray (R, S)
        The loss's derivative by the states at the end.
    grad : Parameters
        The parameters' gradient is added to it.

    Returns
    -------
    d_start : ndarray (R, S)
        By the states in which the rows began.
    d_x : ndarray (R, F)
    """
    step = settled.step
    assert isinstance(step, KeptStep)
    dtype = np.result_type(d, step.x)
    d, d_x = d.astype(dtype), np.zeros(step.x.shape, dtype)
    for k, visit in reversed(list(enumerate(step.visits))):
        moved = settled.solution.iterations[visit.rows] > k
        if not moved.any():
            continue
        rows, z = visit.rows[moved], visit.z[moved]
        residuals = map_nested(lambda r, moved=moved: r[moved], visit.residuals)
        x = step.inputs(rows)
        d_state, d_input, delta = cell.step_vjp(weights, z, x, residuals, rate * d[rows])
        d[rows] = (1 - rate) * d[rows] + d_state
        d_x[rows] += d_input
        cell.param_vjp(z, x, residuals, delta, grad)
    return d, d_x
