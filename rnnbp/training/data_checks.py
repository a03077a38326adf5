"""Checks that dataset, model and loss fit each other, before any training."""

from pathlib import Path
from typing import Any

import numpy as np

from rnnbp.data import LabelSequences, SequenceDataset, of_positive_weight
from rnnbp.gradients.base import whole_loss
from rnnbp.layers.base import State
from rnnbp.losses import Loss
from rnnbp.models import Sequential

CHECKED_STEPS = 64


def check_dataset(name: str, data: Any) -> None:
    """Raise unless `data` is a dataset.

    Parameters
    ----------
    name : str
        The name of the argument, for the message.
    data : object
        What the caller gave.

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

    Of a long one the first steps suffice, where no output depends on later ones.

    Returns
    -------
    list
        Final states of the layers after it.

    Raises
    ------
    ValueError
        If they do not; the message names what does not fit.
    """
    check_targets_of(name, data, model, loss)
    first = data.subset([0])
    if model.causal and model.per_step and data.per_step:
        first = first.cut(CHECKED_STEPS).subset([0])
    batch = first.batch()
    outputs, states = model.forward_from(batch)
    whole_loss(model, loss, outputs, batch)
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
    data = data.summarized()
    counting = None if data.weights is None else of_positive_weight(data.weights)
    if counting is not None and not counting.size:
        return
    data = data if counting is None else data.subset(counting)  # a sequence of weight 0 is as if it were not there
    K = model.out_shape[-1]
    if not isinstance(K, int):  # unknown: the loss checks each batch
        return
    try:
        if data.classes is not None:
            loss.check_classes(data.classes, K)
        if data.per_step == model.per_step or isinstance(data.targets, LabelSequences):
            loss.check_dataset(data.targets, lambda: model.out_lengths(data.lengths), K)
    except ValueError as error:
        only = "" if counting is None or "sequence" not in str(error) else ", counting those of a weight above 0 only"
        raise ValueError(f"{name}: {error}{only}") from None
