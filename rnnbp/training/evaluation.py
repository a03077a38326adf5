"""Losses and scores accumulated over batches, and predictions in the dataset's order."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from rnnbp.data import LabelSequences, SequenceBatch, SequenceDataset
from rnnbp.gradients.base import check_targets, total_weight
from rnnbp.layers.base import State
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
        self._evidence.append(self.loss.evidence(outputs, batch.span(start, stop).targets, due))

    def result(self) -> dict[str, float]:
        """Return 'loss', the mean over everything added, and the score that belongs to the loss."""
        score = self.loss.pooled_score(self._evidence)
        return {"loss": self._loss / self._total if self._total else 0.0, self.loss.metric: score}


def check_dataset(name: str, data: Any) -> None:
    """Raise unless `data` is a dataset.

    Raises
    ------
    ValueError
        If it is not; the message says what it is and how to make a dataset of it.

    Examples
    --------
    >>> check_dataset("train", "vowels.ts")
    Traceback (most recent call last):
    ValueError: train must be a SequenceDataset, got 'vowels.ts': read it by rnnbp.datasets.read_ts('vowels.ts')
    """
    if isinstance(data, SequenceDataset):
        return
    if isinstance(data, str | Path):
        file = str(data).endswith((".ts", ".ts.gz"))
        advice = f"read it by rnnbp.datasets.read_ts({str(data)!r})" if file else "rnnbp.datasets.load(name) loads one"
        raise ValueError(f"{name} must be a SequenceDataset, got {str(data)!r}: {advice}")
    got = f"an array of shape {data.shape}" if isinstance(data, np.ndarray) else type(data).__name__
    raise ValueError(f"{name} must be a SequenceDataset, got {got}: SequenceDataset(sequences, targets=...) makes one")


def check_task(name: str, data: SequenceDataset, model: Sequential, loss: Loss) -> list[State]:
    """Raise unless dataset, model and loss fit each other, by a forward pass of the first sequence.

    Returns
    -------
    list
        Final states of the layers after that sequence.

    Raises
    ------
    ValueError
        If they do not; the message names what does not fit.
    """
    check_targets_of(name, data, model, loss)
    batch = data.subset([0]).batch()
    outputs, states = model.forward_from(batch)
    loss(outputs, check_targets(batch), batch.lengths)
    return states


def check_targets_of(name: str, data: SequenceDataset, model: Sequential, loss: Loss) -> None:
    """Raise unless a dataset has targets, and each is valid for the loss and the number of outputs of the model.

    Raises
    ------
    ValueError
        If not; the message names the sequence.
    """
    if data.targets is None:
        raise ValueError(f"{name} has no targets: give them as SequenceDataset(sequences, targets=...)")
    K = model.out_shape[-1]
    if not isinstance(K, int):  # unknown: the loss checks each batch
        return
    try:
        if data.classes is not None:
            loss.check_classes(data.classes, K)
        if data.per_step == model.per_step or isinstance(data.targets, LabelSequences):
            loss.check_dataset(data.targets, lambda: data.lengths, K)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


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
