"""Linear fixed points, z = M z + b: GMRES, a direct solve, and the first terms of the Neumann series."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from rnnbp._checks import positive_int
from rnnbp.solvers.base import Array, Evaluate, Function, Search, Solution, Solver, Tolerance

Product = Callable[[Array], Array]  # (R, S) -> (R, S)


def correction(product: Product, residual: Array, krylov: int) -> Array:
    """step (R, S) with (1 - M) step = residual, by scipy's GMRES over all rows at once, to 1e-5 of the
    residual's norm: enough, as who calls comes back with what is left.

    Parameters
    ----------
    product : callable
        v (R, S) -> M v, row by row.
    residual : ndarray (R, S)
    krylov : int
        The largest Krylov space; afterwards it is begun anew, ten times.
    """
    from scipy.sparse.linalg import LinearOperator, gmres

    shape, size = residual.shape, residual.size

    def matvec(v: Array) -> Array:
        rows = v.reshape(shape)
        return (rows - product(rows)).ravel()

    operator = LinearOperator((size, size), matvec=matvec, dtype=residual.dtype)
    scale = np.abs(residual).max()  # a residual of 1e-30 is no smaller a problem than one of 1
    step, _ = gmres(operator, residual.ravel() / scale, restart=min(krylov, size), maxiter=10, atol=0.0)
    return (step * scale).reshape(shape).astype(residual.dtype, copy=False)


@dataclass(frozen=True)
class GMRES(Solver):
    """For linear f(z) = M z + b, such as an adjoint's: GMRES, and what it leaves once more.

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
    Y. Saad & M. H. Schultz (1986), "GMRES: a generalized minimal residual algorithm for solving nonsymmetric
    linear systems", SIAM Journal on Scientific and Statistical Computing 7(3), 856-869, doi:10.1137/0907058

    Examples
    --------
    >>> GMRES().solve(lambda rows, z: 3 * z - 4, np.zeros((1, 1)), Tolerance()).z
    array([[2.]])
    """

    krylov: int = 30

    linear = True

    def __post_init__(self) -> None:
        positive_int("krylov", self.krylov)

    def search(self) -> Search:
        """Remembers nothing."""
        return _GMRESSearch(self.krylov)


class _GMRESSearch(Search):
    def __init__(self, krylov: int) -> None:
        self.krylov = krylov

    def advance(self, z: Array, fz: Array, evaluate: Evaluate) -> Array:
        """M v is a difference of f, as f is linear."""
        rows = np.arange(len(z))
        return z + correction(lambda v: evaluate(rows, z + v) - fz, fz - z, self.krylov)


@dataclass(frozen=True)
class Direct(Solver):
    """For linear f(z) = M z + b: M is written out, S evaluations, and (1 - M) z = b solved by elimination.

    The memory is S x S numbers a row: for states of some hundred units.

    Examples
    --------
    >>> Direct().solve(lambda rows, z: 3 * z - 4, np.zeros((1, 1)), Tolerance()).z
    array([[2.]])
    """

    linear = True

    def search(self) -> Search:
        """Writes M out on its first step."""
        return _DirectSearch()


class _DirectSearch(Search):
    def __init__(self) -> None:
        self.system: Array | None = None  # 1 - M, (R, S, S)

    def keep(self, going: Array) -> None:
        """Of the systems."""
        if self.system is not None:
            self.system = self.system[going]

    def advance(self, z: Array, fz: Array, evaluate: Evaluate) -> Array:
        """To the solution; again where rounding left something. A singular system gives NaN."""
        if self.system is None:
            self.system = np.eye(z.shape[1], dtype=z.dtype) - _matrix(z, fz, evaluate)
        try:
            return z + np.linalg.solve(self.system, (fz - z)[:, :, None])[:, :, 0]
        except np.linalg.LinAlgError:
            return np.full_like(z, np.nan)


def _matrix(z: Array, fz: Array, evaluate: Evaluate) -> Array:
    """M (R, S, S), one column an evaluation."""
    R, S = z.shape
    rows, columns = np.arange(R), []
    for j in range(S):
        moved = z.copy()
        moved[:, j] += 1
        columns.append(evaluate(rows, moved) - fz)
    return np.stack(columns, axis=-1)


@dataclass(frozen=True)
class Neumann(Solver):
    """For linear f(z) = M z + b begun at b: the first terms of z = b + M b + M M b + ..., and no more.

    Not the solution but an approximation that is meant: its residual is not measured (NaN), and it counts as
    converged. As an adjoint it gives the phantom gradient (Geng et al. 2021), with one term the Jacobian-free
    one (Fung et al. 2022).

    Parameters
    ----------
    terms : int

    Raises
    ------
    ValueError
        If `terms` is not a positive integer.

    References
    ----------
    Z. Geng, X.-Y. Zhang, S. Bai, Y. Wang & Z. Lin (2021), "On training implicit models", NeurIPS 34,
    arXiv:2111.05177. S. W. Fung, H. Heaton, Q. Li, D. McKenzie, S. Osher & W. Yin (2022), "JFB:
    Jacobian-free backpropagation for implicit networks", AAAI 36(6), 6648-6656,
    doi:10.1609/aaai.v36i6.20619

    Examples
    --------
    >>> Neumann(3).solve(lambda rows, z: 0.5 * z + 1, np.ones((1, 1)), Tolerance()).z
    array([[1.75]])
    """

    terms: int

    linear = True

    def __post_init__(self) -> None:
        positive_int("terms", self.terms)

    def solve(self, function: Function, start: Array, tolerance: Tolerance) -> Solution:
        """The tolerance is without meaning here."""
        rows, z = np.arange(len(start)), start
        for _ in range(self.terms - 1):
            z = function(rows, z)
        R = len(start)
        return Solution(z, np.full(R, self.terms - 1), np.full(R, np.nan), np.ones(R, bool))
