"""L-BFGS, by SciPy."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from rnnbp._checks import number, positive_int
from rnnbp.optimizers.base import Array, Optimizer
from rnnbp.params import Parameters

Objective = Callable[[Array], tuple[float, Array]]


@dataclass(frozen=True)
class Minimum:
    """How a minimization ended.

    Parameters
    ----------
    value : float
        The loss at the parameters it ended with.
    iterations, evaluations : int
        Steps made, and losses with their gradients computed for them.
    converged : bool
        Whether it ended because the loss or the gradient no longer changed, and not because it had made its
        iterations or found no way down.
    message : str
        SciPy's reason.
    """

    value: float
    iterations: int
    evaluations: int
    converged: bool
    message: str


class LBFGS(Optimizer):
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
        Converged where no component of the gradient is greater.

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
    >>> params = Parameters({"w": (2,)}, np.array([3.0, -4.0]))
    >>> minimum = LBFGS().minimize(lambda w: (w @ w, 2 * w), params)
    >>> minimum.converged, bool(abs(params.vector).max() < 1e-5)
    (True, True)
    """

    name = "lbfgs"

    def __init__(self, iterations: int = 20, memory: int = 10, tolerance: float = 1e-5) -> None:
        super().__init__(1.0)
        self.iterations = positive_int("iterations", iterations)
        self.memory = positive_int("memory", memory)
        self.tolerance = number("tolerance", tolerance, 0)

    @property
    def learning_rate(self) -> float:
        """1: the step that every line search tries first. It cannot be set to anything else."""
        return 1.0

    @learning_rate.setter
    def learning_rate(self, value: float) -> None:
        if value != 1:
            raise ValueError(f"LBFGS finds its step sizes itself: learning_rate stays 1, got {value!r}")

    def step(self, params: Parameters, gradient: Array) -> None:
        """Not possible with one gradient.

        Raises
        ------
        TypeError
            Always.
        """
        raise TypeError("LBFGS cannot step by one gradient: call minimize(objective, params) with the whole loss")

    def minimize(self, objective: Objective, params: Parameters, iterations: int | None = None) -> Minimum:
        """Go down from `params`, which are changed in place.

        Parameters
        ----------
        objective : function (P,) -> loss, gradient (P,)
            Called with `params.vector`, which holds the point to be evaluated: it may look at its argument or
            at the model that `params` belong to. Always of the same data.
        params : Parameters
        iterations : int, optional
            Default: as the optimizer was made with.

        Returns
        -------
        Minimum

        Raises
        ------
        ValueError
            If the loss or its gradient is not finite at the parameters to begin with, which are kept.

        Notes
        -----
        A point whose loss or gradient is not finite is taken for infinitely high, so that a line search turns
        back before it. The parameters end with the last point that was accepted.
        """
        from scipy.optimize import minimize  # slow to import

        limit = self.iterations if iterations is None else positive_int("iterations", iterations)

        def evaluate(x: Array) -> tuple[float, Array]:
            params.vector[:] = x
            value, gradient = objective(params.vector)
            finite = np.isfinite(value) and np.isfinite(gradient).all()
            return (float(value), np.asarray(gradient, np.float64)) if finite else (np.inf, np.zeros_like(x))

        options: Any = {"maxiter": limit, "maxcor": self.memory, "gtol": self.tolerance, "maxfun": 20 * limit}
        start = params.vector.astype(np.float64)
        result = minimize(evaluate, start, jac=True, method="L-BFGS-B", options=options)
        params.vector[:] = result.x
        if not np.isfinite(result.fun):
            raise ValueError("the loss or its gradient is not finite at the parameters that minimize was given")
        self.steps += int(result.nit)
        return Minimum(float(result.fun), int(result.nit), int(result.nfev), result.status == 0, str(result.message))
