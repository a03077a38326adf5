"""The loss that goes without saying."""

from typing import Any

import numpy as np

from rnnbp.data import LabelSequences
from rnnbp.losses.base import Loss
from rnnbp.losses.cross_entropy import CrossEntropy
from rnnbp.losses.ctc import CTC
from rnnbp.losses.squared_error import MeanSquaredError


def natural_loss(targets: Any) -> Loss:
    """Cross entropy for classes, which are integers; mean squared error for values; CTC for label sequences.

    Parameters
    ----------
    targets : ndarray, sequence of array_like, or LabelSequences
        A dataset's or batch's; None counts as values.

    Examples
    --------
    >>> natural_loss([2, 0]), natural_loss([[0.5]])
    (CrossEntropy(class_weight=None, ignore=-1, label_smoothing=0.0), MeanSquaredError())
    """
    if isinstance(targets, LabelSequences):
        return CTC()
    classes = targets is not None and np.issubdtype(np.asarray(targets[0]).dtype, np.integer)
    return CrossEntropy() if classes else MeanSquaredError()
