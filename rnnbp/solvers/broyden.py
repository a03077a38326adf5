"""Broyden's method."""

from dataclasses import dataclass

import numpy as np

from rnnbp._checks import positive_int
from rnnbp.solvers.base import Array, Evaluate, Search, Solver


@dataclass(frozen=True)
class Broyden(Solver):
    """A quasi-Newton method: each step's change of the residual corrects the inverse Jacobian by rank one.

    With g = f(z) - z and H the inverse of its Jacobian, at first -1 (so that the first step is the plain
    iteration): z <- z - H g, then H <- H + (s - H y) s'H / (s'H y) for the step s and the change y of g. H
    is kept as -1 + U'V, row by row, and begun anew when `memory` corrections are kept.

    Parameters
    ----------
    memory : int, default 30

    Raises
    ------
    ValueError
        If `memory` is not a positive integer.

    References
    ----------
    C. G. Broyden (1965), "A class of methods for solving nonlinear simultaneous equations", Mathematics of
    Computation 19(92), 577-593, doi:10.1090/S0025-5718-1965-0198670-6. S. Bai, J. Z. Kolter & V. Koltun
    (2019), "Deep equilibrium models", NeurIPS 32

    Examples
    --------
    >>> from rnnbp.solvers import Tolerance
    >>> found = Broyden().solve(lambda rows, z: np.cos(z), np.zeros((1, 1)), Tolerance(1e-10, 0))
    >>> found.z.round(6), int(found.iterations[0]) < 10
    (array([[0.739085]]), True)
    """

    memory: int = 30

    def __post_init__(self) -> None:
        positive_int("memory", self.memory)

    def search(self) -> Search:
        """With no correction."""
        return _BroydenSearch(self.memory)


class _BroydenSearch(Search):
    def __init__(self, memory: int) -> None:
        self.memory = memory
        self.last: tuple[Array, Array] | None = None  # the residual before the step, and the step
        self.u: list[Array] = []
        self.v: list[Array] = []

    def keep(self, going: Array) -> None:
        """Of all that is remembered."""
        self.u, self.v = [u[going] for u in self.u], [v[going] for v in self.v]
        if self.last is not None:
            self.last = (self.last[0][going], self.last[1][going])

    def advance(self, z: Array, fz: Array, evaluate: Evaluate) -> Array:
        """One correction, one step."""
        g = fz - z
        if self.last is not None:
            self._correct(g - self.last[0], self.last[1])
        step = -_product(g, self.v, self.u)
        self.last = (g, step)
        return z + step

    def _correct(self, y: Array, s: Array) -> None:
        """By Sherman and Morrison's formula; a row whose divisor vanishes is left as it is."""
        if len(self.u) == self.memory:
            self.u, self.v = [], []
        hy, sh = _product(y, self.v, self.u), _product(s, self.u, self.v)
        divisor = (s * hy).sum(axis=-1, keepdims=True)
        sound = np.abs(divisor) > np.finfo(s.dtype).tiny
        self.u.append(np.where(sound, (s - hy) / np.where(sound, divisor, 1), 0))
        self.v.append(sh)


def _product(a: Array, inner: list[Array], outer: list[Array]) -> Array:
    """-a + sum of outer (inner . a): H a with inner = V and outer = U, and a'H the other way round."""
    product = -a
    for i, o in zip(inner, outer, strict=True):
        product = product + o * (i * a).sum(axis=-1, keepdims=True)
    return product
