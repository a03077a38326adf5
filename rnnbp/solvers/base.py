"""The solver interface, the convergence criterion, and the loop that all solvers share."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from rnnbp.runtime import natural_int, number, refuses_by_name
from rnnbp.solvers.row_vectors import row_maxima

Array = np.ndarray
Function = Callable[[Array, Array], Array]  # (rows (R,), z (R, S)) -> f(z) (R, S) of those rows
Evaluate = Callable[[Array, Array], Array]  # the same, of row indices among the rows that are still iterated


@dataclass(frozen=True)
class Tolerance:
    """Convergence criterion of a row, ``max |f(z) - z| <= absolute + relative max |z|``, and the iteration limit.

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

    @refuses_by_name
    def met(self, residual: Array, z: Array) -> Array:
        """Return, (R,), whether residuals (R,) at z (R, S) meet the criterion; NaN does not."""
        if self.relative == 0:
            return residual <= self.absolute
        return residual <= self.absolute + self.relative * row_maxima(z)


@dataclass(frozen=True)
class Solution:
    """Result of a solver, row by row.

    Attributes
    ----------
    z : ndarray (R, S)
    iterations : ndarray (R,)
        Number of updates of each row.
    residual : ndarray (R,)
        ``max |f(z) - z|`` at the returned z; NaN where it was not measured.
    converged : ndarray (R,)
        Whether the row met the tolerance.
    """

    z: Array
    iterations: Array
    residual: Array
    converged: Array


class Search:
    """Base class of the state of a running solver.

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
    rows, z, stopped = _constant(np.arange(len(start))), start, list[_Stopped]()
    for k in range(tolerance.iterations + 1):
        if not len(rows):
            break
        fz = function(rows, z)
        residual = row_maxima(fz - z)
        converged = tolerance.met(residual, z)
        active = ~converged & np.isfinite(residual)
        if k == tolerance.iterations:
            active[:] = False
        if np.count_nonzero(active) < len(rows):
            there, here = np.flatnonzero(~active), np.flatnonzero(active)
            found = Solution(z.take(there, axis=0), np.full(len(there), k), residual[there], converged[there])
            stopped.append((rows[there], found))
            rows, z, fz = _constant(rows[here]), z.take(here, axis=0), fz.take(here, axis=0)
            search.select(active)
        if len(rows):
            z = search.advance(z, fz, _Restricted(function, rows))
    return _together(stopped, start)


_Stopped = tuple[Array, Solution]  # rows that have converged or failed in one iteration, and their results


def _together(stopped: list[_Stopped], start: Array) -> Solution:
    """Return the results of all rows in order."""
    if not stopped:
        return Solution(start.copy(), np.zeros(0, np.int64), np.zeros(0, start.dtype), np.ones(0, bool))
    order = np.argsort(np.concatenate([rows for rows, _ in stopped]))
    fields = ("z", "iterations", "residual", "converged")
    return Solution(*(np.concatenate([getattr(found, name) for _, found in stopped])[order] for name in fields))


def _constant(rows: Array) -> Array:
    """Return row indices that cannot be written to: a function may then keep what it has for the same array."""
    rows.flags.writeable = False
    return rows


class _Restricted:
    """A function with row indices relative to `rows`."""

    def __init__(self, function: Function, rows: Array) -> None:
        self.function, self.rows = function, rows
        self._last: tuple[Array, Array] | None = None

    def __call__(self, where: Array, z: Array) -> Array:
        if self._last is None or self._last[0] is not where or where.flags.writeable:
            self._last = where, _constant(self.rows[where])
        return self.function(self._last[1], z)


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

    Parameters
    ----------
    *arrays : ndarray
        Real or complex.

    Examples
    --------
    >>> imaginary_scale(np.ones(3), np.array([1 + 1e-30j]))
    1e-30
    """
    largest = max((float(np.abs(a.imag).max(initial=0.0)) for a in arrays if np.iscomplexobj(a)), default=0.0)
    return largest or 1.0
