"""What an optimizer is that needs the loss as a function: it minimizes, it does not step."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from rnnbp.core import Parameters
from rnnbp.optimizers.base import Array, Optimizer
from rnnbp.runtime import positive_int

Objective = Callable[[Array], tuple[float, Array]]
"""params.vector (P,) -> loss, gradient (P,)."""
Product = Callable[[Array], Array]
"""A direction (P,) -> the Hessian at `params.vector` times it (P,)."""


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


class Minimizer(Optimizer):
    """An optimizer for the loss of the whole training set, by one of SciPy's methods.

    It needs the loss as a function, not one gradient: use `minimize`. Every call of it begins with no memory
    of the calls before, so there is no state between them, and a run that goes on from a checkpoint made
    between two calls is the run that never stopped. Within a call SciPy computes in float64, whatever the
    parameters' dtype. A subclass defines `search`.

    Parameters
    ----------
    iterations : int
        Of one call of `minimize`.
    """

    def __init__(self, iterations: int) -> None:
        super().__init__(1.0)
        self.iterations = positive_int("iterations", iterations)

    @property
    def learning_rate(self) -> float:
        """1: the step that every line search tries first. It cannot be set to anything else."""
        return 1.0

    @learning_rate.setter
    def learning_rate(self, value: float) -> None:
        if value != 1:
            name = type(self).__name__
            raise ValueError(f"{name} finds its step sizes itself: learning_rate stays 1, got {value!r}")

    def step(self, params: Parameters, gradient: Array) -> None:
        """Not possible with one gradient.

        Raises
        ------
        TypeError
            Always.
        """
        name = type(self).__name__
        raise TypeError(f"{name} cannot step by one gradient: call minimize(objective, params) with the whole loss")

    def minimize(
        self,
        objective: Objective,
        params: Parameters,
        iterations: int | None = None,
        product: Product | None = None,
    ) -> Minimum:
        """Go down from `params`, which are changed in place.

        Parameters
        ----------
        objective : function (P,) -> loss, gradient (P,)
            Called with `params.vector`, which holds the point to be evaluated: it may look at its argument or
            at the model that `params` belong to. Always of the same data.
        params : Parameters
            What their mask holds at zero stays zero.
        iterations : int, optional
            Default: as the optimizer was made with.
        product : function (P,) -> (P,), optional
            The Hessian at `params.vector` times a direction, for a method that asks for it.

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
        limit = self.iterations if iterations is None else positive_int("iterations", iterations)

        def evaluate(x: Array) -> tuple[float, Array]:
            params.vector[:] = params.masked(x)
            value, gradient = objective(params.vector)
            gradient = params.masked(np.asarray(gradient, np.float64))
            finite = np.isfinite(value) and np.isfinite(gradient).all()
            return (float(value), gradient) if finite else (np.inf, np.zeros_like(x))

        def curvature(x: Array, direction: Array) -> Array:
            assert product is not None
            params.vector[:] = params.masked(x)
            return params.masked(np.asarray(product(params.masked(direction)), np.float64))

        start = params.vector.astype(np.float64)
        result = self.search(evaluate, start, limit, None if product is None else curvature)
        params.vector[:] = params.masked(result.x)
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
        """SciPy's result of at most `limit` iterations from `start`.

        Parameters
        ----------
        evaluate : function (P,) -> loss, gradient (P,)
            In float64; infinity and zeros where something is not finite.
        start : ndarray (P,)
        limit : int
        curvature : function (P,), (P,) -> (P,), optional
            The Hessian at a point times a direction.
        """
        raise NotImplementedError(f"{type(self).__name__} does not define search")
