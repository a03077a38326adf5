"""Newton's method with conjugate gradients (truncated Newton), with SciPy."""

import warnings
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np

from rnnbp.optimizers.base import Array
from rnnbp.optimizers.minimizer import Minimizer
from rnnbp.runtime import number


class NewtonCG(Minimizer):
    """Truncated Newton method (Newton-CG) on the loss of the whole training set.

    Each step's system H p = -g is solved by conjugate gradients, to a tolerance that tightens with the gradient norm,
    and truncated at negative curvature; a line search follows. H appears only in Hessian-vector products: a Trainer
    passes the exact product (`rnnbp.hvp`); without one, `minimize` takes finite differences of gradients. As with every
    `Minimizer`, there is no state between calls.

    Parameters
    ----------
    iterations : int, default 10
        Maximum number of Newton steps of one call of `minimize`, each of several Hessian-vector products.
    tolerance : float, default 1e-5
        Converged when no component of the gradient is greater, or the mean absolute component of a step is smaller.

    Raises
    ------
    ValueError
        If an argument is out of its range.

    See Also
    --------
    LBFGS : estimates the curvature from gradients.

    References
    ----------
    R. S. Dembo & T. Steihaug (1983), "Truncated-Newton algorithms for large-scale unconstrained optimization",
    Mathematical Programming 26, 190-212, doi:10.1007/BF02592055. J. Nocedal & S. J. Wright (2006), "Numerical
    optimization", algorithm 7.1. J. Martens (2010), "Deep learning via Hessian-free optimization", ICML

    Examples
    --------
    >>> from rnnbp.core.parameters import Parameters
    >>> params = Parameters({"w": (2,)}, np.array([3.0, -4.0]))
    >>> H = np.array([[2.0, 0.5], [0.5, 1.0]])
    >>> minimum = NewtonCG().minimize(lambda w: (w @ H @ w / 2, H @ w), params, product=lambda v: H @ v)
    >>> minimum.converged, bool(abs(params.vector).max() < 1e-5)
    (True, True)
    """

    name = "newton_cg"

    def __init__(self, iterations: int = 10, tolerance: float = 1e-5) -> None:
        super().__init__(iterations)
        self.tolerance = number("tolerance", tolerance, 0)

    def search(
        self,
        evaluate: Callable[[Array], tuple[float, Array]],
        start: Array,
        limit: int,
        curvature: Callable[[Array, Array], Array] | None,
    ) -> Any:
        """Return the result of SciPy's Newton-CG, or the start if its gradient is already within tolerance."""
        from scipy.optimize import minimize  # slow to import

        value, gradient = evaluate(start)
        if not np.isfinite(value) or np.abs(gradient).max(initial=0.0) <= self.tolerance:
            return SimpleNamespace(x=start, fun=value, nit=0, nfev=1, status=0, message="The gradient is small.")
        options: Any = {"maxiter": limit, "xtol": self.tolerance}
        with warnings.catch_warnings(), np.errstate(all="ignore"):  # a failed line search shows in the status
            warnings.simplefilter("ignore")
            result = minimize(evaluate, start, jac=True, hessp=curvature, method="Newton-CG", options=options)
        if np.abs(evaluate(result.x)[1]).max() <= self.tolerance:
            result.status = 0
        return result
