"""Truncation at random that is made up for: anticipated reweighted truncated backpropagation."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Protocol

import numpy as np

from rnnbp.data import SequenceBatch
from rnnbp.gradients.base import Gradient, require_causal
from rnnbp.gradients.seeding import generator_of
from rnnbp.gradients.truncated import SpanRunner
from rnnbp.layers.base import State
from rnnbp.losses import Loss
from rnnbp.models import Sequential
from rnnbp.runtime import number, seed_or_generator


class Truncation(Protocol):
    """How likely a cut is."""

    def chance(self, elapsed: int) -> float:
        """c, at least 0 and below 1, of a cut `elapsed` = 1, 2, ... steps after the last one."""
        ...


@dataclass(frozen=True)
class Geometric:
    """A cut is as likely after every step: pieces of 1 / probability steps on the average.

    Parameters
    ----------
    probability : float
        At least 0, which never cuts, and below 1.

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
            raise ValueError("probability must be below 1, got 1: an error that never goes back cannot be made up for")

    def chance(self, elapsed: int) -> float:
        """The same at any time."""
        return self.probability


@dataclass(frozen=True)
class PowerLaw:
    """A cut becomes less likely the longer there was none: c = (alpha - 1) / ((alpha - 2) mean + elapsed).

    Pieces of `mean` steps on the average, and longer than n with a probability that falls as n^(1 - alpha). So
    the factors that make up for the cuts, and with them the variance, grow with a power of the way back, where those of
    `Geometric` grow exponentially.

    Parameters
    ----------
    mean : float, default 20.0 [steps]
        L0 of the paper, above 1.
    alpha : float, default 4.0
        Above 2; the larger, the fewer long pieces.

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
        """Falls as 1 / elapsed."""
        return (self.alpha - 1) / ((self.alpha - 2) * self.mean + elapsed)


@dataclass(frozen=True)
class ARTBP:
    """Truncated backpropagation that is unbiased: the cuts are drawn at random, and where there was none the error is
    multiplied by 1 / (1 - c), c having been the probability of one.

    With X = 1 where there is a cut between steps t and t + 1, the error at the state s[t] is

        d[t] = dl[t]/ds[t] + (1 - X) / (1 - c) d[t+1] ds[t+1]/ds[t],

    whose factor has a mean of 1. The sequences of a batch are cut at the same steps. Each piece between two cuts yields
    a gradient, after which the parameters may change; it is kept no longer, so that memory is bounded by the longest
    piece. The price is variance: an error that goes back n steps arrives with the probability that no cut was drawn
    there, multiplied by one over it.

    Parameters
    ----------
    truncation : Truncation, default PowerLaw(mean=20.0, alpha=4.0)
        `PowerLaw`, `Geometric`, or an object with a method ``chance(elapsed)`` of your own.
    seed : int or numpy.random.Generator, default 0
        Of the cuts. Without a generator `gradients` draws the same ones at every call; with one (which a Trainer
        gives) they depend on both, and each call draws new ones.

    Raises
    ------
    ValueError
        If `truncation` has no method ``chance`` or `seed` is not a natural number; when used, if a chance is not in
        [0, 1), or on a model with a layer that looks ahead in time.

    See Also
    --------
    TruncatedBPTT : cuts at fixed places; biased, without noise.

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
        """One gradient for each piece."""
        require_causal(model, "ARTBP")
        drawn = generator_of(self.seed, rng)
        runner = SpanRunner(model, batch, loss, state, rng)
        pieces, factors = [], [1.0]  # no error leaves a piece for the one before it
        for t in range(runner.steps):
            pieces.append(runner.run(t, t + 1))
            chance = self._chance(len(pieces))
            if t == runner.steps - 1 or drawn.random() < chance:
                yield runner.gradient(pieces, pieces, factors)
                pieces, factors = [], [1.0]
            else:
                factors.append(1 / (1 - chance))

    def _chance(self, elapsed: int) -> float:
        chance = self.truncation.chance(elapsed)
        if not 0 <= chance < 1:
            raise ValueError(f"a chance must be at least 0 and below 1, got {chance!r} of {self.truncation!r}")
        return chance
