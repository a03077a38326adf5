"""Newton-Krylov method."""

from dataclasses import dataclass

import numpy as np

from rnnbp.runtime import positive_int
from rnnbp.solvers.base import Array, Evaluate, Search, Solver
from rnnbp.solvers.krylov import Product, correction


@dataclass(frozen=True)
class Newton(Solver):
    """Jacobian-free Newton-GMRES method with step halving.

    The step solves (I - J) step = f(z) - z by GMRES; products of J with vectors are finite differences of f. A step
    that increases the residual is halved. It takes few iterations of many evaluations each, and finds fixed points
    that repel the plain iteration.

    Parameters
    ----------
    krylov : int, default 30
        Largest dimension of the Krylov space.

    Raises
    ------
    ValueError
        If `krylov` is not a positive integer.

    References
    ----------
    D. A. Knoll & D. E. Keyes (2004), "Jacobian-free Newton-Krylov methods: a survey of approaches and
    applications", Journal of Computational Physics 193(2), 357-397, doi:10.1016/j.jcp.2003.08.010

    Examples
    --------
    >>> from rnnbp.solvers import Tolerance
    >>> found = Newton().solve(lambda rows, z: 3 * z - 4, np.zeros((1, 1)), Tolerance())
    >>> found.z.round(4), int(found.iterations[0]) < 4
    (array([[2.]]), True)
    """

    krylov: int = 30

    def __post_init__(self) -> None:
        positive_int("krylov", self.krylov)

    def search(self) -> Search:
        return _NewtonSearch(self.krylov)


class _NewtonSearch(Search):
    """Stores, row by row, the point at which the last step began, the residual norm there, and the step."""

    def __init__(self, krylov: int) -> None:
        self.krylov = krylov
        self.base: Array | None = None
        self.norm: Array
        self.step: Array

    def select(self, active: Array) -> None:
        if self.base is not None:
            self.base, self.norm, self.step = self.base[active], self.norm[active], self.step[active]

    def advance(self, z: Array, fz: Array, evaluate: Evaluate) -> Array:
        """Return a new Newton step for rows whose residual decreased, half of the last step for the others."""
        norm = np.linalg.norm(fz - z, axis=-1)
        if self.base is None:
            self.base, self.norm, self.step = z.copy(), np.full_like(norm, np.inf), np.zeros_like(z)
        decreased = norm < self.norm
        new, rejected = np.flatnonzero(decreased), np.flatnonzero(~decreased)
        self.base[new], self.norm[new] = z[new], norm[new]
        self.step[rejected] /= 2
        if len(new):
            self.step[new] = correction(_products(z[new], fz[new], new, evaluate), fz[new] - z[new], self.krylov)
        return self.base + self.step


def _products(z: Array, fz: Array, rows: Array, evaluate: Evaluate) -> Product:
    """Return v -> J v of each row, by finite differences whose step balances rounding and truncation errors."""
    scale = np.sqrt(np.finfo(z.dtype).eps) * (1 + np.abs(z).max(axis=-1, keepdims=True))

    def product(v: Array) -> Array:
        size = np.abs(v).max(axis=-1, keepdims=True)
        h = scale / np.where(size > 0, size, 1)
        return (evaluate(rows, z + h * v) - fz) / h

    return product
