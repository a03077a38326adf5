"""Test whether a stochastic gradient is unbiased: by its exact expectation if computable, else by samples."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from rnnbp.data import SequenceBatch
from rnnbp.gradients.bias import ROUNDING, Evidence, evidence
from rnnbp.gradients.cost_measurement import total_of
from rnnbp.gradients.expectation import Program, enumerated_mean, normal_mean, urn_sample
from rnnbp.gradients.guarantees import Guarantee
from rnnbp.gradients.replay import NotReplayableError
from rnnbp.layers.base import Array
from rnnbp.losses import Loss
from rnnbp.models import Sequential

FEWEST = 128  # samples of a test: with fewer even normal samples may look heavy-tailed
CONFIRMING = 256  # least number of samples of the second test that confirms a bias
PILOT = 8  # samples for the decision whether copies of the sequences reduce the variance
ROWS = 192  # sequences of a batch up to which copies take hardly more time
COPIES = 1024  # largest number of copies of each sequence
FLOATS = 2**22  # largest size of (sequences, P), which UORO stores for a batch of copies

Sample = Callable[[int], Array]


@dataclass(frozen=True)
class Finding:
    """The outcome of a test of unbiasedness.

    Attributes
    ----------
    ok : bool or None
        None if the test is inconclusive.
    test : {'all draws', 'samples', 'heavy-tailed samples'}
    runs : int
        Number of runs of the algorithm.
    found : Evidence
    """

    ok: bool | None
    test: str
    runs: int
    found: Evidence


@dataclass(frozen=True)
class Problem:
    """A stochastic gradient algorithm with a model, a batch and a loss, and the exact gradient."""

    guarantee: Guarantee
    model: Sequential
    batch: SequenceBatch
    loss: Loss
    exact: Array

    def program(self, rng: np.random.Generator) -> Array:
        """Return the gradient with random numbers from a generator."""
        return total_of(self.guarantee.seeded(rng), self.model, self.batch, self.loss).vector

    def sample(self, seed: int) -> Array:
        """Return the gradient with a seed."""
        return total_of(self.guarantee.seeded(seed), self.model, self.batch, self.loss).vector

    def copies(self, n: int) -> "Problem":
        """Return the same problem with n copies of each sequence.

        The mean loss and its gradient are unchanged, and random numbers of each sequence are averaged over.
        """
        batch, targets = self.batch, self.batch.targets
        assert targets is not None
        copied = SequenceBatch(
            np.repeat(batch.x, n, axis=1),
            np.repeat(batch.lengths, n),
            np.repeat(targets, n, axis=1 if self.model.per_step else 0),
            np.arange(n * batch.size),
            reset=None if batch.reset is None else np.repeat(batch.reset, n, axis=1),
            weights=None if batch.weights is None else np.repeat(batch.weights, n, axis=-1),
        )
        return Problem(self.guarantee, self.model, copied, self.loss, self.exact)

    def replayable(self) -> bool:
        """Return whether a generator can replace a seed: the generator of a seed gives the same gradient."""
        try:
            return all(
                np.allclose(self.program(np.random.default_rng(seed)), self.sample(seed), rtol=1e-12, atol=0)
                for seed in range(3)
            )
        except (TypeError, ValueError, AttributeError):  # it takes integers only
            return False


def find_bias(problem: Problem, pilot: Array, power: float, limit: int) -> Finding:
    """Test whether a stochastic gradient is biased.

    Parameters
    ----------
    problem : Problem
    pilot : ndarray (seeds, P)
        Gradients with the first seeds: their variance determines how many are needed.
    power : float
        The bias to be detected, relative to the exact gradient's norm.
    limit : int
        Largest number of runs in one test.

    Returns
    -------
    Finding
        `ok` is False if the exact expectation differs, or if two independent samples reject, the second of at least
        256; None if samples are heavy-tailed or a bias of `power` would not be detected.
    """
    replayable = problem.replayable()
    if replayable:
        mean = _exact_mean(problem.program, limit)
        if mean is not None:
            return _of_all_draws(*mean, pilot, problem.exact)
    sample = _sampler(problem, pilot, power, replayable)
    first, runs = _growing(sample, problem.exact, FEWEST, 0, power, limit)
    if not first.biased:
        return Finding(None if first.heavy or first.smallest_bias > power else True, _samples(first), runs, first)
    second, more = _growing(sample, problem.exact, max(runs, CONFIRMING), runs, power, max(limit, CONFIRMING))
    conclusive = not second.heavy and (second.biased or second.smallest_bias <= power)
    return Finding(not second.biased if conclusive else None, _samples(second), runs + more, second)


def _samples(found: Evidence) -> str:
    return "heavy-tailed samples" if found.heavy else "samples"


def _exact_mean(program: Program, limit: int) -> tuple[Array, int] | None:
    for mean_of in (enumerated_mean, normal_mean):
        try:
            mean = mean_of(program, limit)
        except NotReplayableError:
            continue
        if mean is not None:
            return mean
    return None


def _of_all_draws(mean: Array, runs: int, pilot: Array, exact: Array) -> Finding:
    size = float(np.linalg.norm(exact)) or 1.0
    bias = float(np.linalg.norm(mean - exact)) / size
    variance = float(((pilot - exact) ** 2).sum(axis=1).mean()) / size**2
    found = Evidence(bias, variance, np.nan, ROUNDING, ROUNDING, bias > ROUNDING, heavy=False)
    return Finding(not found.biased, "all draws", runs, found)


def _sampler(problem: Problem, pilot: Array, power: float, replayable: bool) -> Sample:
    """Return a way of sampling with small variance."""
    if replayable:
        try:
            if urn_sample(problem.program, 0)[1]:
                return lambda seed: urn_sample(problem.program, seed)[0]
        except NotReplayableError:
            pass
    most = FLOATS // (problem.batch.size * problem.exact.size)
    needed = len(pilot) * (evidence(pilot, problem.exact).smallest_bias / power) ** 2
    n = int(np.clip(max(2 * needed / FEWEST, ROWS // problem.batch.size), 1, max(1, min(COPIES, most))))
    if n > 1:
        copied = problem.copies(n).sample
        if _variance(np.array([copied(seed) for seed in range(PILOT)])) < _variance(pilot) / 2:
            return copied
    return problem.sample


def _variance(vectors: Array) -> float:
    return float(vectors.var(axis=0, ddof=1).sum())


def _growing(sample: Sample, exact: Array, fewest: int, first: int, power: float, limit: int) -> tuple[Evidence, int]:
    """Return the evidence of enough samples to detect a bias of `power`, at most `limit`, and their number."""
    vectors: list[Array] = []
    n = min(fewest, limit)
    while True:
        vectors += [sample(first + seed) for seed in range(len(vectors), n)]
        found = evidence(np.array(vectors), exact)
        if n == limit or not (found.heavy or found.smallest_bias > power):
            return found, n
        n = min(limit, max(2 * n, int(1.1 * n * (found.smallest_bias / power) ** 2)))
