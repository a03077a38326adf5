"""The solver interface, the convergence criterion, and the loop that all solvers share."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from rnnbp.runtime import natural_int, number

Array = np.ndarray
Function = Callable[[Array, Array], Array]  # (rows (R,), z (R, S)) -> f(z) (R, S) of those rows
Evaluate = Callable[[Array, Array], Array]  # the same, with row indices relative to the rows that are still iterated


@dataclass(frozen=True)
class Tolerance:
    """Convergence criterion of a row, max |f(z) - z| <= absolute + relative max |z|, and the iteration limit.

    Parameters
    ----------
    absolute : float, default 1e-6
    relative : float, default 1e-5
        The defaults are attainable in float32; 1e-12 for both is attainable in float64.
    iterations : int, default 500
        Maximum number of iterations.

    Raises
    ------
    ValueError
        If an argument is negative or not a number.

    Examples
    --------
    >>> Tolerance(absolute=0.1, relative=0).met(np.array([0.05, 0.2]), np.ones((2, 3)))
    array([ True, False])
    """

    absolute: float = 1e-6
    relative: float = 1e-5
    iterations: int = 500

    def __post_init__(self) -> None:
        number("absolute", self.absolute, 0)
        number("relative", self.relative, 0)
        natural_int("iterations", self.iterations)

    def met(self, residual: Array, z: Array) -> Array:
        """Return, (R,), whether residuals (R,) at z (R, S) meet the criterion; NaN does not."""
        return residual <= self.absolute + self.relative * np.abs(z).max(axis=-1, initial=0.0)


@dataclass(frozen=True)
class Solution:
    """Result of a solver, row by row.

    Attributes
    ----------
    z : ndarray (R, S)
    iterations : ndarray (R,)
        Number of updates of each row.
    residual : ndarray (R,)
        max |f(z) - z| at the returned z; NaN where it was not measured.
    converged : ndarray (R,)
        Whether the row met the tolerance.
    """

    z: Array
    iterations: Array
    residual: Array
    converged: Array


class Search:
    """State of a running solver.

    A subclass may store quantities of earlier iterations, one entry a row.
    """

    def advance(self, z: Array, fz: Array, evaluate: Evaluate) -> Array:
        """Return the next iterate (R, S), given z and f(z) of the rows that have not converged.

        `evaluate(rows, z)` evaluates f for any of them, with row indices from 0 to R - 1.
        """
        raise NotImplementedError(f"{type(self).__name__} does not define advance")

    def select(self, active: Array) -> None:
        """Discard what is stored of the rows where `active` (R,) is False."""


class Solver:
    """Solver of z = f(z) for R independent rows, in real numbers.

    A subclass defines `search`. The loop that all solvers share checks convergence on the residual at the returned z.

    Attributes
    ----------
    rate : float or None
        The step z <- z + rate (f(z) - z) of every iteration; None where an iteration depends on earlier ones.
        Backpropagation through the iterations needs it.
    linear : bool
        Whether the solver is valid only for affine f, such as the adjoint equation.
    """

    rate: float | None = None
    linear: bool = False

    def search(self) -> Search:
        """Return a new search, without any iteration."""
        raise NotImplementedError(f"{type(self).__name__} does not define search")

    def solve(self, function: Function, start: Array, tolerance: Tolerance) -> Solution:
        """Iterate until every row has converged or is no longer finite, or the iteration limit is reached.

        Parameters
        ----------
        function : callable
            ``function(rows, z)`` returns f(z) (R, S) for the rows (R,) of the problem. It is evaluated only for rows
            that have not converged.
        start : ndarray (R, S)
        tolerance : Tolerance

        Returns
        -------
        Solution
            Whether or not it converged: the caller decides what a failure means.
        """
        with np.errstate(over="ignore", invalid="ignore"):
            return _search(self.search(), function, start, tolerance)


def _search(search: Search, function: Function, start: Array, tolerance: Tolerance) -> Solution:
    R = len(start)
    found = Solution(start.copy(), np.zeros(R, np.int64), np.zeros(R, start.dtype), np.ones(R, bool))
    rows, z = np.arange(R), start
    for k in range(tolerance.iterations + 1):
        if not len(rows):
            break
        fz = function(rows, z)
        residual = np.abs(fz - z).max(axis=-1, initial=0.0)
        converged = tolerance.met(residual, z)
        active = ~converged & np.isfinite(residual) & (k < tolerance.iterations)
        if not active.all():
            _record(found, rows, ~active, k, z, residual, converged)
            rows, z, fz = rows[active], z[active], fz[active]
            search.select(active)
        if len(rows):
            z = search.advance(z, fz, _restricted(function, rows))
    return found


def _restricted(function: Function, rows: Array) -> Evaluate:
    """Return `function` with row indices relative to `rows`."""
    return lambda where, z: function(rows[where], z)


def _record(found: Solution, rows: Array, stopped: Array, k: int, z: Array, residual: Array, converged: Array) -> None:
    here = rows[stopped]
    found.z[here] = z[stopped]
    found.iterations[here] = k
    found.residual[here] = residual[stopped]
    found.converged[here] = converged[stopped]


def solve(solver: Solver, function: Function, start: Array, tolerance: Tolerance, scale: float = 1.0) -> Solution:
    """Solve z = f(z), real or complex.

    A complex problem is solved as the real problem of [Re z | Im z / scale], of twice the width. With the step size h
    of complex-step differentiation as `scale`, the second half is the derivative itself, so that it has to converge
    to the same tolerance, however small h is.

    Parameters
    ----------
    solver : Solver
    function, start, tolerance
        As in `Solver.solve`, real or complex.
    scale : float, default 1.0
        The magnitude of the imaginary parts.

    Returns
    -------
    Solution

    Examples
    --------
    >>> from rnnbp.solvers import Iteration
    >>> a = np.array([[0.5 + 1e-30j]])  # z = 1 / (1 - a), so dz/da = 4
    >>> z = solve(Iteration(), lambda rows, z: 1 + a * z, 0 * a, Tolerance(1e-12, 0), scale=1e-30).z
    >>> bool(abs(z.real - 2) < 1e-11), bool(abs(z.imag / 1e-30 - 4) < 1e-10)
    (True, True)
    """
    if not np.iscomplexobj(start):
        return solver.solve(function, start, tolerance)
    S = start.shape[-1]

    def split(z: Array) -> Array:
        return np.concatenate([z.real, z.imag / scale], axis=-1)

    def join(u: Array) -> Array:
        return u[:, :S] + 1j * (u[:, S:] * scale)

    solution = solver.solve(lambda rows, u: split(function(rows, join(u))), split(start), tolerance)
    return Solution(join(solution.z), solution.iterations, solution.residual, solution.converged)


def imaginary_scale(*arrays: Array) -> float:
    """Return the largest magnitude of an imaginary part in the arrays; 1 where all are 0 or real.

    Examples
    --------
    >>> imaginary_scale(np.ones(3), np.array([1 + 1e-30j]))
    1e-30
    """
    largest = max((float(np.abs(a.imag).max(initial=0.0)) for a in arrays if np.iscomplexobj(a)), default=0.0)
    return largest or 1.0
