"""Full backpropagation through time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from rnnbp.data import SequenceBatch
from rnnbp.gradients.base import Gradient, whole_gradient
from rnnbp.layers.base import State
from rnnbp.losses.base import Loss
from rnnbp.models import Sequential


@dataclass(frozen=True)
class BPTT:
    """The error propagated back through every step of the sequence: the exact gradient. Also of a static
    model.

    References
    ----------
    P. J. Werbos (1990), "Backpropagation through time: what it does and how to do it", Proc. IEEE 78(10),
    1550-1560, doi:10.1109/5.58337

    Examples
    --------
    >>> import rnnbp
    >>> model = rnnbp.Sequential(rnnbp.Elman(2, 3), rnnbp.Last(), rnnbp.Dense(3, 2))
    >>> batch = rnnbp.SequenceDataset([np.ones((5, 2)), np.zeros((3, 2))], targets=[0, 1]).batch()
    >>> (g,) = BPTT().gradients(model, batch, rnnbp.CrossEntropy())
    >>> g.vector.shape, g.cost.steps
    ((29,), 8)
    """

    def gradients(
        self,
        model: Sequential,
        batch: SequenceBatch,
        loss: Loss,
        state: Sequence[State] | None = None,
        rng: np.random.Generator | None = None,
    ) -> Iterator[Gradient]:
        """One gradient a batch."""
        yield whole_gradient(model, batch, loss, state, rng)
