"""Anderson acceleration."""

from dataclasses import dataclass

import numpy as np

from rnnbp.runtime import number, positive_int
from rnnbp.solvers.base import Array, Evaluate, Search, Solver


@dataclass(frozen=True)
class Anderson(Solver):
    """Anderson acceleration.

    The next iterate is the affine combination of the last values f(z) whose residuals, combined with the same weights,
    have the smallest norm. With r = f(z) - z, and dZ, dR the last differences of z and r, row by row:
    z <- z + mixing r - (dZ + mixing dR) gamma, where gamma minimizes |r - dR gamma|.

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
    """The last m differences of z and of the residual, (R, S) each, oldest first."""

    def __init__(self, memory: int, mixing: float) -> None:
        self.memory, self.mixing = memory, mixing
        self.last: tuple[Array, Array] | None = None
        self.dz: list[Array] = []
        self.dr: list[Array] = []

    def select(self, active: Array) -> None:
        self.dz, self.dr = [d[active] for d in self.dz], [d[active] for d in self.dr]
        if self.last is not None:
            self.last = (self.last[0][active], self.last[1][active])

    def advance(self, z: Array, fz: Array, evaluate: Evaluate) -> Array:
        r = fz - z
        if self.last is not None:
            self.dz = [*self.dz, z - self.last[0]][-self.memory :]
            self.dr = [*self.dr, r - self.last[1]][-self.memory :]
        self.last = (z, r)
        if not self.dr:
            return z + self.mixing * r
        dz, dr = np.stack(self.dz, axis=1), np.stack(self.dr, axis=1)
        gamma = _least_squares(dr, r)
        return z + self.mixing * r - (gamma[:, None, :] @ (dz + self.mixing * dr))[:, 0]


def _least_squares(dr: Array, r: Array) -> Array:
    """Return gamma (R, m) that minimizes |r - gamma dr|, by the normal equations of normalized differences.

    A ridge of 100 machine epsilons keeps the system regular where differences are parallel.
    """
    size = np.linalg.norm(dr, axis=-1)
    size = np.where(size > 0, size, 1)
    unit = dr / size[:, :, None]
    gram = unit @ unit.swapaxes(1, 2)
    gram += 100 * np.finfo(r.dtype).eps * np.eye(dr.shape[1], dtype=r.dtype)
    return np.linalg.solve(gram, unit @ r[:, :, None])[:, :, 0] / size
