"""Outputs of a model on the beginning of a sequence."""

import numpy as np

from rnnbp.data import SequenceDataset
from rnnbp.layers.base import Array
from rnnbp.models import Sequential
from rnnbp.runtime import refuses_by_name


@refuses_by_name
def answers_by_step(model: Sequential, data: SequenceDataset) -> Array:
    """Compute a model's outputs on the first step of each sequence, on the first two steps, and so on.

    The forward pass is computed on each beginning, so that bidirectional and windowed models see nothing of the rest.
    `rnnbp.Flatten` pads the missing steps with zeros.

    Parameters
    ----------
    model : Sequential
        With one output for each sequence.
    data : SequenceDataset

    Returns
    -------
    ndarray (T, N, K)
        In the order of the dataset; past the end of a sequence, the output on the whole sequence.

    Raises
    ------
    ValueError
        If the model has an output for each step.

    See Also
    --------
    rnnbp.CrossEntropy.probabilities : converts outputs to probabilities.

    Examples
    --------
    >>> import rnnbp
    >>> model = rnnbp.Sequential(rnnbp.GRU(8, 16), rnnbp.Last(), rnnbp.Dense(16, 10))
    >>> answers_by_step(model, rnnbp.datasets.load_digit_rows()[1]).shape
    (8, 359, 10)
    """
    if model.out_shape[0] == "T":
        raise ValueError("the model must have one output a sequence, (B, K): add Last() or MeanOverTime()")
    batch = data.batch()
    return np.stack([batch.restore(model.forward(batch.span(0, stop))) for stop in range(1, batch.steps + 1)])
