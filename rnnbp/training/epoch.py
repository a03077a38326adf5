"""One epoch of training: by gradient steps on batches, or by minimizing the loss of the whole training set."""

import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from rnnbp.data import SequenceBatch, SequenceDataset
from rnnbp.gradients import Gradient, GradientAlgorithm, ScheduledSampling, hvp
from rnnbp.gradients.base import total_weight
from rnnbp.losses import Loss
from rnnbp.metrics import Row
from rnnbp.models import Sequential
from rnnbp.optimizers import Minimizer, Optimizer
from rnnbp.optimizers.clipping import norm
from rnnbp.optimizers.schedules import Schedule
from rnnbp.training.evaluation import Tally
from rnnbp.training.parallel.ranks import ONE_PROCESS, Ranks
from rnnbp.training.partial_epoch import PartialEpoch

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
    """What one epoch of training uses.

    Attributes
    ----------
    name : str
        Name in messages: 'epoch 3'.
    model, loss, gradient, optimizer, clip, schedule, stateful
        Those of the trainer.
    rng : numpy.random.Generator
        For shuffling and dropout.
    last_good : ndarray (P,)
        The last parameters at which loss and gradient were finite.
    rows : list of dict
        The history of the run before this epoch, which a schedule may monitor.
    ranks : Ranks
        The processes that train together, each on its part of every batch.
    """

    name: str
    model: Sequential
    loss: Loss
    gradient: GradientAlgorithm
    optimizer: Optimizer
    clip: Callable[[Array], float] | None
    schedule: Schedule | None
    stateful: bool
    rng: np.random.Generator
    last_good: Array
    rows: Sequence[Row]
    ranks: Ranks = ONE_PROCESS

    def reduced(
        self, algorithm: GradientAlgorithm, batch: SequenceBatch, number: int, state: Any = None, rng: Any = None
    ) -> Iterator[Gradient]:
        """Yield the gradients of a batch, of whose loss and vector all ranks have the sum over their parts."""
        gradients = algorithm.gradients(self.model, batch, self.loss, state, rng)
        weight = partial(total_weight, self.loss, batch, self.model.per_step)
        return self.ranks.reduced(gradients, batch, number, weight)

    def checked(self, g: Gradient, batch: str) -> float:
        """Return the norm of a gradient after checking that it and the loss are finite.

        Raises
        ------
        TrainingDivergedError
            If the norm or the loss is not finite; the last good parameters are restored.
        """
        size = norm(g.vector)
        if math.isfinite(g.loss) and math.isfinite(size):
            return size
        self.model.params.vector[:] = self.last_good
        gradient = self.model.params.like(np.abs(g.vector))
        sizes = {name: float(np.max(value, initial=0.0)) for name, value in gradient.items()}
        worst = max(sizes, key=lambda name: np.inf if np.isnan(sizes[name]) else sizes[name])
        raise TrainingDivergedError(
            f"the loss is {g.loss} at {self.name}, {batch}, steps {g.span[0]} to {g.span[1]}; the largest gradient is "
            f"{sizes[worst]:.3g}, of parameter {worst!r}. The model has its last good parameters again. A lower "
            "learning_rate or clip=ClipNorm(1.0) may help"
        )


@dataclass(frozen=True)
class EpochResult:
    """Result of an epoch: loss and score, mean gradient norm, last learning rate, number of time steps processed."""

    scores: dict[str, float]
    gradient_norm: float
    learning_rate: float
    steps: int


