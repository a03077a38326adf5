"""The oracles: gradients that need no way back. Slow, and right."""

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rnnbp.core import Parameters
from rnnbp.data import SequenceBatch
from rnnbp.gradients.base import Cost, Gradient, check_targets, loss_at
from rnnbp.layers import Run
from rnnbp.layers.base import State
from rnnbp.losses import Loss
from rnnbp.models import Sequential
from rnnbp.runtime import number

Evaluate = Callable[[Parameters], Any]  # the loss at these parameters, complex where they are


class Numerical:
    """One loss or two for each parameter looked at; `indices` None looks at all."""

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
        """One gradient a batch; zero where `indices` leaves a parameter out."""
        targets = check_targets(batch)
        model.cast(batch.x)
        exact = batch.astype(np.float64)
        params = model.params.astype(np.float64)

        def evaluate(p: Parameters) -> Any:
            return loss_at(model, p, exact, loss, Run(exact.lengths, copy.deepcopy(rng)), state)

        vector = np.zeros(params.size)
        wanted = range(params.size) if self.indices is None else self.indices
        for k in wanted:
            vector[k] = self.derivative(params, k, evaluate)
        vector = params.masked(vector)
        run = Run(exact.lengths, rng)
        outputs, _, after = model.unroll(params, exact.x, run, state)
        value = loss(outputs, targets, exact.lengths)[0]
        steps = int(exact.lengths.sum()) * (len(wanted) * self.evaluations + 1)
        yield Gradient(float(value.real), vector, outputs, after, Cost(steps, 0), (0, len(exact.x)))

    def derivative(self, params: Parameters, k: int, evaluate: Evaluate) -> float:
        """By parameter k."""
        raise NotImplementedError


@dataclass(frozen=True)
class FiniteDifference(Numerical):
    """Central differences in float64: (L(p + h) - L(p - h)) / 2h for each parameter, an error of order h^2.

    Works for everything that has a value; about 1e-10 is the best it can do, next to a kink it is wrong.

    Parameters
    ----------
    step : float, default 1e-5
        h, times the parameter's size where that is above 1. Near the cube root of the machine epsilon, where
        rounding and the neglected terms are of one size.
    indices : sequence of int, optional
        Which places of the parameter vector. Default: all.

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

    def derivative(self, params: Parameters, k: int, evaluate: Evaluate) -> float:
        """Central difference by parameter k."""
        there = params.vector[k]
        h = self.step * max(1.0, abs(there))
        sides = []
        for value in (there + h, there - h):
            params.vector[k] = value
            sides.append(evaluate(params).real)
        params.vector[k] = there
        return (sides[0] - sides[1]) / (2 * h)


@dataclass(frozen=True)
class ComplexStep(Numerical):
    """Im L(p + ih) / h for each parameter: no difference is taken, so no digit is lost and h may be tiny.

    Exact to rounding, for models written in functions that are safe for complex numbers, as all of the
    package's are.

    Parameters
    ----------
    step : float, default 1e-30
        h.
    indices : sequence of int, optional
        Which places of the parameter vector. Default: all.

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

    def derivative(self, params: Parameters, k: int, evaluate: Evaluate) -> float:
        """The imaginary part that a tiny imaginary step in parameter k leaves in the loss."""
        stepped = params.astype(np.complex128)
        stepped.vector[k] += 1j * self.step
        return evaluate(stepped).imag / self.step
