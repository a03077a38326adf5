"""Truncated backpropagation that chooses how far errors go back."""

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from rnnbp.data import SequenceBatch
from rnnbp.gradients.base import Cost, Gradient, require_causal
from rnnbp.gradients.decay_of_gradients import gradient_decay
from rnnbp.gradients.history import History
from rnnbp.gradients.truncated import TruncatedBPTT
from rnnbp.layers.base import State
from rnnbp.losses import Loss
from rnnbp.models import Sequential
from rnnbp.runtime import integer_at_least, number, positive_int


@dataclass(frozen=True)
class Choice:
    """What was chosen for a batch, and why.

    Attributes
    ----------
    lag : int
        K, the steps every error goes back at the least.
    bound : float
        delta(K): which share of the gradient is lost at the most, by the estimate; inf where nothing bounds it.
    rate : float
        beta, by which errors fade from step to step; NaN where the sequences are too short to tell.
    """

    lag: int
    bound: float
    rate: float


@dataclass(frozen=True)
class AdaptiveTruncation:
    """Truncated BPTT whose errors go back as few steps K as lose a share of at most `tolerance` of the gradient.

    Before each batch the errors of some steps are followed back through `window` steps. Their norms phi[k], taken to
    fall as beta^k from half the window on, bound what is lost beyond K steps, relative to the gradient:

        delta(K) = M sum(phi[k], k >= K) / (|g| - M sum(phi[k], k >= window)),

    g being the gradient within the window and M the largest gradient at one step for an error of norm 1. The smallest K
    with delta(K) <= tolerance is taken; where there is none (errors that do not fade, beta >= 1), `most`. It is an
    estimate: a bound on the batch if the steps that were looked at are like the others.

    Parameters
    ----------
    tolerance : float, default 0.1
        delta, on the relative bias.
    k1 : int, optional
        Steps between gradients; every error then goes back K to K + k1 - 1 steps. Default: K, which costs two ways
        back for each step.
    window : int, default 100 [steps]
        W; at most the median length of the batch's sequences is taken.
    least : int, default 1
    most : int, optional
        The limits of K. Default: the batch's T, full BPTT.

    Attributes
    ----------
    history : History of Choice
        One for each batch, the newest last. The newest 1000 are kept; ``history.total`` counts all.

    Raises
    ------
    ValueError
        If an argument is out of its range; when used on a model with a layer that looks ahead in time.

    See Also
    --------
    rnnbp.gradients.gradient_decay : the estimate by itself.

    References
    ----------
    C. Aicher, N. J. Foti & E. B. Fox (2019), "Adaptively truncating backpropagation through time to control gradient
    bias", UAI 35, arXiv:1905.07473. There M cancels, both norms being those of dL/dh; here it is measured, so that
    delta bounds the bias of the parameters' gradient.

    Examples
    --------
    >>> import rnnbp
    >>> model = rnnbp.Sequential(rnnbp.Elman(1, 1, activation="linear"), rnnbp.Last(), rnnbp.Dense(1, 1))
    >>> model.params["0.w_hh"] = 0.5
    >>> batch = rnnbp.SequenceDataset([np.ones((30, 1))], targets=[1.0]).batch()
    >>> algorithm = AdaptiveTruncation(tolerance=0.01)
    >>> loss = sum(g.loss for g in algorithm.gradients(model, batch, rnnbp.MeanSquaredError()))
    >>> algorithm.history[-1].lag, round(algorithm.history[-1].rate, 6)
    (7, 0.5)
    """

    tolerance: float = 0.1
    k1: int | None = None
    window: int = 100
    least: int = 1
    most: int | None = None
    history: History[Choice] = field(default_factory=History, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        number("tolerance", self.tolerance, 0)
        positive_int("window", self.window)
        positive_int("least", self.least)
        if self.k1 is not None:
            positive_int("k1", self.k1)
        if self.most is not None:
            integer_at_least("most", self.most, self.least, f"an integer >= least = {self.least}")

    def gradients(
        self,
        model: Sequential,
        batch: SequenceBatch,
        loss: Loss,
        state: Sequence[State] | None = None,
        rng: np.random.Generator | None = None,
    ) -> Iterator[Gradient]:
        """As many as TruncatedBPTT(k1, K + k1 - 1) yields; the first one's cost has the estimate's steps."""
        require_causal(model, "AdaptiveTruncation")
        decay = gradient_decay(model, batch, loss, self.window, state)
        most = batch.steps if self.most is None else self.most
        bounds = decay.bounds(most)
        enough = np.flatnonzero((bounds <= self.tolerance) & (np.arange(1, most + 1) >= self.least))
        K = int(enough[0]) + 1 if len(enough) else most
        self.history.append(Choice(K, float(bounds[K - 1]), decay.rate))
        k1, extra = K if self.k1 is None else self.k1, decay.steps
        for g in TruncatedBPTT(k1, K + k1 - 1).gradients(model, batch, loss, state, rng):
            yield dataclasses.replace(g, cost=Cost(g.cost.steps + extra, g.cost.peak_bytes))
            extra = 0
