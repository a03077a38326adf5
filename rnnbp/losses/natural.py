"""The default loss for the targets of a dataset."""

from typing import Any

import numpy as np

from rnnbp.data import LabelSequences
from rnnbp.losses.base import Loss
from rnnbp.losses.cross_entropy import CrossEntropy
from rnnbp.losses.ctc import CTC
from rnnbp.losses.squared_error import MeanSquaredError
from rnnbp.runtime import got


def natural_loss(targets: Any) -> Loss:
    """Return the default loss for targets: cross entropy for integers, mean squared error for floats, CTC for labels.

    Parameters
    ----------
    targets : ndarray, sequence of array_like, or LabelSequences
        Targets of a dataset or batch; None gives mean squared error.

    Examples
    --------
    >>> natural_loss([2, 0]), natural_loss([[0.5]])
    (CrossEntropy(class_weight=None, ignore=-1, label_smoothing=0.0), MeanSquaredError())
    """
    if isinstance(targets, LabelSequences):
        return CTC()
    if targets is not None and not (hasattr(targets, "__len__") and np.size(targets[:1])):
        raise ValueError(f"targets must be those of a dataset, {got(targets)}")
    classes = targets is not None and np.issubdtype(np.asarray(targets[0]).dtype, np.integer)
    return CrossEntropy() if classes else MeanSquaredError()
