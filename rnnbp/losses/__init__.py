"""Losses: one file each; `base` holds what they share."""

from collections.abc import Mapping
from typing import Any

from rnnbp import config as _config
from rnnbp.losses.base import Loss
from rnnbp.losses.cross_entropy import BinaryCrossEntropy, CrossEntropy
from rnnbp.losses.ctc import CTC
from rnnbp.losses.natural import natural_loss
from rnnbp.losses.squared_error import MeanSquaredError

__all__ = [
    "CTC",
    "LOSSES",
    "BinaryCrossEntropy",
    "CrossEntropy",
    "Loss",
    "MeanSquaredError",
    "from_config",
    "natural_loss",
]

LOSSES: dict[str, type[Loss]] = {loss.name: loss for loss in (CrossEntropy, BinaryCrossEntropy, MeanSquaredError, CTC)}


def from_config(config: Mapping[str, Any]) -> Loss:
    """The loss that `Loss.to_config` described.

    Raises
    ------
    ValueError
        If there is no such loss.

    Examples
    --------
    >>> from_config(CrossEntropy(class_weight=[1, 2]).to_config())
    CrossEntropy(class_weight=[1.0, 2.0], ignore=-1, label_smoothing=0.0)
    """
    return _config.from_config(dict(config), _config.by_name(LOSSES.values()))
