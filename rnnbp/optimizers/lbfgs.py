"""L-BFGS, with SciPy."""

from collections.abc import Callable
from typing import Any

from rnnbp.optimizers.base import Array
from rnnbp.optimizers.minimizer import Minimizer
from rnnbp.runtime import number, positive_int


class LBFGS(Minimizer):
    """L-BFGS, the limited-memory quasi-Newton method, on the loss of the whole training set.

    It needs the loss as a function, not one gradient: use `minimize`. Every call starts with an empty curvature
    history, so there is no state between calls, and a run resumed from a checkpoint made between two calls equals
    the uninterrupted run. Within a call SciPy computes in float64, whatever the parameters' dtype.

    Parameters
    ----------
    iterations : int, default 20
        Maximum number of iterations of one call of `minimize`.
    memory : int, default 10
        Number of past steps from which the curvature is estimated.
    tolerance : float, default 1e-5
        Converged when no component of the gradient is greater (SciPy's `gtol`), or when an iteration lowers the loss by
        no more than ``tolerance**2 * max(loss, 1)`` (`ftol`): near a minimum the excess loss is quadratic in the
        gradient. With 0, only `iterations` ends the search.

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
        """Return the result of SciPy's L-BFGS-B without bounds; `curvature` is not used."""
        from scipy.optimize import minimize  # slow to import

        options: Any = {"maxiter": limit, "maxcor": self.memory, "maxfun": 20 * limit}
        options |= {"gtol": self.tolerance, "ftol": self.tolerance**2}
        return minimize(evaluate, start, jac=True, method="L-BFGS-B", options=options)
