"""L-BFGS, by SciPy."""

from collections.abc import Callable
from typing import Any

from rnnbp.optimizers.base import Array
from rnnbp.optimizers.minimizer import Minimizer
from rnnbp.runtime import number, positive_int


class LBFGS(Minimizer):
    """The limited-memory quasi-Newton method, for the loss of the whole training set.

    It needs the loss as a function, not one gradient: use `minimize`. Every call of it begins with no memory
    of the curvature, so there is no state between calls, and a run that goes on from a checkpoint made
    between two calls is the run that never stopped. Within a call SciPy computes in float64, whatever the
    parameters' dtype.

    Parameters
    ----------
    iterations : int, default 20
        Of one call of `minimize`.
    memory : int, default 10
        How many steps the curvature is estimated from.
    tolerance : float, default 1e-5
        Converged where no component of the gradient is greater (SciPy's `gtol`), or where an iteration lowers the loss
        by no more than ``tolerance**2 * max(loss, 1)`` (`ftol`): near a minimum the loss above it goes with the square
        of the gradient. 0: only the iterations end it.

    Raises
    ------
    ValueError
        If an argument is out of its range.

    References
    ----------
    Liu and Nocedal (1989), "On the limited memory BFGS method for large scale optimization", Mathematical
    Programming 45, 503-528. doi:10.1007/BF01589116

    Zhu, Byrd, Lu and Nocedal (1997), "Algorithm 778: L-BFGS-B", ACM Transactions on Mathematical Software 23,
    550-560. doi:10.1145/279232.279236

    Examples
    --------
    >>> import numpy as np
    >>> from rnnbp.core.parameters import Parameters
    >>> params = Parameters({"w": (2,)}, np.array([3.0, -4.0]))
    >>> minimum = LBFGS().minimize(lambda w: (w @ w, 2 * w), params)
    >>> minimum.converged, bool(abs(params.vector).max() < 1e-5)
    (True, True)
    """

    name = "lbfgs"

    def __init__(self, iterations: int = 20, memory: int = 10, tolerance: float = 1e-5) -> None:
        super().__init__(iterations)
        self.memory = positive_int("memory", memory)
        self.tolerance = number("tolerance", tolerance, 0)

    def search(
        self,
        evaluate: Callable[[Array], tuple[float, Array]],
        start: Array,
        limit: int,
        curvature: Callable[[Array, Array], Array] | None,
    ) -> Any:
        """By L-BFGS-B, which estimates the curvature from the gradients."""
        from scipy.optimize import minimize  # slow to import

        options: Any = {"maxiter": limit, "maxcor": self.memory, "maxfun": 20 * limit}
        options |= {"gtol": self.tolerance, "ftol": self.tolerance**2}
        return minimize(evaluate, start, jac=True, method="L-BFGS-B", options=options)
