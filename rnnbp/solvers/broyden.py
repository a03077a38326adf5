"""Broyden's method."""

from dataclasses import dataclass

import numpy as np

from rnnbp.runtime import positive_int
from rnnbp.solvers.base import Array, Evaluate, Search, Solver


@dataclass(frozen=True)
class Broyden(Solver):
    """Broyden's (good) quasi-Newton method, with rank-one updates of the inverse Jacobian.

    With g = f(z) - z and H the approximate inverse of its Jacobian, initially -I (so that the first step is the plain
    iteration): z <- z - H g, then H <- H + (s - H y) s'H / (s'H y) for the step s and the change y of g. H is stored
    as -I + U'V, row by row, and reset to -I after `memory` updates.

    Parameters
    ----------
    memory : int, default 30
        Number of rank-one updates before a reset.

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
        return _BroydenSearch(self.memory)


class _BroydenSearch(Search):
    def __init__(self, memory: int) -> None:
        self.memory = memory
        self.last: tuple[Array, Array] | None = None  # the last residual, and the step that followed it
        self.u: list[Array] = []
        self.v: list[Array] = []

    def select(self, active: Array) -> None:
        self.u, self.v = [u[active] for u in self.u], [v[active] for v in self.v]
        if self.last is not None:
            self.last = (self.last[0][active], self.last[1][active])

    def advance(self, z: Array, fz: Array, evaluate: Evaluate) -> Array:
        g = fz - z
        if self.last is not None:
            self._update(g - self.last[0], self.last[1])
        step = -_product(g, self.v, self.u)
        self.last = (g, step)
        return z + step

    def _update(self, y: Array, s: Array) -> None:
        """Update H by the Sherman-Morrison formula; a row whose divisor vanishes is not updated."""
        if len(self.u) == self.memory:
            self.u, self.v = [], []
        hy, sh = _product(y, self.v, self.u), _product(s, self.u, self.v)
        divisor = (s * hy).sum(axis=-1, keepdims=True)
        sound = np.abs(divisor) > np.finfo(s.dtype).tiny
        self.u.append(np.where(sound, (s - hy) / np.where(sound, divisor, 1), 0))
        self.v.append(sh)


def _product(a: Array, inner: list[Array], outer: list[Array]) -> Array:
    """Return -a + sum of outer (inner . a): H a for inner = V and outer = U, a'H for inner = U and outer = V."""
    product = -a
    for i, o in zip(inner, outer, strict=True):
        product = product + o * (i * a).sum(axis=-1, keepdims=True)
    return product
