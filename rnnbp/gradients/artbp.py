"""Anticipated reweighted truncated backpropagation: random truncation with unbiased gradients."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Protocol

import numpy as np

from rnnbp.data import SequenceBatch
from rnnbp.gradients.base import Gradient, GradientAlgorithm, require_causal
from rnnbp.gradients.seeding import generator_of
from rnnbp.gradients.truncated import SpanRunner
from rnnbp.layers.base import State
from rnnbp.losses import Loss
from rnnbp.models import Sequential
from rnnbp.runtime import number, seed_or_generator


class Truncation(Protocol):
    """The probability of a truncation."""

    def chance(self, elapsed: int) -> float:
        """Return the probability c, 0 <= c < 1, of a truncation `elapsed` = 1, 2, ... steps after the last one."""
        ...


@dataclass(frozen=True)
class Geometric(Truncation):
    """Truncation with the same probability after every step: segments of 1 / probability steps on average.

    Parameters
    ----------
    probability : float
        At least 0 (no truncation) and below 1.

    Raises
    ------
    ValueError
        If it is out of its range.

    Examples
    --------
    >>> Geometric(0.1).chance(3)
    0.1
    """

    probability: float

    def __post_init__(self) -> None:
        number("probability", self.probability, 0, 1)
        if self.probability == 1:
            raise ValueError("probability must be below 1, got 1: no gradient would be backpropagated")

    def chance(self, elapsed: int) -> float:
        return self.probability


@dataclass(frozen=True)
class PowerLaw(Truncation):
    """Truncation with a probability that falls with time: c = (alpha - 1) / ((alpha - 2) mean + elapsed).

    Segments have `mean` steps on average, and more than n with a probability that falls as n^(1 - alpha). So the
    compensating factors, and with them the variance, grow with a power of the number of steps of the backward pass;
    those of `Geometric` grow exponentially.

    Parameters
    ----------
    mean : float, default 20.0 [steps]
        L0 of the paper, above 1.
    alpha : float, default 4.0
        Above 2; the larger, the fewer long segments.

    Raises
    ------
    ValueError
        If one is out of its range.

    References
    ----------
    C. Tallec & Y. Ollivier (2017), arXiv:1705.08209, equation 14

    Examples
    --------
    >>> [round(PowerLaw(10.0).chance(n), 3) for n in (1, 10, 100)]
    [0.143, 0.1, 0.025]
    """

    mean: float = 20.0
    alpha: float = 4.0

    def __post_init__(self) -> None:
        number("mean", self.mean, 1, open_low=True)
        number("alpha", self.alpha, 2, open_low=True)

    def chance(self, elapsed: int) -> float:
        return (self.alpha - 1) / ((self.alpha - 2) * self.mean + elapsed)


@dataclass(frozen=True)
class ARTBP(GradientAlgorithm):
    """Compute an unbiased estimate of the gradient of the mean loss by randomly truncated backpropagation through time.

    Where the backward pass is not truncated, the gradient is multiplied by 1 / (1 - c), c being the probability of a
    truncation. With X = 1 for a truncation between steps t and t + 1, the gradient with respect to the state s[t] is::

        d[t] = dl[t]/ds[t] + (1 - X) / (1 - c) d[t+1] ds[t+1]/ds[t],

    where the factor (1 - X) / (1 - c) has expectation 1. The sequences of a batch are truncated at the same steps. Each
    segment between two truncations yields a gradient, after which the parameters may change and its residuals are
    freed, so that memory is bounded by the longest segment. The price is variance: the gradient over n steps is nonzero
    with the probability of no truncation in between, and multiplied by its inverse.

    Parameters
    ----------
    truncation : Truncation, default PowerLaw(mean=20.0, alpha=4.0)
        `PowerLaw`, `Geometric`, or an object with a method ``chance(elapsed)``.
    seed : int or numpy.random.Generator, default 0
        Seed of the truncations. Without `rng`, `gradients` draws the same ones at every call; with `rng` (which a
        Trainer passes) they depend on both, and each call draws new ones.

    Raises
    ------
    ValueError
        If `truncation` has no method ``chance`` or `seed` is not a natural number; when used, if a chance is not in
        [0, 1), or on a model with a non-causal layer.

    See Also
    --------
    TruncatedBPTT : truncates at fixed steps; biased, deterministic.

    References
    ----------
    C. Tallec & Y. Ollivier (2017), "Unbiasing truncated backpropagation through time", arXiv:1705.08209, equation 11
    and proposition 1

    Examples
    --------
    >>> import rnnbp
    >>> model = rnnbp.Sequential(rnnbp.Elman(2, 3), rnnbp.Dense(3, 2))
    >>> batch = rnnbp.SequenceDataset([np.ones((9, 2))], targets=[np.zeros(9, int)]).batch()
    >>> [g.span for g in ARTBP(Geometric(0.3), seed=1).gradients(model, batch, rnnbp.CrossEntropy())]
    [(0, 3), (3, 9)]
    """

    truncation: Truncation = field(default_factory=PowerLaw)
    seed: int | np.random.Generator = 0

    random: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if isinstance(self.truncation, type) or not hasattr(self.truncation, "chance"):
            raise ValueError(f"truncation must be an object with a method 'chance', got {self.truncation!r}")
        seed_or_generator("seed", self.seed)

    def gradients(
        self,
        model: Sequential,
        batch: SequenceBatch,
        loss: Loss,
        state: Sequence[State] | None = None,
        rng: np.random.Generator | None = None,
    ) -> Iterator[Gradient]:
        require_causal(model, "ARTBP")
        generator = generator_of(self.seed, rng)
        runner = SpanRunner(model, batch, loss, state, rng)
        segments, factors = [], [1.0]  # nothing is backpropagated beyond the first step of a segment
        for t in range(runner.steps):
            segments.append(runner.run(t, t + 1))
            chance = self._chance(len(segments))
            if t == runner.steps - 1 or generator.random() < chance:
                yield runner.gradient(segments, segments, factors)
                segments, factors = [], [1.0]
            else:
                factors.append(1 / (1 - chance))

    def _chance(self, elapsed: int) -> float:
        chance = self.truncation.chance(elapsed)
        if not 0 <= chance < 1:
            raise ValueError(f"a chance must be at least 0 and below 1, got {chance!r} of {self.truncation!r}")
        return chance
