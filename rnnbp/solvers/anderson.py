"""Anderson acceleration."""

from dataclasses import dataclass

import numpy as np

from rnnbp.runtime import number, positive_int
from rnnbp.solvers.base import Array, Evaluate, Search, Solver
from rnnbp.solvers.row_vectors import combination, inner, row_norms


@dataclass(frozen=True)
class Anderson(Solver):
    """Anderson acceleration.

    The next iterate is the affine combination of the last values f(z) whose residuals, combined with the same weights,
    have the smallest norm. With r = f(z) - z, and dZ, dR the last differences of z and r, row by row:
    z <- z + mixing r - (dZ + mixing dR) gamma, where gamma minimizes ``|r - dR gamma|``.

    Parameters
    ----------
    memory : int, default 5
        Number of differences in the least-squares problem.
    mixing : float, default 1.0
        The factor of the residual in the formula, above 0 and at most 1.

    Raises
    ------
    ValueError
        If `memory` is not a positive integer, or `mixing` is out of range.

    References
    ----------
    H. F. Walker & P. Ni (2011), "Anderson acceleration for fixed-point iterations", SIAM Journal on Numerical
    Analysis 49(4), 1715-1735, doi:10.1137/10078356X

    Examples
    --------
    >>> from rnnbp.solvers import Tolerance
    >>> found = Anderson().solve(lambda rows, z: np.cos(z), np.zeros((1, 1)), Tolerance(1e-10, 0))
    >>> found.z.round(6), int(found.iterations[0]) < 10
    (array([[0.739085]]), True)
    """

    memory: int = 5
    mixing: float = 1.0

    def __post_init__(self) -> None:
        positive_int("memory", self.memory)
        number("mixing", self.mixing, 0, 1, open_low=True)

    def search(self) -> Search:
        return _AndersonSearch(self.memory, self.mixing)


class _AndersonSearch(Search):
    """The last m differences of the residual, normalized, and the matrix of their inner products, row by row.

    In `dr` (R, m, S) the newest difference takes the place of the oldest. `dg` (R, m, S) has dZ + mixing dR, divided by
    the same norms, and `gram` (R, m, m) a ridge on its diagonal, which keeps it regular where differences are parallel.
    """

    def __init__(self, memory: int, mixing: float) -> None:
        self.memory, self.mixing, self.count = memory, mixing, 0
        self.last: tuple[Array, Array] | None = None
        self.dr: Array
        self.dg: Array
        self.gram: Array

    def select(self, active: Array) -> None:
        if self.last is not None:
            z, r, self.dr, self.dg, self.gram = (
                a.compress(active, axis=0) for a in (*self.last, self.dr, self.dg, self.gram)
            )
            self.last = z, r

    def advance(self, z: Array, fz: Array, evaluate: Evaluate) -> Array:
        r = fz - z
        if self.last is None:
            self._allocate(z)
        else:
            self._append(z - self.last[0], r - self.last[1])
        self.last = (z, r)
        n = min(self.count, self.memory)
        step = r if self.mixing == 1 else self.mixing * r
        if not n:
            return z + step
        gamma = np.linalg.solve(self.gram[:, :n, :n], inner(self.dr[:, :n], r)[:, :, None])[:, :, 0]
        return z + step - combination(gamma, self.dg[:, :n])

    def _allocate(self, z: Array) -> None:
        (R, S), m = z.shape, self.memory
        self.dr, self.dg, self.gram = (np.empty((R, m, width), z.dtype) for width in (S, S, m))

    def _append(self, dz: Array, dr: Array) -> None:
        """Put a difference into its place, and its inner products with all others into the matrix."""
        place, n = self.count % self.memory, min(self.count + 1, self.memory)
        size = row_norms(dr)
        size[size == 0] = 1
        self.dr[:, place] = unit = dr / size
        self.dg[:, place] = (dz + (dr if self.mixing == 1 else self.mixing * dr)) / size
        self.gram[:, place, :n] = self.gram[:, :n, place] = inner(self.dr[:, :n], unit)
        self.gram[:, place, place] += ridge(dr.dtype)
        self.count += 1


def ridge(dtype: np.dtype) -> float:
    """Return what is added to the diagonal of the Gram matrix of normalized differences."""
    return 100 * float(np.finfo(dtype).eps)
