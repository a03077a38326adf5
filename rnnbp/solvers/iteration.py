"""Plain and damped fixed-point iteration."""

from dataclasses import dataclass

from rnnbp.runtime import number
from rnnbp.solvers.base import Array, Evaluate, Search, Solver


class FixedRateSearch(Search):
    """The iteration z <- z + rate (f(z) - z), which stores nothing."""

    def __init__(self, rate: float) -> None:
        self.rate = rate

    def advance(self, z: Array, fz: Array, evaluate: Evaluate) -> Array:
        return fz if self.rate == 1 else z + self.rate * (fz - z)


@dataclass(frozen=True)
class Iteration(Solver):
    """Plain (Picard) iteration z <- f(z).

    It converges locally where the spectral radius of the Jacobian is below 1; every iteration multiplies the distance
    from the fixed point by about that factor.

    References
    ----------
    S. Banach (1922), "Sur les opérations dans les ensembles abstraits et leur application aux équations
    intégrales", Fundamenta Mathematicae 3, 133-181, doi:10.4064/fm-3-1-133-181

    Examples
    --------
    >>> import numpy as np
    >>> from rnnbp.solvers import Tolerance
    >>> found = Iteration().solve(lambda rows, z: np.cos(z), np.zeros((1, 1)), Tolerance(1e-10, 0))
    >>> found.z.round(6), found.iterations
    (array([[0.739085]]), array([58]))
    """

    rate = 1.0

    def search(self) -> Search:
        return FixedRateSearch(1.0)


@dataclass(frozen=True)
class Damped(Solver):
    """Damped iteration z <- z + rate (f(z) - z).

    It converges where the plain iteration oscillates: real eigenvalues of the Jacobian may be as low as 1 - 2 / rate.

    Parameters
    ----------
    rate : float, default 0.5
        The step length, above 0 and at most 1.

    Raises
    ------
    ValueError
        If `rate` is out of range.

    Examples
    --------
    >>> import numpy as np
    >>> from rnnbp.solvers import Tolerance
    >>> Damped(0.4).solve(lambda rows, z: 4 - 2 * z, np.zeros((1, 1)), Tolerance()).z.round(4)
    array([[1.3333]])
    """

    rate: float = 0.5

    def __post_init__(self) -> None:
        number("rate", self.rate, 0, 1, open_low=True)

    def search(self) -> Search:
        return FixedRateSearch(self.rate)
