"""What a gradient algorithm takes: steps, memory, seconds, over several seeds."""

import time
import tracemalloc
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rnnbp.data import SequenceBatch
from rnnbp.gradients.base import Gradient, GradientAlgorithm
from rnnbp.gradients.guarantees import Guarantee
from rnnbp.layers.base import Array
from rnnbp.losses import Loss
from rnnbp.models import Sequential


@dataclass(frozen=True)
class Total:
    """What an algorithm's yields add up to: `steps` of sequences, and the most `peak_bytes`."""

    loss: float
    vector: Array
    steps: int
    peak_bytes: int


def total_of(algorithm: GradientAlgorithm, model: Sequential, batch: SequenceBatch, loss: Loss) -> Total:
    """Run an algorithm over a batch, the parameters held still."""
    total = Total(0.0, np.zeros(model.params.size), 0, 0)
    for g in algorithm.gradients(model, batch, loss):
        total = _added(total, g)
    return total


def _added(total: Total, g: Gradient) -> Total:
    peak = max(total.peak_bytes, g.cost.peak_bytes)
    return Total(total.loss + g.loss, total.vector + g.vector, total.steps + g.cost.steps, peak)


@dataclass(frozen=True)
class Runs:
    """An algorithm's runs, one a seed.

    Attributes
    ----------
    first : Total
        With the first seed.
    vectors : ndarray (seeds, P)
        One row where there is no seed.
    allocated : int
        Bytes, at the peak, of all that was taken while it ran.
    seconds : float
        Of the fastest run.
    """

    first: Total
    vectors: Array
    allocated: int
    seconds: float


def run_seeds(guarantee: Guarantee, model: Sequential, batch: SequenceBatch, loss: Loss, seeds: Sequence[int]) -> Runs:
    """Run an algorithm with each seed; one that takes none, three times or for a fifth of a second."""
    allocated = _allocated(guarantee, model, batch, loss)
    sums, seconds = [], []
    for seed in seeds if guarantee.stochastic else range(3):
        algorithm = guarantee.seeded(seed)
        began = time.perf_counter()
        sums.append(total_of(algorithm, model, batch, loss))
        seconds.append(time.perf_counter() - began)
        if not guarantee.stochastic and sum(seconds) > 0.2:
            break
    vectors = np.array([s.vector for s in (sums if guarantee.stochastic else sums[:1])])
    return Runs(sums[0], vectors, allocated, min(seconds))


def _allocated(guarantee: Guarantee, model: Sequential, batch: SequenceBatch, loss: Loss) -> int:
    """The peak of the memory taken while one gradient was computed."""
    algorithm, tracing = guarantee.seeded(0), tracemalloc.is_tracing()
    if not tracing:
        tracemalloc.start()
    try:
        tracemalloc.reset_peak()
        before, _ = tracemalloc.get_traced_memory()
        total_of(algorithm, model, batch, loss)
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        if not tracing:
            tracemalloc.stop()
