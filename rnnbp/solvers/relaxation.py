"""Relaxation of the continuous-time network equation."""

from dataclasses import dataclass

import numpy as np

from rnnbp.runtime import number
from rnnbp.solvers.base import Search, Solver
from rnnbp.solvers.iteration import FixedRateSearch


@dataclass(frozen=True)
class Relaxation(Solver):
    """Relaxation of dz/dt = -z + f(z) to its equilibrium (Pineda 1987).

    Integrated by the exponential Euler method: over a step f(z) is constant and the decay is exact, so that
    z <- z + (1 - exp(-step)) (f(z) - z), stable for any step. In the limit of a long step this is the plain iteration;
    a short step follows the dynamics of the network.

    Parameters
    ----------
    step : float, default 1.0 [time constants]
        Length of an integration step.

    Raises
    ------
    ValueError
        If `step` is not positive.

    References
    ----------
    F. J. Pineda (1987), "Generalization of back-propagation to recurrent neural networks", Physical Review
    Letters 59(19), 2229-2232, doi:10.1103/PhysRevLett.59.2229. M. Hochbruck &
    A. Ostermann (2010), "Exponential integrators", Acta Numerica 19, 209-286, doi:10.1017/S0962492910000048

    Examples
    --------
    >>> from rnnbp.solvers import Tolerance
    >>> Relaxation(0.5).solve(lambda rows, z: np.cos(z), np.zeros((1, 1)), Tolerance()).z.round(4)
    array([[0.7391]])
    """

    step: float = 1.0

    def __post_init__(self) -> None:
        number("step", self.step, 0, open_low=True)

    @property
    def rate(self) -> float:  # type: ignore[override]
        """The step length 1 - exp(-step) of an iteration from z towards f(z)."""
        return float(-np.expm1(-self.step))

    def search(self) -> Search:
        return FixedRateSearch(self.rate)
