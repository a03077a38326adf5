"""One epoch of training: by gradient steps on batches, or by minimizing the loss of the whole training set."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rnnbp.data import SequenceBatch, SequenceDataset
from rnnbp.gradients import Gradient, GradientAlgorithm, hvp
from rnnbp.gradients.base import total_weight
from rnnbp.losses import Loss
from rnnbp.models import Sequential
from rnnbp.optimizers import Minimizer, Optimizer
from rnnbp.optimizers.clipping import norm
from rnnbp.training.evaluation import Tally

Array = np.ndarray


class TrainingDivergedError(ArithmeticError):
    """Error raised when a loss or gradient is not finite; the model has the last parameters at which both were.

    Examples
    --------
    >>> import rnnbp
    >>> data = rnnbp.SequenceDataset([np.ones((3, 2))], targets=[[1.0]])
    >>> model = rnnbp.Sequential(rnnbp.MeanOverTime(), rnnbp.Dense(2, 1))
    >>> model.params["1.b"] = np.nan
    >>> trainer = rnnbp.Trainer(model, rnnbp.MeanSquaredError(), rnnbp.Backprop(), rnnbp.SGD(0.1))
    >>> trainer.fit(data, epochs=1, progress=False)
    Traceback (most recent call last):
    rnnbp.training.epoch.TrainingDivergedError: ...
    """


@dataclass
class Epoch:
    """Model, loss, gradient algorithm, optimizer and random generator of one epoch.

    Attributes
    ----------
    model, loss, gradient, optimizer
        Those of the trainer.
    rng : numpy.random.Generator
        For shuffling and dropout.
    good : ndarray (P,)
        The last parameters at which loss and gradient were finite.
    name : str
        Name in messages: 'epoch 3'.
    """

    model: Sequential
    loss: Loss
    gradient: GradientAlgorithm
    optimizer: Optimizer
    rng: np.random.Generator
    good: Array
    name: str

    def checked(self, g: Gradient, batch: str) -> float:
        """Return the norm of a gradient after checking that it and the loss are finite.

        Raises
        ------
        TrainingDivergedError
            If the norm or the loss is not finite; the last good parameters are restored.
        """
        size = norm(g.vector)
        if np.isfinite(g.loss) and np.isfinite(size):
            return size
        self.model.params.vector[:] = self.good
        gradient = self.model.params.like(np.abs(g.vector))
        sizes = {name: float(np.max(value, initial=0.0)) for name, value in gradient.items()}
        worst = max(sizes, key=lambda name: np.inf if np.isnan(sizes[name]) else sizes[name])
        raise TrainingDivergedError(
            f"the loss is {g.loss} at {self.name}, {batch}, steps {g.span[0]} to {g.span[1]}; the largest gradient is "
            f"{sizes[worst]:.3g}, of parameter {worst!r}. The model holds its last good parameters. A lower "
            "learning_rate or clip=ClipNorm(1.0) may help"
        )


@dataclass(frozen=True)
class EpochResult:
    """Result of an epoch: loss and score, mean gradient norm, and the number of time steps processed."""

    scores: dict[str, float]
    gradient_norm: float
    steps: int


def by_steps(
    epoch: Epoch,
    batches: Sequence[SequenceBatch] | Iterator[SequenceBatch],
    clip: Callable[[Array], float] | None,
    before_batch: Callable[[int], None],
    stateful: bool,
) -> EpochResult:
    """Train for one epoch with an optimizer step for every gradient that the algorithm yields.

    Parameters
    ----------
    epoch : Epoch
    batches : iterable of SequenceBatch
    clip : callable, optional
        Clips a gradient in place.
    before_batch : callable
        Called with each batch's number before the batch.
    stateful : bool
        Start each batch from the final state of the one before.
    """
    params, tally = epoch.model.params, Tally(epoch.loss, epoch.model.per_step)
    state: Sequence[Any] | None = None
    norms, steps = [], 0
    for number, batch in enumerate(batches):
        before_batch(number)
        for g in epoch.gradient.gradients(epoch.model, batch, epoch.loss, state if stateful else None, epoch.rng):
            norms.append(epoch.checked(g, f"batch {number}"))
            epoch.good[:] = params.vector
            if clip is not None:
                clip(g.vector)
            epoch.optimizer.step(params, g.vector)
            tally.add(g.outputs, batch, g.loss, g.span)
            state = g.state
            steps += g.cost.steps
    return EpochResult(tally.result(), float(np.mean(norms)), steps)


def by_minimizing(epoch: Epoch, optimizer: Minimizer, data: SequenceDataset, batch_size: int) -> EpochResult:
    """Minimize the loss of the whole dataset, evaluated batch by batch.

    Dropout is off, as the loss must be the same function at every call.

    Parameters
    ----------
    epoch : Epoch
    optimizer : Minimizer
    data : SequenceDataset
    batch_size : int
        Bounds the memory; does not change the result.
    """
    batches = list(data.batches(batch_size))
    totals = [total_weight(epoch.loss, batch, epoch.model.per_step) for batch in batches]
    whole = sum(totals) or 1.0
    steps = 0

    def objective(vector: Array) -> tuple[float, Array]:
        nonlocal steps
        value, gradient = 0.0, np.zeros(vector.shape)
        for batch, total in zip(batches, totals, strict=True):
            for g in epoch.gradient.gradients(epoch.model, batch, epoch.loss):
                value += g.loss * total / whole
                gradient += g.vector * (total / whole)
                steps += g.cost.steps
        return value, gradient

    def product(direction: Array) -> Array:
        nonlocal steps
        found = np.zeros(direction.shape)
        for batch, total in zip(batches, totals, strict=True):
            curvature = hvp(epoch.model, batch, epoch.loss, direction, gradient=epoch.gradient)
            found += curvature.product * (total / whole)
            steps += curvature.steps
        return found

    optimizer.minimize(objective, epoch.model.params, product=product)
    tally = Tally(epoch.loss, epoch.model.per_step)
    gradient = np.zeros(epoch.model.params.size)
    for number, (batch, total) in enumerate(zip(batches, totals, strict=True)):
        for g in epoch.gradient.gradients(epoch.model, batch, epoch.loss):
            epoch.checked(g, f"batch {number}")
            tally.add(g.outputs, batch, g.loss, g.span)
            gradient += g.vector * (total / whole)
            steps += g.cost.steps
    epoch.good[:] = epoch.model.params.vector
    return EpochResult(tally.result(), norm(gradient), steps)
