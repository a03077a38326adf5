"""The beginning of sequences, run through a model so that they can be continued."""

from collections.abc import Sequence

import numpy as np

from rnnbp.data import SequenceDataset
from rnnbp.layers.base import Array, State
from rnnbp.models.inference import Inference
from rnnbp.models.states import take_rows


def run_prompts(model: Inference, prompts: Sequence[Array]) -> tuple[Array, list[State]]:
    """Run sequences of any lengths, and return the outputs (B, K) at the last step of each and the states after it.

    Parameters
    ----------
    model : Inference
        Causal.
    prompts : sequence of ndarray (T_i, F), or of integer tokens (T_i,)

    Raises
    ------
    ValueError
        If a layer is non-causal.

    Examples
    --------
    >>> import rnnbp
    >>> y, (state,) = run_prompts(rnnbp.Sequential(rnnbp.Elman(2, 3)), [np.ones((2, 2)), np.ones((4, 2))])
    >>> bool((y == state).all()), y.shape
    (True, (2, 3))
    """
    model.check_causal()
    batch = SequenceDataset(prompts, dtype=model.dtype).batch()
    outputs, states = model.forward_from(batch)
    last = outputs[batch.lengths - 1, np.arange(batch.size)] if model.per_step else outputs
    back = np.argsort(batch.order)
    return last[back], take_rows(states, back)
