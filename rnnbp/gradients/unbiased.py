"""Is the mean of a random gradient the exact one? Over all its draws where that can be computed, else by samples."""

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

FEWEST = 128  # samples of a test: with fewer even normal ones may look heavy-tailed
CONFIRMING = 256  # samples, at least, before an algorithm is said to be biased
PILOT = 8  # samples that show whether copies of the sequences lessen the variance
ROWS = 192  # sequences of a batch, up to which copies take hardly more time
COPIES = 1024  # of each sequence, at the most
FLOATS = 2**22  # that a batch of copies may take for a vector of parameters a sequence, as UORO does

Sample = Callable[[int], Array]


@dataclass(frozen=True)
class Finding:
    """The outcome of a test of unbiasedness.

    Attributes
    ----------
    ok : bool or None
        None if the test cannot tell.
    test : {'all draws', 'samples', 'heavy-tailed samples'}
    runs : int
        Of the algorithm.
    found : Evidence
    """

    ok: bool | None
    test: str
    runs: int
    found: Evidence


@dataclass(frozen=True)
class Problem:
    """A random gradient algorithm, what it is run on, and the exact gradient there."""

    guarantee: Guarantee
    model: Sequential
    batch: SequenceBatch
    loss: Loss
    exact: Array

    def program(self, rng: np.random.Generator) -> Array:
        """The gradient with draws from a generator."""
        return total_of(self.guarantee.seeded(rng), self.model, self.batch, self.loss).vector

    def sample(self, seed: int) -> Array:
        """The gradient with a seed."""
        return total_of(self.guarantee.seeded(seed), self.model, self.batch, self.loss).vector

    def copies(self, n: int) -> "Problem":
        """The same with n copies of each sequence: the mean loss and its gradient stay, and draws that each sequence
        has of its own average out.
        """
        batch, targets = self.batch, self.batch.targets
        assert targets is not None
        many = SequenceBatch(
            np.repeat(batch.x, n, axis=1),
            np.repeat(batch.lengths, n),
            np.repeat(targets, n, axis=1 if self.model.per_step else 0),
            np.arange(n * batch.size),
        )
        return Problem(self.guarantee, self.model, many, self.loss, self.exact)

    def replayable(self) -> bool:
        """Whether a generator can stand for a seed: with that of the seed, the gradient is the same."""
        try:
            return all(
                np.allclose(self.program(np.random.default_rng(seed)), self.sample(seed), rtol=1e-12, atol=0)
                for seed in range(3)
            )
        except (TypeError, ValueError, AttributeError):  # it takes integers only
            return False


def find_bias(problem: Problem, pilot: Array, power: float, limit: int) -> Finding:
    """Test a random gradient for bias.

    Parameters
    ----------
    problem : Problem
    pilot : ndarray (seeds, P)
        Gradients with the first seeds: from their variance follows how many are needed.
    power : float
        The bias to be noticed, relative to the exact gradient's norm.
    limit : int
        Of runs in one test.

    Returns
    -------
    Finding
        `ok` is False if the mean over all draws is another, or two independent samples reject, the second of 256 at
        least; None if samples are heavy-tailed or a bias of `power` would not be noticed.
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
    told = not second.heavy and (second.biased or second.smallest_bias <= power)
    return Finding(not second.biased if told else None, _samples(second), runs + more, second)


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
    """How to sample with the least variance."""
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
    """The evidence of so many samples that it tells a bias of `power`, or of `limit`; and how many they were."""
    vectors: list[Array] = []
    n = min(fewest, limit)
    while True:
        vectors += [sample(first + seed) for seed in range(len(vectors), n)]
        found = evidence(np.array(vectors), exact)
        if n == limit or not (found.heavy or found.smallest_bias > power):
            return found, n
        n = min(limit, max(2 * n, int(1.1 * n * (found.smallest_bias / power) ** 2)))