def by_steps(
    epoch: Epoch,
    data: SequenceDataset,
    batch_size: int,
    done: PartialEpoch,
    after_batch: Callable[[PartialEpoch], None] = lambda done: None,
) -> EpochResult:
    """Train for one epoch, or the rest of one, with an optimizer step for every gradient that the algorithm yields.

    Parameters
    ----------
    epoch : Epoch
    data : SequenceDataset
    batch_size : int
    done : PartialEpoch
        What is done of the epoch, changed in place.
    after_batch : callable, optional
        Called with `done` after each batch, when the learning rate is that which the schedule multiplies.
    """
    params, optimizer, tally = epoch.model.params, epoch.optimizer, Tally(epoch.loss, epoch.model, done.sums)
    done.of, began = -(-len(data) // batch_size), time.perf_counter() - done.seconds
    with epoch.ranks.together(params.size):
        for batch in _batches(epoch, data, batch_size, done):
            position = len(epoch.rows) + done.batches / done.of
            with _scheduled(epoch, position):
                gradient, rng = epoch.gradient, epoch.ranks.generator(epoch.rng, batch)
                if isinstance(gradient, ScheduledSampling):
                    gradient = gradient.at_epoch(position)
                for g in epoch.reduced(gradient, batch, done.batches, done.state, rng):
                    done.norms.append(epoch.checked(g, f"batch {done.batches}"))
                    epoch.last_good[:] = params.vector
                    if epoch.clip is not None:
                        epoch.clip(g.vector)
                    optimizer.step(params, g.vector)
                    tally.add(g.outputs, batch, g.loss, g.span)
                    done.steps += g.cost.steps
                    if epoch.stateful:  # the next batch starts in the final state of this one
                        done.state = g.state
                done.learning_rate = optimizer.learning_rate
            done.batches += 1
            done.seconds = time.perf_counter() - began
            after_batch(done)
    if epoch.ranks.size > 1:  # each has told the others at the end of `together` what it wishes since the last batch
        after_batch(done)
    return EpochResult(tally.result(epoch.ranks), float(np.mean(done.norms)), done.learning_rate, done.steps)


def _batches(epoch: Epoch, data: SequenceDataset, batch_size: int, done: PartialEpoch) -> Iterator[SequenceBatch]:
    """Return the batches that are left of an epoch, drawn with the generator as it was when the epoch began."""
    now = epoch.rng.bit_generator.state
    epoch.rng.bit_generator.state = done.began
    shuffle, share = not epoch.stateful, epoch.ranks.share
    batches = data.batches(batch_size, shuffle=shuffle, rng=epoch.rng, start=done.batches, share=share)
    if done.batches:
        epoch.rng.bit_generator.state = now
    return batches


@contextmanager
def _scheduled(epoch: Epoch, position: float) -> Iterator[None]:
    """Context in which the optimizer has the learning rate of the schedule at a number of epochs."""
    if epoch.schedule is None:
        yield
        return
    base_rate = epoch.optimizer.learning_rate
    epoch.optimizer.learning_rate = base_rate * epoch.schedule(position, epoch.rows)
    try:
        yield
    finally:
        epoch.optimizer.learning_rate = base_rate


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
    ranks, steps = epoch.ranks, 0
    batches, totals = ranks.agreed("the batches", lambda: _all_batches(epoch, data, batch_size))
    wholes = ranks.collected("the weights", totals, lambda found: [sum(parts) for parts in zip(*found, strict=True)])
    whole = sum(wholes) or 1.0

    def objective(vector: Array) -> tuple[float, Array]:
        nonlocal steps
        value, gradient, spent = 0.0, np.zeros(vector.shape), 0
        for batch, total in zip(batches, totals, strict=True):
            for g in epoch.gradient.gradients(epoch.model, batch, epoch.loss):
                value += g.loss * total / whole
                gradient += g.vector * (total / whole)
                spent += ranks.counted(batch, g.cost.steps)
        gradient, value, spent = ranks.summed(gradient, value, spent)
        steps += spent
        return value, gradient

    def product(direction: Array) -> Array:
        nonlocal steps
        found, spent = np.zeros(direction.shape), 0
        for batch, total in zip(batches, totals, strict=True):
            curvature = hvp(epoch.model, batch, epoch.loss, direction, gradient=epoch.gradient)
            found += curvature.product * (total / whole)
            spent += ranks.counted(batch, curvature.steps)
        found, _, spent = ranks.summed(found, 0.0, spent)
        steps += spent
        return found

    tally = Tally(epoch.loss, epoch.model)
    mean = np.zeros(epoch.model.params.size)
    with ranks.together(epoch.model.params.size):
        optimizer.minimize(objective, epoch.model.params, product=product)
        for number, (batch, total) in enumerate(zip(batches, wholes, strict=True)):
            for g in epoch.reduced(epoch.gradient, batch, number):
                epoch.checked(g, f"batch {number}")
                tally.add(g.outputs, batch, g.loss, g.span)
                mean += g.vector * (total / whole)
                steps += g.cost.steps
    epoch.last_good[:] = epoch.model.params.vector
    return EpochResult(tally.result(ranks), norm(mean), optimizer.learning_rate, steps)


def _all_batches(epoch: Epoch, data: SequenceDataset, batch_size: int) -> tuple[Iterable[SequenceBatch], list[float]]:
    """Return the batches, or this rank's parts of them, and the sum of the weights of each."""
    batches = data.repeated(batch_size, epoch.ranks.share)
    return batches, [total_weight(epoch.loss, batch, epoch.model.per_step) for batch in batches]
