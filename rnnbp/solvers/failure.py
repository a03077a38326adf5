"""Failure to converge: the error, the warning, and the choice between them."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from rnnbp.solvers.base import Solution, Solver, Tolerance


class ConvergenceError(ArithmeticError):
    """Raised when a fixed point, or the adjoint at it, was not found.

    Parameters
    ----------
    message : str
        What did not converge, and what to do.

    Attributes
    ----------
    solution : Solution
        The last iterates, with their statistics.
    spectral_radius : float
        The spectral radius of the Jacobian at the row of largest residual.

    Examples
    --------
    >>> import rnnbp
    >>> model = rnnbp.Sequential(rnnbp.FixedPoint(rnnbp.ElmanCell(1, 1)))
    >>> model.params["0.w_hh"] = -3  # oscillates between two states
    >>> try:
    ...     _ = model.forward(np.ones((1, 1, 1)))
    ... except ConvergenceError as error:
    ...     print(error.solution.converged)
    [False]
    """

    def __init__(self, message: str, solution: Solution, spectral_radius: float) -> None:
        super().__init__(message)
        self.solution, self.spectral_radius = solution, spectral_radius


class ConvergenceWarning(RuntimeWarning):
    """Issued when a fixed point was not found and the last iterate is used instead."""


class OnFailure:
    """Base class of policies for failures to converge: a callable that takes the `ConvergenceError`."""

    def __call__(self, error: ConvergenceError) -> None:
        """Raise the error, report it, or return to continue with the last iterate."""
        raise NotImplementedError(f"{type(self).__name__} does not define __call__")


@dataclass(frozen=True)
class Raise(OnFailure):
    """Raise the error.

    Examples
    --------
    >>> Raise()(ConvergenceError("1 of 8 did not converge", None, 2.0))
    Traceback (most recent call last):
    rnnbp.solvers.failure.ConvergenceError: 1 of 8 did not converge
    """

    def __call__(self, error: ConvergenceError) -> None:
        raise error


@dataclass(frozen=True)
class Warn(OnFailure):
    """Issue a `ConvergenceWarning` with the error's message, and continue with the last iterate.

    Examples
    --------
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always")
    ...     Warn()(ConvergenceError("1 of 8 did not converge", None, 2.0))
    >>> str(caught[0].message)
    '1 of 8 did not converge'
    """

    def __call__(self, error: ConvergenceError) -> None:
        warnings.warn(str(error), ConvergenceWarning, stacklevel=2)


@dataclass(frozen=True)
class Accept(OnFailure):
    """Continue with the last iterate: the layer is then a network of at most `Tolerance.iterations` iterations.

    Examples
    --------
    >>> Accept()(ConvergenceError("1 of 8 did not converge", None, 2.0))
    """

    def __call__(self, error: ConvergenceError) -> None:
        pass


def convergence_error(
    sought: str,
    solver: Solver,
    tolerance: Tolerance,
    solution: Solution,
    place: Callable[[int], str],
    radius: Callable[[int], float],
) -> ConvergenceError:
    """Return an error that states how many rows did not converge, describes the worst, and says what to do.

    Parameters
    ----------
    sought : str
        What was solved for: 'fixed points' or 'adjoints'.
    solver : Solver
    tolerance : Tolerance
    solution : Solution
        At least one row of which has not converged.
    place : callable
        Maps a row to a description of its place: 'step 3 of sequence 0'.
    radius : callable
        Maps a row to the spectral radius of the Jacobian there.

    Examples
    --------
    >>> from rnnbp.solvers import Iteration, solve
    >>> solution = solve(Iteration(), lambda rows, z: 2 * z + 1, np.zeros((1, 1)), Tolerance(iterations=3))
    >>> error = convergence_error("fixed points", Iteration(), Tolerance(), solution, "row {}".format, lambda row: 2.0)
    >>> type(error).__name__
    'ConvergenceError'
    """
    failed = np.flatnonzero(~solution.converged)
    residual = solution.residual[failed].real
    worst = int(failed[np.argmax(np.where(np.isfinite(residual), residual, np.inf))])
    rho = radius(worst)
    far = not solution.residual[worst].real <= 0.1 * np.abs(solution.z[worst]).max()
    message = (
        f"{len(failed)} of {len(solution.converged)} {sought} were not found by {solver} within "
        f"{tolerance.iterations} iterations: the worst, at {place(worst)}, has a residual of "
        f"{solution.residual[worst]:.3g} after {solution.iterations[worst]}, where {tolerance.absolute:g} + "
        f"{tolerance.relative:g} max |z| is required, and a Jacobian of spectral radius {rho:.4g}. {_advice(rho, far)}"
    )
    return ConvergenceError(message, solution, rho)


def _advice(rho: float, far: bool) -> str:
    """Return what to do. If `far` from a fixed point, the Jacobian is that of a transient state and no guide."""
    if rho < 1 and far:
        return (
            "Below 1, but far from a fixed point: if the state oscillates, more iterations do not help, but Damped(), "
            "Anderson() or Newton() may, and so may contracting weights (SpectralProjection or SpectralPenalty); if "
            "it does not, allow more iterations by Tolerance(iterations=...)"
        )
    if rho < 1:
        return (
            "Below 1 it can converge: allow more iterations by Tolerance(iterations=...), loosen the tolerance "
            "(float32 does not reach 1e-7), or try Anderson() or Newton()"
        )
    return (
        "At 1 or more the iteration diverges: keep the weights contracting by SpectralProjection or "
        "SpectralPenalty, lower the learning rate, try Damped(), Anderson() or Newton(), or accept the last iterate "
        "by on_failure=Accept()"
    )
