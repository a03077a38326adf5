"""Newton's method, its linear systems solved by GMRES."""

from dataclasses import dataclass

import numpy as np

from rnnbp._checks import positive_int
from rnnbp.solvers.base import Array, Evaluate, Search, Solver
from rnnbp.solvers.krylov import Product, correction


@dataclass(frozen=True)
class Newton(Solver):
    """(1 - J) step = f(z) - z by GMRES, J's products with vectors being differences of f; a step that makes
    the residual larger is halved.

    Few iterations, each of many evaluations; finds fixed points from which the plain iteration runs away.

    Parameters
    ----------
    krylov : int, default 30
        The largest Krylov space.

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
        """From a full step on."""
        return _NewtonSearch(self.krylov)


class _NewtonSearch(Search):
    """Remembers, row by row, where the last step began, how large the residual was there, and the step."""

    def __init__(self, krylov: int) -> None:
        self.krylov = krylov
        self.base: Array | None = None
        self.size: Array
        self.step: Array

    def keep(self, going: Array) -> None:
        """Of all that is remembered."""
        if self.base is not None:
            self.base, self.size, self.step = self.base[going], self.size[going], self.step[going]

    def advance(self, z: Array, fz: Array, evaluate: Evaluate) -> Array:
        """A new step for rows that came nearer, half the last one for the others."""
        size = np.linalg.norm(fz - z, axis=-1)
        if self.base is None:
            self.base, self.size, self.step = z.copy(), np.full_like(size, np.inf), np.zeros_like(z)
        nearer = size < self.size
        new, tried = np.flatnonzero(nearer), np.flatnonzero(~nearer)
        self.base[new], self.size[new] = z[new], size[new]
        self.step[tried] /= 2
        if len(new):
            self.step[new] = correction(_products(z[new], fz[new], new, evaluate), fz[new] - z[new], self.krylov)
        return self.base + self.step


def _products(z: Array, fz: Array, rows: Array, evaluate: Evaluate) -> Product:
    """v -> J v of each row, by differences over a step that balances rounding and curvature."""
    reach = np.sqrt(np.finfo(z.dtype).eps) * (1 + np.abs(z).max(axis=-1, keepdims=True))

    def product(v: Array) -> Array:
        size = np.abs(v).max(axis=-1, keepdims=True)
        h = reach / np.where(size > 0, size, 1)
        return (evaluate(rows, z + h * v) - fz) / h

    return product
