"""The decomposition of a gradient by lag: how much of it is due to the use of the parameters k steps before the loss.

The loss is that of each sequence's last step. The gradient C(s) of an algorithm started at step s, from the network's
state there, contains only the use of the parameters at steps s and later. So C(s) - C(s + 1) is the contribution of
step s alone. For full BPTT it is the exact term e[k] of the gradient, k = T - 1 - s, as these terms add up to the
gradient; for any other algorithm it is its own term d[k], and::

    fraction[k] = d[k] . e[k] / e[k] . e[k]

is the fraction of the exact term that it contains: 1 if it is complete, 0 if it is missing. Every algorithm can start
from a given state, so the fraction is defined for all of them in the same way.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rnnbp.data import SequenceBatch
from rnnbp.gradients.base import GradientAlgorithm, check_targets, require_no_resets
from rnnbp.layers import Run
from rnnbp.layers.base import Array, State
from rnnbp.losses import Loss
from rnnbp.models import Sequential

RESOLUTION = 1e-9  # of the norm of the gradient: smaller terms cannot be told from rounding


@dataclass(frozen=True)
class FinalSteps:
    """The last L steps of every sequence, and the states before each of them.

    Attributes
    ----------
    batch : SequenceBatch
        With a loss at the last step only.
    states : list, one for each of the L steps
        The states before it, a list with one per layer; None where a sequence begins.
    """

    batch: SequenceBatch
    states: list[Sequence[State] | None]

    @property
    def steps(self) -> int:
        """L, the number of steps."""
        return len(self.states)

    def since(self, start: int, per_step: bool) -> SequenceBatch:
        """Return the steps from `start` on as a batch."""
        targets = check_targets(self.batch)
        lengths = self.batch.lengths - start
        aims, weights = targets[start:] if per_step else targets, self.batch.weights_of(start, self.batch.steps)
        return SequenceBatch(self.batch.x[start:], lengths, aims, self.batch.order, weights=weights)


def final_steps(
    model: Sequential, batch: SequenceBatch, loss: Loss, lags: int, state: Sequence[State] | None = None
) -> FinalSteps:
    """Return the last steps of a batch, limited to the length of its shortest sequence.

    Parameters
    ----------
    model : Sequential
        Causal.
    batch : SequenceBatch
    loss : Loss
        Earlier targets are replaced by its `ignore` (-1 where it has none), or by NaN if they are values.
    lags : int
        Upper limit of L.
    state : list, one per layer, optional
        The initial states of the batch.
    """
    require_no_resets(batch, "a decomposition by lag")
    B = batch.size
    steps = int(min(lags, batch.lengths.min()))
    before, rows = batch.lengths - steps, np.arange(B)
    here = before + np.arange(steps)[:, None]
    x = model.cast(batch.x)
    targets = check_targets(batch)
    if model.per_step:
        targets = targets[here, rows]
        targets[:-1] = np.nan if targets.dtype.kind == "f" else getattr(loss, "ignore", -1)
    weights = batch.weights[here, rows] if batch.weights is not None and batch.weights.ndim == 2 else batch.weights
    last = SequenceBatch(x[here, rows], np.full(B, steps), targets, batch.order, weights=weights)
    if before.max() > 0:
        _, _, state = model.unroll(model.params, x[: before.max()], Run(before), state)
    states: list[Sequence[State] | None] = [state]
    for t in range(steps - 1):
        _, _, state = model.unroll(model.params, last.x[t : t + 1], Run(np.ones(B, int)), state)
        states.append(state)
    return FinalSteps(last, states)


def gradient_by_lag(model: Sequential, end: FinalSteps, loss: Loss, algorithm: GradientAlgorithm) -> Array:
    """Return the terms of an algorithm's gradient by the lag between the use of the parameters and the loss.

    Parameters
    ----------
    model : Sequential
        Causal.
    end : FinalSteps
    loss : Loss
    algorithm : GradientAlgorithm

    Returns
    -------
    ndarray (L, P)
        The term of each lag k = 0 ... L - 1.
    """
    sums = [
        np.sum(
            [g.vector for g in algorithm.gradients(model, end.since(s, model.per_step), loss, end.states[s])], axis=0
        )
        for s in reversed(range(end.steps))
    ]
    return np.diff(np.array(sums), axis=0, prepend=np.zeros((1, model.params.size)))


def exact_fractions(terms: Array, exact: Array) -> Array:
    """Return the fraction of each exact term that an algorithm's term contains.

    Parameters
    ----------
    terms, exact : ndarray (L, P)
        As `gradient_by_lag` returns them.

    Returns
    -------
    ndarray (L,)
        NaN where the exact term is too small to be resolved.

    Examples
    --------
    >>> exact_fractions(np.array([[2.0, 0.0], [1.0, 3.0]]), np.array([[2.0, 0.0], [0.0, 6.0]]))
    array([1. , 0.5])
    """
    squares = (exact * exact).sum(axis=1)
    resolved = squares > (RESOLUTION * np.linalg.norm(exact.sum(axis=0))) ** 2
    return np.where(resolved, (terms * exact).sum(axis=1) / np.where(resolved, squares, 1), np.nan)
