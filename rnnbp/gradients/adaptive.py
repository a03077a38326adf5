"""Truncated backpropagation through time with an adaptive truncation length."""

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from rnnbp.data import SequenceBatch
from rnnbp.gradients.base import Cost, Gradient, GradientAlgorithm, require_causal
from rnnbp.gradients.decay_of_gradients import gradient_decay
from rnnbp.gradients.history import History
from rnnbp.gradients.truncated import TruncatedBPTT
from rnnbp.layers.base import State
from rnnbp.losses import Loss
from rnnbp.models import Sequential
from rnnbp.runtime import integer_at_least, number, positive_int


@dataclass(frozen=True)
class Choice:
    """The truncation length chosen for a batch, and the estimates it is based on.

    Attributes
    ----------
    lag : int
        K, the minimal number of steps through which the loss of a step is backpropagated.
    bound : float
        delta(K), the estimated bound of the relative bias of the gradient; inf where there is none.
    rate : float
        beta, the decay of gradients per step; NaN where the sequences are too short to estimate it.
    """

    lag: int
    bound: float
    rate: float


@dataclass(frozen=True)
class AdaptiveTruncation(GradientAlgorithm):
    """Compute the gradient of the mean loss by truncated BPTT with the shortest length K that keeps the bias small.

    The relative bias of the gradient shall be at most `tolerance`. Before each batch the loss of some steps is
    backpropagated through `window` steps. The norms phi[k] of the gradient with respect to the state k steps before,
    assumed to decay as beta^k in the second half of the window, bound the relative bias of a truncation after K steps::

        delta(K) = M sum(phi[k], k >= K) / (|g| - M sum(phi[k], k >= window)),

    where g is the gradient within the window and M the largest norm of one step's parameter gradient for a cotangent of
    norm 1. The smallest K with delta(K) <= tolerance is taken; where there is none (beta >= 1), `most`. It is an
    estimate, which bounds the bias on the batch as far as the sampled steps are representative. Then `TruncatedBPTT`
    with k2 = K + k1 - 1 is run. The steps of the estimate are counted in the cost of the first gradient.

    Parameters
    ----------
    tolerance : float, default 0.1
        Largest bound delta of the relative bias.
    k1 : int, optional
        Steps between gradients; the loss of each step is backpropagated through K to K + k1 - 1 steps. Default: K, for
        which each step is backpropagated through twice.
    window : int, default 100 [steps]
        W; limited to the median length of the batch's sequences.
    least : int, default 1
    most : int, optional
        The limits of K. Default of `most`: the batch's T, full BPTT.

    Attributes
    ----------
    history : History of Choice
        One for each batch, the newest last. The newest 1000 are stored; ``history.total`` counts all.

    Raises
    ------
    ValueError
        If an argument is out of range; when used on a model with a non-causal layer.

    See Also
    --------
    rnnbp.gradients.gradient_decay : the estimate alone.

    References
    ----------
    C. Aicher, N. J. Foti & E. B. Fox (2019), "Adaptively truncating backpropagation through time to control gradient
    bias", UAI 35, arXiv:1905.07473. There M cancels, as both norms are those of dL/dh; here it is measured, so that
    delta bounds the bias of the gradient with respect to the parameters.

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
