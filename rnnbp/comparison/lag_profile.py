"""Measured memory of a task: the gradient of a trained network's loss with respect to its inputs, by lag."""

import numpy as np
import pandas as pd

from rnnbp.data import LabelSequences, SequenceBatch, SequenceDataset
from rnnbp.gradients.base import whole_loss
from rnnbp.layers import Embedding, Run
from rnnbp.losses import Loss
from rnnbp.models import Sequential
from rnnbp.runtime import number, positive_int, refuses_by_name

Array = np.ndarray


@refuses_by_name
def memory_profile(
    model: Sequential,
    data: SequenceDataset,
    loss: Loss,
    *,
    sequences: int = 256,
    targets: int = 32,
) -> pd.DataFrame:
    """Compute the share of a trained network's sensitivity to its inputs that lies at each lag before a target.

    With L[t] the loss of the target at step t, the sensitivity at lag k is ``|s[k] dL[t]/dx[t - k]|``: the norm of the
    gradient with respect to the input k steps before, each feature multiplied by its standard deviation s[k] at that
    lag. So it is the change of the loss for a typical change of the input, to first order; features of any unit count
    alike, and a feature that never varies at a lag does not count. Each target's sensitivities are divided by their sum
    over lags, and averaged over targets.

    Parameters
    ----------
    model : Sequential
        Trained; evaluated in double precision, without dropout.
    data : SequenceDataset
        With a target per sequence or per step. The target of a sequence is taken to be at its last step.
    loss : Loss
    sequences, targets : int, default 256 and 32
        Upper limits of the number of sequences, the first of the dataset, and of the number of steps, evenly spaced,
        whose targets are used.

    Returns
    -------
    DataFrame
        `lag` k = 0, 1, ... in steps, and `share`, which sums to 1. The lag is a distance: of a non-causal network
        (bidirectional, or with windows that include later steps) with a target per step, inputs k steps after the
        target are included at lag k.

    Raises
    ------
    ValueError
        If the targets are label sequences, which have no step, or the loss does not depend on the inputs.

    See Also
    --------
    rnnbp.diagnostics.error_flow : the gradient with respect to earlier states, by lag.

    Examples
    --------
    A leaky sum with factor 1/2, of which each earlier input counts half:

    >>> import rnnbp
    >>> model = rnnbp.Sequential(rnnbp.Elman(1, 1, activation="linear"), rnnbp.Last())
    >>> model.params["0.w_ih"], model.params["0.w_hh"] = 1, 0.5
    >>> x = np.array([[1.0, 0.0, 1.0, 0.0], [0.0, 1.0, 0.0, 1.0]])
    >>> data = rnnbp.SequenceDataset(list(x[:, :, None]), targets=[3.0, 4.0])
    >>> memory_profile(model, data, rnnbp.MeanSquaredError())["share"].round(3).tolist()
    [0.533, 0.267, 0.133, 0.067]
    """
    if isinstance(data.targets, LabelSequences):
        raise ValueError("data must have a target per sequence or per step, got label sequences, which have no step")
    positive_int("targets", targets)
    model = model.astype(np.float64)
    batch = data.subset(np.arange(min(len(data), positive_int("sequences", sequences)))).batch().astype(np.float64)
    norms = _norms_by_lag(model, batch, loss, targets)
    norms = norms[norms.sum(axis=1) > 0]
    if not len(norms):
        raise ValueError("the loss does not depend on the inputs: the gradient with respect to them is zero")
    shares = (norms / norms.sum(axis=1, keepdims=True)).mean(axis=0)
    return pd.DataFrame({"lag": np.arange(len(shares)), "share": shares})


@refuses_by_name
def memory_lag(profile: pd.DataFrame, share: float = 0.9) -> int:
    """Return the memory of a task: the smallest lag up to which a given share of a lag profile lies.

    Parameters
    ----------
    profile : DataFrame
        As `memory_profile` returns it.
    share : float, default 0.9

    Examples
    --------
    >>> memory_lag(pd.DataFrame({"lag": [0, 1, 2, 3], "share": [0.5, 0.3, 0.15, 0.05]}))
    2
    """
    number("share", share, 0, 1, open_low=True)
    by_lag = profile.sort_values("lag")
    reached = by_lag["share"].cumsum().to_numpy() >= share - 1e-9
    return int(by_lag["lag"].to_numpy()[reached.argmax() if reached.any() else -1])


def _norms_by_lag(model: Sequential, batch: SequenceBatch, loss: Loss, targets: int) -> Array:
    """Return the sensitivity (N, lags) of each target at each lag; 0 in the rows of padding."""
    above = slice(int(isinstance(model.layers[0], Embedding)), None)
    run, x = Run.of(batch), model.cast(batch.x)
    if above.start:  # tokens have no gradient, and their embeddings have
        x, _, _ = model.unroll(model.params, x, run, part=slice(1))
    outputs, residuals, _ = model.unroll(model.params, x, run, part=above)
    _, dy = whole_loss(model, loss, outputs, batch)
    steps = _target_steps(model, batch, targets)
    lags = [_lags(at, batch.lengths, batch.steps, model.causal) for at in steps]
    spread, rows = _spread_by_lag(x, lags), np.arange(batch.size)
    norms = []
    for at, lag in zip(steps, lags, strict=True):
        due = np.where((np.arange(len(dy))[:, None] == at)[:, :, None], dy, 0) if model.per_step else dy
        dx, _ = model.backward(model.params, residuals, due, model.params.zeros(), part=above)
        squares = np.where(lag >= 0, ((dx * spread[lag]) ** 2).sum(axis=2), 0)
        found = np.zeros((batch.size, batch.steps))
        np.add.at(found, (rows, lag), squares)
        norms.append(np.sqrt(found))
    return np.concatenate(norms)


def _target_steps(model: Sequential, batch: SequenceBatch, targets: int) -> list[Array]:
    """Return the steps (B,) of the targets in turn: the last of each sequence, or evenly spaced ones."""
    if not model.per_step:
        return [batch.lengths - 1]
    count = min(targets, batch.steps)
    places = ((np.arange(count) + 0.5) * batch.steps / count).astype(int)
    return [np.full(batch.size, place) for place in places]


def _lags(at: Array, lengths: Array, steps: int, causal: bool) -> Array:
    """Return the distance (T, B) of each step from each sequence's target; -1 where there is none to count."""
    signed = at - np.arange(steps)[:, None]
    counts = (np.arange(steps)[:, None] < lengths) & (at < lengths) & (signed >= (0 if causal else -steps))
    return np.where(counts, np.abs(signed), -1)


def _spread_by_lag(x: Array, lags: list[Array]) -> Array:
    """Return the standard deviation (T, F) of each feature at each lag, or 1 where there is one value to a lag."""
    T, F = len(x), x.shape[2]
    count, total, squares = np.zeros((T, 1)), np.zeros((T, F)), np.zeros((T, F))
    centred = x - x.mean(axis=(0, 1))
    for lag in lags:
        there = lag >= 0
        count[:, 0] += np.bincount(lag[there], minlength=T)
        np.add.at(total, lag[there], centred[there])
        np.add.at(squares, lag[there], centred[there] ** 2)
    count = np.maximum(count, 1)
    spread = np.sqrt(np.maximum(squares / count - (total / count) ** 2, 0))
    return spread if count.max() > 1 else np.ones_like(spread)
