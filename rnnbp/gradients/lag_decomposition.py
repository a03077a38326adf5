"""Which share of an error arrives at the parameters' action k steps before it.

The error is that of each sequence's last step. An algorithm that is started at step s, in the state the net has there,
knows nothing of what the parameters did before: its gradient C(s) is what arrives from their action at s and after. So
C(s) - C(s + 1) is what arrives from their action at step s alone. Of full BPTT this is the exact part e[k] of the
gradient with k = T - 1 - s, as these parts add up to the whole; of any other algorithm it is its own part d[k], and

    share[k] = d[k] . e[k] / e[k] . e[k]

says how much of the exact part is in it: 1 where all of it arrives, 0 where nothing does. As every algorithm can start
from a state, the share is the same question to all of them; it asks nothing of how they work.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rnnbp.data import SequenceBatch
from rnnbp.gradients.base import GradientAlgorithm, check_targets
from rnnbp.layers import Run
from rnnbp.layers.base import Array, State
from rnnbp.losses import Loss
from rnnbp.models import Sequential

SEEN = 1e-9  # of the whole gradient: a smaller part is not told from the rounding of a difference


@dataclass(frozen=True)
class FinalSteps:
    """The last L steps of every sequence, of equal length, and the states at each of them.

    Attributes
    ----------
    batch : SequenceBatch
        With an error at the last step only.
    states : list, one for each of the L steps
        The state before it: a list, one a layer; None where a sequence begins.
    """

    batch: SequenceBatch
    states: list[Sequence[State] | None]

    @property
    def steps(self) -> int:
        """L."""
        return len(self.states)

    def since(self, start: int, per_step: bool) -> SequenceBatch:
        """The steps from `start` on."""
        targets = check_targets(self.batch)
        lengths = self.batch.lengths - start
        return SequenceBatch(self.batch.x[start:], lengths, targets[start:] if per_step else targets, self.batch.order)


def final_steps(
    model: Sequential, batch: SequenceBatch, loss: Loss, lags: int, state: Sequence[State] | None = None
) -> FinalSteps:
    """Cut a batch down to its last steps, at most as many as its shortest sequence has.

    Parameters
    ----------
    model : Sequential
        Causal.
    batch : SequenceBatch
    loss : Loss
        Its `ignore` is the class that does not count; -1 where it has none. A value that is NaN does not count.
    lags : int
        L, at the most.
    state : list, one a layer, optional
        The states the batch begins from.
    """
    B = batch.size
    steps = int(min(lags, batch.lengths.min()))
    before, rows = batch.lengths - steps, np.arange(B)
    here = before + np.arange(steps)[:, None]
    x = model.cast(batch.x)
    targets = check_targets(batch)
    if model.per_step:
        targets = targets[here, rows]
        targets[:-1] = np.nan if targets.dtype.kind == "f" else getattr(loss, "ignore", -1)
    last = SequenceBatch(x[here, rows], np.full(B, steps), targets, batch.order)
    if before.max() > 0:
        _, _, state = model.unroll(model.params, x[: before.max()], Run(before), state)
    states: list[Sequence[State] | None] = [state]
    for t in range(steps - 1):
        _, _, state = model.unroll(model.params, last.x[t : t + 1], Run(np.ones(B, int)), state)
        states.append(state)
    return FinalSteps(last, states)


def gradient_by_lag(model: Sequential, end: FinalSteps, loss: Loss, algorithm: GradientAlgorithm) -> Array:
    """What arrives from the parameters' action k steps before the error.

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
        By lag k = 0 ... L - 1.
    """
    sums = [
        np.sum(
            [g.vector for g in algorithm.gradients(model, end.since(s, model.per_step), loss, end.states[s])], axis=0
        )
        for s in reversed(range(end.steps))
    ]
    return np.diff(np.array(sums), axis=0, prepend=np.zeros((1, model.params.size)))


def shares(parts: Array, exact: Array) -> Array:
    """The share of each exact part that is in an algorithm's own.

    Parameters
    ----------
    parts, exact : ndarray (L, P)
        As `gradient_by_lag` returns them.

    Returns
    -------
    ndarray (L,)
        NaN where the exact part is too small to be seen.

    Examples
    --------
    >>> shares(np.array([[2.0, 0.0], [1.0, 3.0]]), np.array([[2.0, 0.0], [0.0, 6.0]]))
    array([1. , 0.5])
    """
    squares = (exact * exact).sum(axis=1)
    seen = squares > (SEEN * np.linalg.norm(exact.sum(axis=0))) ** 2
    return np.where(seen, (parts * exact).sum(axis=1) / np.where(seen, squares, 1), np.nan)
