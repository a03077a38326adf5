"""Ridge regression: the last layer of a model solved for directly, its penalty by generalized cross-validation."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from rnnbp.optimizers.base import Array
from rnnbp.optimizers.full_batch import FullBatch
from rnnbp.optimizers.normal_equations import NormalEquations
from rnnbp.runtime import natural_int, number, refuses_by_name

COST = 1.4  # of an effective parameter in the criterion (Kim & Gu 2004)
GRID = 61  # penalties tried before the refinement, evenly spaced on a log scale


@dataclass(frozen=True)
class RidgeFit:
    """Solution of ridge regression.

    Attributes
    ----------
    w, b : ndarray (K, D), (K,)
        Weights and intercepts: y = x w^T + b.
    penalty : float
    """

    w: Array
    b: Array
    penalty: float


class Ridge(FullBatch):
    """Ridge regression for the last `Dense` layer of a model whose other parameters are all frozen, solved directly.

    Minimizes the sum over all items of the squared error plus ``penalty * sum(w**2)``; the bias is not penalized. One
    epoch is the whole training: `Trainer.fit` ends after it. With `CrossEntropy` the classes are regressed as one-hot
    vectors, with `BinaryCrossEntropy` as -1 and 1, so that the greatest output, or its sign, is the predicted class;
    the outputs are then no calibrated probabilities. The targets' and the dataset's weights count as in the loss.
    Features are computed in the model's precision, sums and the solution in float64, in memory that does not depend on
    the number of steps.

    Parameters
    ----------
    penalty : float >= 0, optional
        As scikit-learn's `alpha`; 0 gives the least-squares solution of minimum norm. Default: the minimum of
        generalized cross-validation (GCV), common to all outputs; where targets are missing for some outputs only, one
        for each of them.
    washout : int, default 0
        Number of steps at the start of each sequence, or of a stream, that are not fitted, while the state still
        depends on its initial value. For outputs at every step. In scores these steps count; weights of 0 take them out
        of both.

    Attributes
    ----------
    found : tuple of float
        The penalties of the last solution, one, or one for each output; empty before.

    Raises
    ------
    ValueError
        If an argument is out of its range.

    See Also
    --------
    rnnbp.echo_state_network : a network for it.
    rnnbp.RecursiveLeastSquares : the same online.

    Notes
    -----
    GCV is ``N RSS(penalty) / (N - 1.4 dof(penalty))**2`` with the residual sum of squares and the effective number of
    parameters, evaluated for all penalties by one eigendecomposition of the centred features' second moments. The
    factor of Kim & Gu (2004) is 1 in the original; that one fails where there are about as many features as items, or
    errors are correlated as in series: now and then it chooses no penalty at all. The penalty is also at least what
    rounding of features and weights in the model's precision amounts to: errors in variables act as a penalty does.

    References
    ----------
    G. H. Golub, M. Heath & G. Wahba (1979), "Generalized cross-validation as a method for choosing a good ridge
    parameter", Technometrics 21(2), 215-223, doi:10.1080/00401706.1979.10489751. Y.-J. Kim & C. Gu (2004), "Smoothing
    spline Gaussian regression: more scalable computation via efficient approximation", Journal of the Royal Statistical
    Society B 66(2), 337-356, doi:10.1046/j.1369-7412.2003.05316.x

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=(50, 3))
    >>> equations = NormalEquations(3, 1)
    >>> equations.add(x, x[:, :1] - 2 * x[:, 1:2] + 5 + 0.1 * rng.normal(size=(50, 1)))
    >>> fit = Ridge().solve(equations)
    >>> fit.w.round(1), fit.b.round(1)
    (array([[ 1., -2.,  0.]]), array([5.]))
    """

    name = "ridge"
    advice = "solve(equations), or train a model with it by rnnbp.Trainer"

    def __init__(self, penalty: float | None = None, washout: int = 0) -> None:
        super().__init__()
        self.penalty = None if penalty is None else number("penalty", penalty, 0)
        self.washout = natural_int("washout", washout)
        self.found: tuple[float, ...] = ()

    @refuses_by_name
    def solve(self, equations: NormalEquations, precision: Any = np.float64) -> RidgeFit:
        """Return weights and intercepts.

        Parameters
        ----------
        equations : NormalEquations
        precision : dtype, default float64
            Of the features, and of the weights in use.

        Returns
        -------
        RidgeFit

        Raises
        ------
        ValueError
            If there are no items, or the moments are not finite.
        """
        if not equations.count:
            raise ValueError("there is nothing to fit: no item has a target and a weight above 0")
        if not (np.isfinite(equations.xx).all() and np.isfinite(equations.xy).all()):
            raise ValueError("features or targets are not finite, or too large to be squared")
        w = self._by_factorization(equations)
        penalty = self.penalty
        if w is None:
            w, penalty = _by_eigendecomposition(equations, self.penalty, precision)
        assert penalty is not None
        return RidgeFit(w.T, equations.mean_y - equations.mean_x @ w, penalty)

    def _by_factorization(self, equations: NormalEquations) -> Array | None:
        """Return the weights (D, K) for a penalty that is given, or None where the matrix is singular."""
        if not self.penalty:
            return None
        from scipy.linalg import LinAlgError, cho_factor, cho_solve  # slow to import

        try:
            factor = cho_factor(equations.xx + self.penalty * np.eye(len(equations.xx)), check_finite=False)
        except LinAlgError:
            return None
        return cho_solve(factor, equations.xy, check_finite=False)

    def state_dict(self) -> dict[str, Any]:
        """Return the state needed to continue a run, with the penalties of the last solution as 'found'."""
        return super().state_dict() | {"found": list(self.found)}

    def load_state_dict(self, state: Mapping[str, Any]) -> Self:
        if "found" not in state:
            raise ValueError("state of Ridge lacks 'found'")
        found = tuple(number("found", one, 0) for one in state["found"])
        super().load_state_dict({name: value for name, value in state.items() if name != "found"})
        self.found = found
        return self


def _by_eigendecomposition(equations: NormalEquations, penalty: float | None, precision: Any) -> tuple[Array, float]:
    """Return the weights (D, K), and the penalty, that of GCV where none is given."""
    s, v = np.linalg.eigh(equations.xx)
    s, c = s.copy(), v.T @ equations.xy
    unknown = s <= len(s) * np.finfo(np.float64).eps * max(s[-1], 0.0)
    s[unknown], c[unknown] = 0, 0
    if penalty is None:
        scale = equations.weight / equations.count  # GCV counts items: weights of mean 1
        rounding = np.finfo(precision).eps ** 2 * (s.sum() + equations.weight * (equations.mean_x**2).sum())
        least = max(rounding, np.finfo(np.float64).eps * s[-1])
        penalty = float(scale * gcv_penalty(s / scale, c / scale, equations.yy / scale, equations.count, least / scale))
    divisor = s + penalty
    return v @ np.divide(c, divisor[:, None], out=np.zeros_like(c), where=divisor[:, None] > 0), penalty


def gcv_penalty(s: Array, c: Array, yy: Array, count: int, least: float) -> float:
    """Return the penalty of at least `least` that minimizes generalized cross-validation.

    Parameters
    ----------
    s : ndarray (D,)
        Eigenvalues of the second moments of the centred features, 0 where they are not known from rounding.
    c : ndarray (D, K)
        Second moments of the eigenvectors' features with the targets, 0 where `s` is.
    yy : ndarray (K,)
        Sums of the squares of the centred targets.
    count : int
        N, the number of items.
    least : float

    Examples
    --------
    A feature that has nothing to do with the target is best left out:

    >>> bool(gcv_penalty(np.array([10.0]), np.array([[0.0]]), np.array([10.0]), 10, 1e-6) > 1000)
    True
    """
    from scipy.optimize import minimize_scalar  # slow to import

    known = s > 0
    s, power = s[known], (c[known] ** 2).sum(1)
    if not s.size or not yy.sum() or count < 2:
        return 1.0  # any: all weights are zero
    free = max(count - 1 - len(s), 0)  # degrees of freedom that are left without a penalty
    rest = max(yy.sum() - (power / s).sum(), 0.0) if free else 0.0

    def log_gcv(log_penalty: float) -> float:
        p = np.exp(log_penalty)
        shrunk = p / (s + p)
        left = count - COST * (count - free - shrunk.sum())
        return float(np.log(rest + (power / s * shrunk**2).sum()) - 2 * np.log(left)) if left > 0 else np.inf

    low, high = np.log(least), np.log(max(1e3 * s[-1], 10 * least))
    grid = np.linspace(low, high, GRID)
    with np.errstate(divide="ignore"):  # targets that are fitted exactly
        best = int(np.argmin([log_gcv(one) for one in grid]))
        if not 0 < best < GRID - 1:
            return float(np.exp(grid[best]))
        near = minimize_scalar(log_gcv, bounds=(grid[best - 1], grid[best + 1]), method="bounded")
    return float(np.exp(near.x if near.fun <= log_gcv(grid[best]) else grid[best]))
