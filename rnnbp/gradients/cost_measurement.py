"""Measurement of the cost of a gradient algorithm over several seeds: steps, memory, seconds."""

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
    """The sum of the gradients that an algorithm yields for a batch, with its steps and peak of bytes."""

    loss: float
    vector: Array
    steps: int
    peak_bytes: int


def total_of(algorithm: GradientAlgorithm, model: Sequential, batch: SequenceBatch, loss: Loss) -> Total:
    """Run an algorithm over a batch at constant parameters."""
    total = Total(0.0, np.zeros(model.params.size), 0, 0)
    for g in algorithm.gradients(model, batch, loss):
        total = _add(total, g)
    return total


def _add(total: Total, g: Gradient) -> Total:
    peak = max(total.peak_bytes, g.cost.peak_bytes)
    return Total(total.loss + g.loss, total.vector + g.vector, total.steps + g.cost.steps, peak)


@dataclass(frozen=True)
class Runs:
    """The runs of an algorithm with several seeds.

    Attributes
    ----------
    first : Total
        Of the first seed.
    vectors : ndarray (seeds, P)
        One row for a deterministic algorithm.
    allocated : int
        Peak of all bytes allocated during a run.
    seconds : float
        Of the fastest run.
    """

    first: Total
    vectors: Array
    allocated: int
    seconds: float


def run_seeds(guarantee: Guarantee, model: Sequential, batch: SequenceBatch, loss: Loss, seeds: Sequence[int]) -> Runs:
    """Run an algorithm with each seed; a deterministic one three times or for 0.2 s."""
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
    """Return the peak of the bytes allocated while a gradient is computed."""
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
