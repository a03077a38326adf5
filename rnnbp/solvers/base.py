"""What a solver is, when it is done, and the loop that all of them share."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from rnnbp._checks import natural_int, number

Array = np.ndarray
Function = Callable[[Array, Array], Array]  # (rows (R,), z (R, S)) -> f(z) (R, S) of those rows
Evaluate = Callable[[Array, Array], Array]  # the same, rows counted among those still under way


@dataclass(frozen=True)
class Tolerance:
    """When a row has settled: max |f(z) - z| <= absolute + relative max |z|, within so many iterations.

    Parameters
    ----------
    absolute : float, default 1e-6
    relative : float, default 1e-5
        The defaults can be reached in float32; 1e-12 and 1e-12 can in float64.
    iterations : int, default 500
        The limit.

    Raises
    ------
    ValueError
        If one is negative or not a number.

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
        """(R,): whether residuals (R,) at z (R, S) are small enough; a NaN is not."""
        return residual <= self.absolute + self.relative * np.abs(z).max(axis=-1, initial=0.0)


@dataclass(frozen=True)
class Solution:
    """What a solver found, row by row.

    Attributes
    ----------
    z : ndarray (R, S)
    iterations : ndarray (R,)
        How often each row was moved.
    residual : ndarray (R,)
        max |f(z) - z| at the z that is returned; NaN where it was not measured.
    converged : ndarray (R,)
        Whether the row met the tolerance.
    """

    z: Array
    iterations: Array
    residual: Array
    converged: Array


class Search:
    """A solver at work: it may remember the rows it moves."""

    def advance(self, z: Array, fz: Array, evaluate: Evaluate) -> Array:
        """The next z (R, S), from z and f(z) of the rows still under way.

        `evaluate(rows, z)` gives f for any of them, rows counted from 0 to R - 1.
        """
        raise NotImplementedError(f"{type(self).__name__} does not define advance")

    def keep(self, going: Array) -> None:
        """Forget the rows where `going` (R,) is False."""


class Solver:
    """Solves z = f(z) for many rows at once, each by itself, in real numbers.

    A subclass defines `search`. All of them are judged by the same loop, on the residual at what they return.

    Attributes
    ----------
    rate : float or None
        The share of the way from z to f(z) that every iteration goes; None where it depends on the
        iterations before. Backpropagation through the iterations needs it.
    linear : bool
        Whether the solver is right only where f is linear, as an adjoint's is.
    """

    rate: float | None = None
    linear: bool = False

    def search(self) -> Search:
        """A new search."""
        raise NotImplementedError(f"{type(self).__name__} does not define search")

    def solve(self, function: Function, start: Array, tolerance: Tolerance) -> Solution:
        """Search until every row has settled, is no longer finite, or the limit is reached.

        Parameters
        ----------
        function : callable
            ``function(rows, z)`` is f(z) (R, S) for the rows (R,) of the problem; only those that have not
            settled are asked for.
        start : ndarray (R, S)
        tolerance : Tolerance

        Returns
        -------
        Solution
            Whether or not it converged; who calls decides what a failure means.
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
        settled = tolerance.met(residual, z)
        going = ~settled & np.isfinite(residual) & (k < tolerance.iterations)
        if not going.all():
            _write(found, rows, ~going, k, z, residual, settled)
            rows, z, fz = rows[going], z[going], fz[going]
            search.keep(going)
        if len(rows):
            z = search.advance(z, fz, _among(rows, function))
    return found


def _among(rows: Array, function: Function) -> Evaluate:
    return lambda where, z: function(rows[where], z)


def _write(found: Solution, rows: Array, ended: Array, k: int, z: Array, residual: Array, ok: Array) -> None:
    here = rows[ended]
    found.z[here] = z[ended]
    found.iterations[here] = k
    found.residual[here] = residual[ended]
    found.converged[here] = ok[ended]


def solve(solver: Solver, function: Function, start: Array, tolerance: Tolerance, unit: float = 1.0) -> Solution:
    """`solver.solve`, for complex numbers too.

    A complex problem is the real one of [Re z | Im z / unit], twice as wide. With the step h of the complex
    step as `unit` the second half is the derivative itself, so that it has to settle as the first has to,
    however small h is.

    Parameters
    ----------
    solver : Solver
    function, start, tolerance
        As `Solver.solve` takes them, real or complex.
    unit : float, default 1.0
        The size of the imaginary parts.

    Returns
    -------
    Solution

    Examples
    --------
    >>> from rnnbp.solvers import Iteration
    >>> a = np.array([[0.5 + 1e-30j]])  # z = 1 / (1 - a), so dz/da = 4
    >>> z = solve(Iteration(), lambda rows, z: 1 + a * z, 0 * a, Tolerance(1e-12, 0), unit=1e-30).z
    >>> bool(abs(z.real - 2) < 1e-11), bool(abs(z.imag / 1e-30 - 4) < 1e-10)
    (True, True)
    """
    if not np.iscomplexobj(start):
        return solver.solve(function, start, tolerance)
    S = start.shape[-1]

    def split(z: Array) -> Array:
        return np.concatenate([z.real, z.imag / unit], axis=-1)

    def join(u: Array) -> Array:
        return u[:, :S] + 1j * (u[:, S:] * unit)

    solution = solver.solve(lambda rows, u: split(function(rows, join(u))), split(start), tolerance)
    return Solution(join(solution.z), solution.iterations, solution.residual, solution.converged)


def imaginary_unit(*arrays: Array) -> float:
    """The largest imaginary part among arrays; 1 where there is none.

    Examples
    --------
    >>> imaginary_unit(np.ones(3), np.array([1 + 1e-30j]))
    1e-30
    """
    largest = max((float(np.abs(a.imag).max(initial=0.0)) for a in arrays if np.iscomplexobj(a)), default=0.0)
    return largest or 1.0
