"""Loss and score of a dataset, accumulated over batches, and outputs in the order of the dataset."""

from collections.abc import Callable
from typing import Any

import numpy as np

from rnnbp.data import SequenceBatch, SequenceDataset
from rnnbp.gradients.base import check_targets, total_weight
from rnnbp.losses import Loss
from rnnbp.models import BATCH_SIZE, Sequential, batch_outputs, in_order

Array = np.ndarray


class Tally:
    """Accumulator of the loss and of the outputs that the score needs, over batches or spans of time steps.

    Parameters
    ----------
    loss : Loss
    per_step : bool
        Whether the model has an output for each step.
    """

    def __init__(self, loss: Loss, per_step: bool) -> None:
        self.loss, self.per_step = loss, per_step
        self._loss = self._total = 0.0
        self._evidence: list[Any] = []

    def add(self, outputs: Array, batch: SequenceBatch, loss: float, span: tuple[int, int]) -> None:
        """Add the loss and outputs (T, B, K) of the steps in `span`, or (B, K) of the sequences that end there."""
        start, stop = span
        due = batch.due(start, stop, self.per_step)
        total = total_weight(self.loss, batch, self.per_step)
        self._loss += loss * total
        self._total += total if start == 0 else 0.0
        self._evidence.append(self.loss.evidence(outputs, batch.targets_of(start, stop), due))

    def result(self) -> dict[str, float]:
        """Return 'loss', the mean over everything added, and the score that belongs to the loss."""
        score = self.loss.pooled_score(self._evidence)
        return {"loss": self._loss / self._total if self._total else 0.0, self.loss.metric: score}


def evaluate(
    model: Sequential, loss: Loss, data: SequenceDataset, batch_size: int = BATCH_SIZE, stateful: bool = False
) -> dict[str, float]:
    """Compute the loss and its score on a dataset, with dropout off; see `Trainer.evaluate`.

    Parameters
    ----------
    model : Sequential
    loss : Loss
    data : SequenceDataset
        With labels that are indices into the model's classes.
    batch_size : int, default 256
    stateful : bool, default False
        Whether the state is carried from batch to batch of a stream.
    """
    tally = Tally(loss, model.per_step)
    for batch, outputs in batch_outputs(model, data, batch_size, stateful):
        value, _ = loss(outputs, check_targets(batch), batch.lengths)
        tally.add(outputs, batch, value, (0, batch.steps))
    return tally.result()


def outputs_of(
    model: Sequential, data: SequenceDataset, batch_size: int, read: Callable[[Array], Array]
) -> Array | list[Array]:
    """Return ``read(outputs)`` for every sequence, in the dataset's order.

    Returns
    -------
    ndarray (N, ...) where the model has one output per sequence, else a list of arrays, such as (T_i, ...)
    """
    return in_order(batch_outputs(model, data, batch_size), read, model.per_step)
