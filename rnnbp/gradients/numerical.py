"""Numerical gradients from evaluations of the loss, as references: finite differences and the complex step."""

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rnnbp.core import Parameters
from rnnbp.data import SequenceBatch
from rnnbp.gradients.base import Cost, Gradient, GradientAlgorithm, check_targets, loss_at, whole_loss
from rnnbp.layers import Run
from rnnbp.layers.base import State
from rnnbp.losses import Loss
from rnnbp.models import Sequential
from rnnbp.runtime import number, of_type

Evaluate = Callable[[Parameters], Any]  # the loss at these parameters, complex where they are


class Numerical(GradientAlgorithm):
    """Base of the numerical gradients: one or two evaluations of the loss for each parameter in `indices`."""

    evaluations: int
    indices: Sequence[int] | None

    def gradients(
        self,
        model: Sequential,
        batch: SequenceBatch,
        loss: Loss,
        state: Sequence[State] | None = None,
        rng: np.random.Generator | None = None,
    ) -> Iterator[Gradient]:
        check_targets(batch)
        model.cast(batch.x)
        exact = batch.astype(np.float64)
        params = model.params.astype(np.float64)

        def evaluate(p: Parameters) -> Any:
            return loss_at(model, p, exact, loss, Run.of(exact, copy.deepcopy(rng)), state)

        vector = np.zeros(params.size)
        wanted = range(params.size) if self.indices is None else self.indices
        for k in wanted:
            vector[k] = self.derivative(params, k, evaluate)
        vector = params.trainable(vector)
        run = Run.of(exact, rng)
        outputs, _, after = model.unroll(params, exact.x, run, state)
        value = whole_loss(model, loss, outputs, exact)[0]
        steps = int(exact.lengths.sum()) * (len(wanted) * self.evaluations + 1)
        yield Gradient(float(value.real), vector, outputs, after, Cost(steps, 0), (0, len(exact.x)))

    def derivative(self, params: Parameters, k: int, evaluate: Evaluate) -> float:
        """Return the derivative with respect to parameter k."""
        raise NotImplementedError


@dataclass(frozen=True)
class FiniteDifference(Numerical):
    """Compute the gradient of the mean loss by central differences, (L(p + h) - L(p - h)) / 2h, in float64.

    The error is of order h^2. It applies to every model; the best relative accuracy is about 1e-10, and it is wrong
    next to a kink.

    Parameters
    ----------
    step : float, default 1e-5
        h, multiplied by the parameter's absolute value where that is above 1. Near the cube root of the machine
        epsilon, where rounding and truncation errors are of the same size.
    indices : sequence of int, optional
        Indices into the parameter vector; the gradient is zero elsewhere. Default: all.

    Raises
    ------
    ValueError
        If `step` is not positive.

    Examples
    --------
    >>> import rnnbp
    >>> model = rnnbp.Sequential(rnnbp.Elman(2, 3), rnnbp.Last(), rnnbp.Dense(3, 2), dtype=np.float64)
    >>> batch = rnnbp.SequenceDataset([np.ones((5, 2))], targets=[1]).batch()
    >>> (g,) = FiniteDifference().gradients(model, batch, rnnbp.CrossEntropy())
    >>> (exact,) = rnnbp.BPTT().gradients(model, batch, rnnbp.CrossEntropy())
    >>> bool(abs(g.vector - exact.vector).max() < 1e-8)
    True
    """

    step: float = 1e-5
    indices: Sequence[int] | None = None

    evaluations = 2

    def __post_init__(self) -> None:
        number("step", self.step, 0, open_low=True)
        of_type("indices", self.indices, Sequence[int] | None)

    def derivative(self, params: Parameters, k: int, evaluate: Evaluate) -> float:
        center = params.vector[k]
        h = self.step * max(1.0, abs(center))
        sides = []
        for value in (center + h, center - h):
            params.vector[k] = value
            sides.append(evaluate(params).real)
        params.vector[k] = center
        return (sides[0] - sides[1]) / (2 * h)


@dataclass(frozen=True)
class ComplexStep(Numerical):
    """Compute the gradient of the mean loss by the complex step, Im L(p + ih) / h.

    No difference is taken, so there is no cancellation and h may be tiny: it is exact to rounding, for models of
    functions that are safe for complex numbers, as all of the package's are.

    Parameters
    ----------
    step : float, default 1e-30
        h.
    indices : sequence of int, optional
        Indices into the parameter vector; the gradient is zero elsewhere. Default: all.

    Raises
    ------
    ValueError
        If `step` is not positive.

    References
    ----------
    W. Squire & G. Trapp (1998), "Using complex variables to estimate derivatives of real functions", SIAM
    Review 40(1), 110-112, doi:10.1137/S003614459631241X

    Examples
    --------
    >>> import rnnbp
    >>> model = rnnbp.Sequential(rnnbp.Elman(2, 3), rnnbp.Last(), rnnbp.Dense(3, 2), dtype=np.float64)
    >>> batch = rnnbp.SequenceDataset([np.ones((5, 2))], targets=[1]).batch()
    >>> (g,) = ComplexStep().gradients(model, batch, rnnbp.CrossEntropy())
    >>> (exact,) = rnnbp.BPTT().gradients(model, batch, rnnbp.CrossEntropy())
    >>> bool(abs(g.vector - exact.vector).max() < 1e-14)
    True
    """

    step: float = 1e-30
    indices: Sequence[int] | None = None

    evaluations = 1

    def __post_init__(self) -> None:
        number("step", self.step, 0, open_low=True)
        of_type("indices", self.indices, Sequence[int] | None)

    def derivative(self, params: Parameters, k: int, evaluate: Evaluate) -> float:
        stepped = params.astype(np.complex128)
        stepped.vector[k] += 1j * self.step
        return evaluate(stepped).imag / self.step
