"""An epoch of training that solves for the last layer directly."""

from collections.abc import Iterator, Sequence

import numpy as np

from rnnbp.data import SequenceBatch, SequenceDataset, item_weights
from rnnbp.gradients.base import whole_loss
from rnnbp.layers import Dense, Run
from rnnbp.losses import BinaryCrossEntropy, CrossEntropy, Loss, MeanSquaredError
from rnnbp.models import Sequential, carried_states
from rnnbp.optimizers import NormalEquations, Ridge
from rnnbp.optimizers.ridge import RidgeFit
from rnnbp.training.epoch import Epoch, EpochResult, TrainingDivergedError
from rnnbp.training.evaluation import Tally, evaluate

Array = np.ndarray
MOST_BYTES = 2**27  # of features that are stored, rather than computed again for the scores
SOLVABLE = (MeanSquaredError, CrossEntropy, BinaryCrossEntropy)


def check_solvable(model: Sequential, loss: Loss, optimizer: Ridge) -> None:
    """Raise unless `Ridge` can solve for the last layer of a model, and has no other parameters to train.

    Raises
    ------
    ValueError
        If not; the message says what to do.

    Examples
    --------
    >>> import rnnbp
    >>> model = rnnbp.Sequential(rnnbp.Elman(2, 3), rnnbp.Dense(3, 1))
    >>> check_solvable(model, rnnbp.MeanSquaredError(), Ridge())
    Traceback (most recent call last):
    ValueError: Ridge solves for the last layer alone, and the parameters 0.w_ih, 0.w_hh, ... model.freeze('0.*'), ...
    """
    last, index = model.layers[-1], len(model.layers) - 1
    if type(last) is not Dense or last.activation != "linear":
        raise ValueError(f"Ridge solves for a last layer that is Dense and linear, got {last!r}: end with Dense(F, K)")
    if type(loss) not in SOLVABLE:
        raise ValueError(
            f"Ridge minimizes squared errors: take MeanSquaredError(), or CrossEntropy() or BinaryCrossEntropy() for "
            f"classes, got {loss!r}"
        )
    frozen, own = set(model.frozen), [f"{index}.w", f"{index}.b"]
    others = [name for name in model.params if name not in frozen and name not in own]
    if others:
        patterns = ", ".join(repr(f"{i}.*") for i in dict.fromkeys(name.partition(".")[0] for name in others))
        raise ValueError(
            f"Ridge solves for the last layer alone, and the parameters {', '.join(others)} are not frozen: freeze "
            f"them, model.freeze({patterns}), or train all by an optimizer such as Adam()"
        )
    fixed = [name for name in own if name in frozen or not model.params.mask(name).all()]
    if fixed:
        raise ValueError(
            f"Ridge solves for {' and '.join(own)}, and {fixed[0]} is frozen or masked: call "
            f"model.unfreeze({fixed[0]!r}), and set no mask there"
        )
    if optimizer.washout and not model.per_step:
        raise ValueError(
            "washout leaves out steps, and the model has one output a sequence: give washout=0, "
            f"got {optimizer.washout}"
        )


def by_solving(epoch: Epoch, optimizer: Ridge, data: SequenceDataset, batch_size: int) -> EpochResult:
    """Solve for the last layer on the whole dataset, of which the moments are added up batch by batch.

    Dropout is off. The gradient norm is 0: that of the penalized squared error at its minimum.

    Parameters
    ----------
    epoch : Epoch
    optimizer : Ridge
    data : SequenceDataset
    batch_size : int
        Bounds the memory; does not change the result beyond rounding.
    """
    model, index = epoch.model, len(epoch.model.layers) - 1
    _, D = model.params[f"{index}.w"].shape
    K, seen = model.params[f"{index}.b"].size, Recent(MOST_BYTES)

    def own_equations() -> tuple[list[NormalEquations], int]:
        equations, steps = [NormalEquations(D, K)], 0
        for number, (batch, features, due) in enumerate(_features(epoch, optimizer.washout, data, batch_size)):
            y, weights = _targets(model, epoch.loss, batch, due)
            counts = weights.any(axis=tuple(range(1, weights.ndim)))
            x, y, weights = features[due][counts], y[counts], weights[counts]
            if not np.isfinite(x).all():
                raise TrainingDivergedError(
                    f"the features of the last layer are not finite at {epoch.name}, batch {number}: lower the "
                    "spectral radius of the recurrent weights, or take a bounded activation"
                )
            equations = _added(equations, x, y, weights)
            seen.add(batch, features)
            steps += int(batch.lengths[slice(None) if batch.part is None else batch.part.own].sum())
        return equations, steps

    def solved(found: list[tuple[list[NormalEquations], int]]) -> tuple[list[RidgeFit], int]:
        equations = _merged([equations for equations, _ in found])
        return [optimizer.solve(one, model.dtype) for one in equations], sum(steps for _, steps in found)

    equations = epoch.ranks.agreed("the normal equations", own_equations)
    fits, steps = epoch.ranks.collected("the solution", equations, solved)
    model.params[f"{index}.w"] = np.concatenate([fit.w for fit in fits])
    model.params[f"{index}.b"] = np.concatenate([fit.b for fit in fits])
    optimizer.found = tuple(fit.penalty for fit in fits)
    optimizer.steps += 1
    epoch.last_good[:] = model.params.vector
    stored = epoch.ranks.collected("the features", seen.batches is not None, all)
    if seen.batches is None or not stored:
        scores = evaluate(model, epoch.loss, data, stateful=epoch.stateful, batch_size=batch_size, ranks=epoch.ranks)
    else:
        tally, last, readout = Tally(epoch.loss, model), model.layers[-1], model.scopes(model.params)[-1]
        for batch, features in seen.batches:
            outputs = last.forward(readout, features, Run.of(batch))[0]
            tally.add(outputs, batch, whole_loss(model, epoch.loss, outputs, batch)[0], (0, batch.steps))
        scores = tally.result(epoch.ranks)
    return EpochResult(scores, 0.0, optimizer.learning_rate, steps)


