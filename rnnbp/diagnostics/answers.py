"""What a model answers before it has read to the end."""

import numpy as np

from rnnbp.data import SequenceDataset
from rnnbp.layers.base import Array
from rnnbp.models import Sequential


def answers_by_step(model: Sequential, data: SequenceDataset) -> Array:
    """The model's outputs when it has been given the first step of each sequence, the first two, and so on.

    A model that reads forwards says so on its way; one that looks at the whole, with a window or both ways, is
    asked anew each time. `rnnbp.Flatten` fills what is missing with zeros.

    Parameters
    ----------
    model : Sequential
        With one output a sequence.
    data : SequenceDataset

    Returns
    -------
    ndarray (T, N, K)
        In the dataset's order; from its end on, what is answered to the whole of a sequence.

    Raises
    ------
    ValueError
        If the model has an output a step.

    See Also
    --------
    rnnbp.CrossEntropy.probabilities : makes probabilities of them.

    Examples
    --------
    >>> import rnnbp
    >>> model = rnnbp.Sequential(rnnbp.GRU(8, 16), rnnbp.Last(), rnnbp.Dense(16, 10))
    >>> answers_by_step(model, rnnbp.datasets.load_digit_rows()[1]).shape
    (8, 359, 10)
    """
    if model.out_shape[0] == "T":
        raise ValueError("the model must have one output a sequence, (B, K): Last() or MeanOverTime() makes it so")
    batch = data.batch()
    return np.stack([batch.restore(model.forward(batch.span(0, stop))) for stop in range(1, batch.steps + 1)])
