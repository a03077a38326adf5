"""Pineda's continuous-time equation."""

from dataclasses import dataclass

import numpy as np

from rnnbp._checks import number
from rnnbp.solvers.base import Search, Solver
from rnnbp.solvers.iteration import Mixing


@dataclass(frozen=True)
class Relaxation(Solver):
    """dz/dt = -z + f(z), followed until it rests.

    Integrated by the exponential Euler method: over a step f(z) is held and the decay is exact, so z goes a
    share 1 - exp(-step) of the way to f(z), stable for any step. A long step is the plain iteration, a short
    one follows the net's own dynamics.

    Parameters
    ----------
    step : float, default 1.0 [time constants]

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
        """1 - exp(-step)."""
        return float(-np.expm1(-self.step))

    def search(self) -> Search:
        """A share of the way."""
        return Mixing(self.rate)
