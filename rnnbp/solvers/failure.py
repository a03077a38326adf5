"""What happens where nothing settles."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from rnnbp.solvers.base import Solution, Solver, Tolerance


class SettlingError(ArithmeticError):
    """A fixed point, or the adjoint at it, was not found.

    Attributes
    ----------
    solution : Solution
        What was found instead, row by row.
    spectral_radius : float
        Of the Jacobian at the worst row.

    Examples
    --------
    >>> import rnnbp
    >>> model = rnnbp.Sequential(rnnbp.FixedPoint(rnnbp.ElmanCell(1, 1)))
    >>> model.params["0.w_hh"] = -3  # swings from side to side
    >>> try:
    ...     _ = model.forward(np.ones((1, 1, 1)))
    ... except SettlingError as error:
    ...     print(error.solution.converged)
    [False]
    """

    def __init__(self, message: str, solution: Solution, spectral_radius: float) -> None:
        super().__init__(message)
        self.solution, self.spectral_radius = solution, spectral_radius


class SettlingWarning(RuntimeWarning):
    """A fixed point was not found, and what was found instead is used."""


class OnFailure:
    """What to do with a `SettlingError`; called with it."""

    def __call__(self, error: SettlingError) -> None:
        """Raise it, say so, or let it pass."""
        raise NotImplementedError(f"{type(self).__name__} does not define __call__")


@dataclass(frozen=True)
class Raise(OnFailure):
    """Raise the error."""

    def __call__(self, error: SettlingError) -> None:
        """Raise it."""
        raise error


@dataclass(frozen=True)
class Warn(OnFailure):
    """Warn with the error's message, and go on with what was found."""

    def __call__(self, error: SettlingError) -> None:
        """Warn."""
        warnings.warn(str(error), SettlingWarning, stacklevel=2)


@dataclass(frozen=True)
class Accept(OnFailure):
    """Go on with what was found: a net of at most so many iterations."""

    def __call__(self, error: SettlingError) -> None:
        """Nothing."""


def settling_error(
    what: str,
    solver: Solver,
    tolerance: Tolerance,
    solution: Solution,
    place: Callable[[int], str],
    radius: Callable[[int], float],
) -> SettlingError:
    """The error that says how many rows did not settle, how the worst of them stands, and what to do.

    Parameters
    ----------
    what : str
        What was looked for: 'fixed points'.
    solver, tolerance, solution
        How, how well, and what was found.
    place : callable
        Row -> where it is, in words.
    radius : callable
        Row -> the spectral radius of the Jacobian there.
    """
    failed = np.flatnonzero(~solution.converged)
    residual = solution.residual[failed].real
    worst = int(failed[np.argmax(np.where(np.isfinite(residual), residual, np.inf))])
    rho = radius(worst)
    far = not solution.residual[worst].real <= 0.1 * np.abs(solution.z[worst]).max()
    message = (
        f"{len(failed)} of {len(solution.converged)} {what} were not found by {solver} within "
        f"{tolerance.iterations} iterations: the worst, at {place(worst)}, has a residual of "
        f"{solution.residual[worst]:.3g} after {solution.iterations[worst]}, where {tolerance.absolute:g} + "
        f"{tolerance.relative:g} max |z| is asked, and a Jacobian of spectral radius {rho:.4g}. {_advice(rho, far)}"
    )
    return SettlingError(message, solution, rho)


def _advice(rho: float, far: bool) -> str:
    """What to do; `far` from rest the Jacobian is that of a place the state only passes, or swings to."""
    if rho < 1 and far:
        return (
            "Below 1, but far from rest: where the state swings to and fro more iterations do not help, but "
            "Damped(), Anderson() or Newton() may, and weights that are kept contracting by SpectralProjection or "
            "SpectralPenalty; where it does not, allow more by Tolerance(iterations=...)"
        )
    if rho < 1:
        return (
            "Below 1 it can settle: allow more iterations by Tolerance(iterations=...), ask for less (float32 "
            "does not reach 1e-7), or try Anderson() or Newton()"
        )
    return (
        "At 1 or more an iteration moves away: keep the weights contracting by SpectralProjection or "
        "SpectralPenalty, lower the learning rate, try Damped(), Anderson() or Newton(), or take what was found "
        "by on_failure=Accept()"
    )
