"""The loss that goes without saying."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from rnnbp.losses.base import Loss
from rnnbp.losses.cross_entropy import CrossEntropy
from rnnbp.losses.squared_error import MeanSquaredError


def natural_loss(targets: Sequence[Any] | np.ndarray | None) -> Loss:
    """Cross entropy for classes, which are integers; mean squared error for values.

    Parameters
    ----------
    targets : sequence of array_like, or ndarray
        A dataset's or batch's; None counts as values.

    Examples
    --------
    >>> natural_loss([2, 0]), natural_loss([[0.5]])
    (CrossEntropy(class_weight=None, ignore=-1, label_smoothing=0.0), MeanSquaredError())
    """
    classes = targets is not None and np.issubdtype(np.asarray(targets[0]).dtype, np.integer)
    return CrossEntropy() if classes else MeanSquaredError()
