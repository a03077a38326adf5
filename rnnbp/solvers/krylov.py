"""Solvers of linear fixed-point equations z = M z + b: GMRES, a direct solve, and a truncated Neumann series."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from rnnbp.runtime import positive_int
from rnnbp.solvers.base import Array, Evaluate, Function, Search, Solution, Solver, Tolerance
from rnnbp.solvers.row_vectors import combination, inner, row_maxima, row_norms

Product = Callable[[Array], Array]  # (R, S) -> (R, S)


ACCURACY = 3e-6  # of a correction: enough, as the caller repeats it on the remaining residual
RESTARTS = 10
STAGNATION = 0.9  # after a step of GMRES that leaves more of the residual, the last image is the next direction


def correction(product: Product, residual: Array, krylov: int) -> Array:
    """Solve (I - M) step = residual for step (R, S), row by row, by adaptive simpler GMRES.

    With directions p whose images q = (I - M) p are orthonormal, and the residual r: step <- step + (q . r) p and
    r <- r - (q . r) q. A new direction is r, as in the method of conjugate residuals, or where r hardly decreases the
    last image; both span the Krylov space, in which r is then the smallest, as in GMRES.

    Parameters
    ----------
    product : callable
        Maps v (R, S) to M v, row by row.
    residual : ndarray (R, S)
    krylov : int
        Largest dimension of the Krylov space; then GMRES restarts.

    References
    ----------
    P. Jiránek, M. Rozložník & M. H. Gutknecht (2008), "How to make simpler GMRES and GCR more stable", SIAM Journal on
    Matrix Analysis and Applications 30(4), 1483-1499, doi:10.1137/070707373
    """
    scale = row_maxima(residual)[:, None]  # so that squares neither overflow nor vanish
    r = _divided(residual, scale)
    step, enough = np.zeros_like(r), ACCURACY * row_norms(r)
    for _ in range(RESTARTS):
        _cycle(product, step, r, enough, min(krylov, r.shape[1]))
        if not (row_norms(r) > enough).any():
            break
    return step * scale


def _cycle(product: Product, step: Array, r: Array, enough: Array, krylov: int) -> None:
    """Update step and r (R, S) in one Krylov space; rows whose residual is small enough are not changed any more."""
    p, q = (np.empty((len(r), krylov, r.shape[1]), r.dtype) for _ in range(2))
    size = row_norms(r)
    direction = _divided(r, size)
    dependent = dependence(r.dtype)
    for k in range(krylov):
        image = direction - product(direction)
        before = row_norms(image)
        for _ in range(2 if k else 0):  # twice, as rounding leaves a part of it
            overlap = inner(q[:, :k], image)
            image -= combination(overlap, q[:, :k])
            direction = direction - combination(overlap, p[:, :k])
        after = row_norms(image)
        after[after <= dependent * before] = 0
        p[:, k], q[:, k] = _divided(direction, after), _divided(image, after)
        coefficient = np.where(size > enough, (q[:, k] * r).sum(axis=1, keepdims=True), 0)
        step += coefficient * p[:, k]
        r -= coefficient * q[:, k]
        last, size = size, row_norms(r)
        if not (size > enough).any():
            return
        direction = np.where(size < STAGNATION * last, _divided(r, size), q[:, k])


def dependence(dtype: np.dtype) -> float:
    """Return the threshold of linear dependence: how small, relatively, orthogonalization may leave an image."""
    return 10 * float(np.sqrt(np.finfo(dtype).eps))


def _divided(a: Array, size: Array) -> Array:
    """Return a / size, zero where the size is."""
    return a / np.where(size > 0, size, np.inf)


@dataclass(frozen=True)
class GMRES(Solver):
    """Restarted GMRES for affine f(z) = M z + b, such as an adjoint equation, with iterative refinement.

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
        return _GMRESSearch(self.krylov)


class _GMRESSearch(Search):
    """Corrections by GMRES, each with the remaining residual: nothing is stored from one to the next."""

    def __init__(self, krylov: int) -> None:
        self.krylov = krylov

    def advance(self, z: Array, fz: Array, evaluate: Evaluate) -> Array:
        rows = np.arange(len(z))
        rows.flags.writeable = False
        size = row_maxima(z)[:, None]
        size[size == 0] = 1  # M v = (f(z + size v) - f(z)) / size, as f is affine

        def product(v: Array) -> Array:
            return (evaluate(rows, z + size * v) - fz) / size

        return z + correction(product, fz - z, self.krylov)


@dataclass(frozen=True)
class Direct(Solver):
    """Direct solve for affine f(z) = M z + b: (I - M) z = b by Gaussian elimination.

    M is computed by S evaluations of f and takes S x S numbers a row, which suits states of up to some hundred units.

    Examples
    --------
    >>> Direct().solve(lambda rows, z: 3 * z - 4, np.zeros((1, 1)), Tolerance()).z
    array([[2.]])
    """

    linear = True

    def search(self) -> Search:
        return _DirectSearch()


class _DirectSearch(Search):
    """The matrix I - M of each row, evaluated once."""

    def __init__(self) -> None:
        self.system: Array | None = None  # I - M, (R, S, S)

    def select(self, active: Array) -> None:
        if self.system is not None:
            self.system = self.system[active]

    def advance(self, z: Array, fz: Array, evaluate: Evaluate) -> Array:
        if self.system is None:
            self.system = np.eye(z.shape[1], dtype=z.dtype) - _matrix(z, fz, evaluate)
        try:
            return z + np.linalg.solve(self.system, (fz - z)[:, :, None])[:, :, 0]
        except np.linalg.LinAlgError:  # singular
            return np.full_like(z, np.nan)


def _matrix(z: Array, fz: Array, evaluate: Evaluate) -> Array:
    """Return M (R, S, S), one column an evaluation."""
    R, S = z.shape
    rows, columns = np.arange(R), []
    for j in range(S):
        shifted = z.copy()
        shifted[:, j] += 1
        columns.append(evaluate(rows, shifted) - fz)
    return np.stack(columns, axis=-1)


@dataclass(frozen=True)
class Neumann(Solver):
    """Truncated Neumann series b + M b + M M b + ... of an affine f(z) = M z + b that starts at z = b.

    A deliberate approximation: its residual is not measured (NaN), and it counts as converged. As an adjoint it gives
    the phantom gradient (Geng et al. 2021), with one term the Jacobian-free gradient (Fung et al. 2022).

    Parameters
    ----------
    terms : int
        Number of terms of the series, 1 or more.

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
        rows, z = np.arange(len(start)), start
        for _ in range(self.terms - 1):
            z = function(rows, z)
        R = len(start)
        return Solution(z, np.full(R, self.terms - 1), np.full(R, np.nan), np.ones(R, bool))
