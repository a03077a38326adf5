"""Going from z towards f(z), over and over: plain and damped iteration."""

from dataclasses import dataclass

from rnnbp._checks import number
from rnnbp.solvers.base import Array, Evaluate, Search, Solver


class Mixing(Search):
    """z + rate (f(z) - z); remembers nothing."""

    def __init__(self, rate: float) -> None:
        self.rate = rate

    def advance(self, z: Array, fz: Array, evaluate: Evaluate) -> Array:
        """A share `rate` of the way."""
        return fz if self.rate == 1 else z + self.rate * (fz - z)


@dataclass(frozen=True)
class Iteration(Solver):
    """z <- f(z). Settles where the Jacobian's spectral radius is below 1, each iteration taking that factor
    off the distance.

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
        """All of the way."""
        return Mixing(1.0)


@dataclass(frozen=True)
class Damped(Solver):
    """z <- z + rate (f(z) - z). Settles where the plain iteration swings: eigenvalues of the Jacobian may lie
    far below -1.

    Parameters
    ----------
    rate : float, default 0.5
        Above 0 and at most 1.

    Raises
    ------
    ValueError
        If `rate` is out of its range.

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
        """A share of the way."""
        return Mixing(self.rate)
