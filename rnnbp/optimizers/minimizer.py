"""Base class of the optimizers that minimize the loss as a function, rather than step along one gradient."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from rnnbp.core import Parameters
from rnnbp.optimizers.base import Array
from rnnbp.optimizers.full_batch import FullBatch
from rnnbp.runtime import positive_int

Objective = Callable[[Array], tuple[float, Array]]
"""params.vector (P,) -> loss, gradient (P,)."""
Product = Callable[[Array], Array]
"""A direction (P,) -> the Hessian at `params.vector` times it (P,)."""


@dataclass(frozen=True)
class Minimum:
    """Result of a minimization.

    Attributes
    ----------
    value : float
        Loss at the final parameters.
    iterations, evaluations : int
        Number of iterations, and of evaluations of the loss and its gradient.
    converged : bool
        Whether it ended because the gradient, the change of the loss or the step was small enough; False if the
        iterations ran out or a line search failed.
    message : str
        Reason for ending, from SciPy.
    """

    value: float
    iterations: int
    evaluations: int
    converged: bool
    message: str


class Minimizer(FullBatch):
    """Base class of the optimizers that minimize the loss of the whole training set with SciPy.

    It needs the loss as a function, not one gradient: use `minimize`. There is no state between calls, so a run resumed
    from a checkpoint made between two calls equals the uninterrupted run. Within a call SciPy computes in float64,
    whatever the parameters' dtype. A subclass defines `search`.

    Parameters
    ----------
    iterations : int
        Maximum number of iterations of one call of `minimize`.
    """

    advice = "minimize(objective, params) with the whole loss"

    def __init__(self, iterations: int) -> None:
        super().__init__()
        self.iterations = positive_int("iterations", iterations)

    def minimize(
        self,
        objective: Objective,
        params: Parameters,
        iterations: int | None = None,
        product: Product | None = None,
    ) -> Minimum:
        """Minimize `objective` from `params`, which are changed in place.

        Parameters
        ----------
        objective : function (P,) -> loss, gradient (P,)
            Called with `params.vector`, set to the point to evaluate: it may use its argument or the model that
            `params` belong to. It must be deterministic: always the same data.
        params : Parameters
            Parameters that their mask fixes at zero stay zero, frozen ones at their values.
        iterations : int, optional
            Default: the optimizer's `iterations`.
        product : function (P,) -> (P,), optional
            Hessian-vector product at `params.vector`, for methods that use it.

        Returns
        -------
        Minimum

        Raises
        ------
        ValueError
            If the loss or its gradient is not finite at the initial parameters, which are then unchanged.

        Notes
        -----
        The loss is taken as infinite where it or its gradient is not finite, so that a line search backtracks. The
        parameters end at the last accepted point.
        """
        limit = self.iterations if iterations is None else positive_int("iterations", iterations)

        def evaluate(x: Array) -> tuple[float, Array]:
            params.vector[:] = params.with_fixed(x)
            value, gradient = objective(params.vector)
            gradient = params.trainable(np.asarray(gradient, np.float64))
            finite = np.isfinite(value) and np.isfinite(gradient).all()
            return (float(value), gradient) if finite else (np.inf, np.zeros_like(x))

        def curvature(x: Array, direction: Array) -> Array:
            assert product is not None
            params.vector[:] = params.with_fixed(x)
            return params.trainable(np.asarray(product(params.trainable(direction)), np.float64))

        start = params.vector.astype(np.float64)
        result = self.search(evaluate, start, limit, None if product is None else curvature)
        params.vector[:] = params.with_fixed(result.x)
        if not np.isfinite(result.fun):
            raise ValueError("the loss or its gradient is not finite at the parameters that minimize was given")
        self.steps += int(result.nit)
        return Minimum(float(result.fun), int(result.nit), int(result.nfev), result.status == 0, str(result.message))

    def search(
        self,
        evaluate: Callable[[Array], tuple[float, Array]],
        start: Array,
        limit: int,
        curvature: Callable[[Array, Array], Array] | None,
    ) -> Any:
        """Return SciPy's result after at most `limit` iterations from `start`.

        Parameters
        ----------
        evaluate : function (P,) -> loss, gradient (P,)
            In float64; an infinite loss and a zero gradient where either is not finite.
        start : ndarray (P,)
        limit : int
        curvature : function (P,), (P,) -> (P,), optional
            Hessian-vector product: the Hessian at a point times a direction.
        """
        raise NotImplementedError(f"{type(self).__name__} does not define search")
