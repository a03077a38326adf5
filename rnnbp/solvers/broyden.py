"""Broyden's method."""

from dataclasses import dataclass

import numpy as np

from rnnbp.runtime import positive_int
from rnnbp.solvers.base import Array, Evaluate, Search, Solver
from rnnbp.solvers.row_vectors import combination, inner


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
    """The last residual g, the step that followed it, and the vectors of the updates, U and V (R, memory, S)."""

    def __init__(self, memory: int) -> None:
        self.memory, self.count = memory, 0
        self.last: tuple[Array, Array] | None = None
        self.u: Array
        self.v: Array

    def select(self, active: Array) -> None:
        if self.last is not None:
            self.last = (self.last[0].compress(active, axis=0), self.last[1].compress(active, axis=0))
            self.u, self.v = self.u.compress(active, axis=0), self.v.compress(active, axis=0)

    def advance(self, z: Array, fz: Array, evaluate: Evaluate) -> Array:
        g = fz - z
        if self.last is None:
            self.u, self.v = (np.empty((len(z), 0, z.shape[1]), z.dtype) for _ in range(2))
        else:
            self._update(g - self.last[0], self.last[1])
        step = -self._inverse(g)
        self.last = (g, step)
        return z + step

    def _inverse(self, a: Array) -> Array:
        """Return H a = -a + U'V a."""
        n = self.count
        return combination(inner(self.v[:, :n], a), self.u[:, :n]) - a

    def _transposed(self, a: Array) -> Array:
        """Return a'H = -a + V'U a."""
        n = self.count
        return combination(inner(self.u[:, :n], a), self.v[:, :n]) - a

    def _update(self, y: Array, s: Array) -> None:
        """Update H by the Sherman-Morrison formula; a row whose divisor vanishes is not updated."""
        if self.count == self.memory:
            self.count = 0
        hy, sh = self._inverse(y), self._transposed(s)
        divisor = np.einsum("rs,rs->r", s, hy)[:, None]
        sound = np.abs(divisor) > np.finfo(s.dtype).tiny
        if self.count == self.u.shape[1]:
            self.u, self.v = self._enlarged(self.u), self._enlarged(self.v)
        self.u[:, self.count] = np.where(sound, (s - hy) / np.where(sound, divisor, 1), 0)
        self.v[:, self.count] = sh
        self.count += 1

    def _enlarged(self, vectors: Array) -> Array:
        """Return vectors (R, n, S) with room for twice as many, at most `memory`."""
        R, n, S = vectors.shape
        found = np.empty((R, min(max(2 * n, 8), self.memory), S), vectors.dtype)
        found[:, :n] = vectors
        return found
