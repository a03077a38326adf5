"""Loss and score of a dataset, accumulated over batches, and outputs in the order of the dataset."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from rnnbp.data import SequenceBatch, SequenceDataset
from rnnbp.gradients.base import total_weight, whole_loss
from rnnbp.losses import Loss
from rnnbp.models import BATCH_SIZE, Sequential, batch_outputs, in_order
from rnnbp.training.parallel.ranks import ONE_PROCESS, Ranks

Array = np.ndarray


@dataclass
class Sums:
    """Sums of a `Tally` so far: of the loss, of the weights, and what the score needs of every batch or span."""

    loss: float = 0.0
    total: float = 0.0
    evidence: list[Any] = field(default_factory=list)


class Tally:
    """Accumulator of the loss and of the outputs that the score needs, over batches or spans of time steps.

    Parameters
    ----------
    loss : Loss
    model : Sequential
        Whose outputs these are.
    sums : Sums, optional
        Continued, in place. Default: from zero.
    """

    def __init__(self, loss: Loss, model: Sequential, sums: Sums | None = None) -> None:
        self.loss, self.model = loss, model
        self.sums = Sums() if sums is None else sums

    def add(self, outputs: Array, batch: SequenceBatch, loss: float, span: tuple[int, int]) -> None:
        """Add the loss and outputs (T, B, K) of the steps in `span`, or (B, K) of the sequences that end there."""
        start, stop = span
        due, lengths = batch.due(start, stop, self.model.per_step), self.model.out_lengths(batch.lengths)
        if self.model.per_step and lengths is not batch.lengths:  # of a layer that takes whole sequences
            due = np.arange(len(outputs))[:, None] < lengths
        total = total_weight(self.loss, batch, self.model.per_step)
        self.sums.loss += loss * total
        self.sums.total += total if start == 0 else 0.0
        weights = {} if batch.weights is None else {"weights": batch.weights_of(start, stop)}
        self.sums.evidence.append(self.loss.evidence(outputs, batch.targets_of(start, stop), due, **weights))

    def result(self, ranks: Ranks = ONE_PROCESS) -> dict[str, float]:
        """Return 'loss', the mean over everything added in all ranks, and the score that belongs to the loss."""
        return ranks.collected("a score", self.sums, self._pooled)

    def _pooled(self, found: list[Sums]) -> dict[str, float]:
        total, evidence = sum(sums.total for sums in found), [one for sums in found for one in sums.evidence]
        loss = sum(sums.loss for sums in found) / total if total else 0.0
        return {"loss": loss, self.loss.metric: self.loss.pooled_score(evidence)}


def evaluate(
    model: Sequential,
    loss: Loss,
    data: SequenceDataset,
    *,
    stateful: bool,
    batch_size: int = BATCH_SIZE,
    ranks: Ranks = ONE_PROCESS,
) -> dict[str, float]:
    """Compute the loss and its score on a dataset, with dropout off; see `Trainer.evaluate`.

    Parameters
    ----------
    model : Sequential
    loss : Loss
    data : SequenceDataset
        With labels that are indices into the model's classes.
    stateful : bool
        Whether the state is carried from batch to batch of a stream.
    batch_size : int, default 256
    ranks : Ranks, optional
        The processes that evaluate it together, each a part of every batch.
    """

    def tallied() -> Tally:
        tally = Tally(loss, model)
        for batch, outputs in batch_outputs(model, data, batch_size, stateful, ranks.share):
            value, _ = whole_loss(model, loss, outputs, batch)
            tally.add(outputs, batch, value, (0, batch.steps))
        return tally

    return ranks.agreed("an evaluation", tallied).result(ranks)


def outputs_of(
    model: Sequential, data: SequenceDataset, batch_size: int, read: Callable[[Array], Array]
) -> Array | list[Array]:
    """Return ``read(outputs)`` for every sequence, in the dataset's order.

    Parameters
    ----------
    model : Sequential
    data : SequenceDataset
    batch_size : int
    read : callable
        Maps the outputs of one sequence, such as (T_i, K) or (K,), to what is returned of them.

    Returns
    -------
    ndarray (N, ...) where the model has one output per sequence, else a list of arrays, such as (T_i, ...)

    Examples
    --------
    >>> import rnnbp
    >>> model = rnnbp.Sequential(rnnbp.Elman(1, 2), rnnbp.Last(), rnnbp.Dense(2, 3))
    >>> data = SequenceDataset([np.zeros((4, 1)), np.zeros((6, 1))])
    >>> outputs_of(model, data, 256, lambda outputs: outputs.argmax(axis=-1)).shape
    (2,)
    """
    return in_order(batch_outputs(model, data, batch_size), read, model)