class Recent:
    """Batches with their features, as long as these take no more than a number of bytes; None from then on."""

    def __init__(self, most: int) -> None:
        self.batches: list[tuple[SequenceBatch, Array]] | None = []
        self._rest = most

    def add(self, batch: SequenceBatch, features: Array) -> None:
        """Store a batch, or discard all where they take too much."""
        self._rest -= features.nbytes
        if self.batches is not None and self._rest >= 0:
            self.batches.append((batch, features))
        else:
            self.batches = None


def _features(
    epoch: Epoch, washout: int, data: SequenceDataset, batch_size: int
) -> Iterator[tuple[SequenceBatch, Array, Array]]:
    """Yield each batch, the features below the last layer, and the mask (T, B) or (B,) of the items to fit."""
    model, states, seen = epoch.model.up_to(len(epoch.model.layers) - 1), None, 0
    for batch in data.batches(batch_size, share=epoch.ranks.share):
        features, after = model.evaluate(batch.x, Run.of(batch), states)
        due = batch.due(0, batch.steps, epoch.model.per_step)
        if epoch.model.per_step:
            due[: max(washout - seen, 0)] = False
        if epoch.stateful:
            states, seen = carried_states(after), seen + batch.steps
        yield batch, features, due


def _targets(model: Sequential, loss: Loss, batch: SequenceBatch, due: Array) -> tuple[Array, Array]:
    """Return the values to regress on (N, K) and their weights (N,) or (N, K), of the items to fit."""
    K = model.params[f"{len(model.layers) - 1}.b"].size
    targets = loss.align(np.broadcast_to(np.float32(0), (*due.shape, K)), np.asarray(batch.targets))[due]
    weights = np.asarray(loss.weights(targets), np.float64)
    if batch.weights is not None:
        given = item_weights(batch.weights, due.shape)[due]
        weights = weights * (given if weights.ndim == 1 else given[:, None])
    if isinstance(loss, CrossEntropy):
        return (targets[:, None] == np.arange(K)).astype(np.float64), weights
    values = np.where(weights > 0, targets, 0).astype(np.float64)
    return (2 * values - 1 if isinstance(loss, BinaryCrossEntropy) else values), weights


def _merged(parts: Sequence[list[NormalEquations]]) -> list[NormalEquations]:
    """Return the equations of all items of several lists, each one for all outputs or one for each."""
    most = max(map(len, parts))
    first, *others = ([part[0].of_output(k) for k in range(most)] if len(part) < most else part for part in parts)
    for other in others:
        for one, another in zip(first, other, strict=True):
            one.merge(another)
    return first


def _added(equations: Sequence[NormalEquations], x: Array, y: Array, weights: Array) -> list[NormalEquations]:
    """Return the equations with items added: one for all outputs as long as their weights are the same."""
    K = y.shape[1]
    if weights.ndim == 2 and (weights == weights[:, :1]).all():
        weights = weights[:, 0]
    if weights.ndim == 2 and len(equations) < K:
        equations = [equations[0].of_output(k) for k in range(K)]
    if len(equations) == 1:
        equations[0].add(x, y, None if (weights == 1).all() else weights)
    for k, one in enumerate(equations if len(equations) > 1 else ()):
        one.add(x, y[:, [k]], weights if weights.ndim == 1 else weights[:, k])
    return list(equations)
