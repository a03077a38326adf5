"""Static backpropagation."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from rnnbp.data import SequenceBatch
from rnnbp.gradients.base import Gradient, whole_gradient
from rnnbp.layers.base import State
from rnnbp.losses import Loss
from rnnbp.models import Sequential


@dataclass(frozen=True)
class Backprop:
    """The error of a fixed input's fixed output, propagated back through the layers.

    Raises
    ------
    ValueError
        When used on a recurrent model, whose error must go through time as well.

    References
    ----------
    D. E. Rumelhart, G. E. Hinton & R. J. Williams (1986), "Learning representations by back-propagating
    errors", Nature 323, 533-536, doi:10.1038/323533a0

    Examples
    --------
    >>> import rnnbp
    >>> model = rnnbp.Sequential(rnnbp.Flatten(1), rnnbp.Dense(2, 2))
    >>> batch = rnnbp.SequenceDataset([np.ones((1, 2)), np.zeros((1, 2))], targets=[0, 1]).batch()
    >>> (g,) = Backprop().gradients(model, batch, rnnbp.CrossEntropy())
    >>> g.vector.shape
    (6,)
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
        for i, layer in enumerate(model.layers):
            if layer.recurrent:
                raise ValueError(
                    f"Backprop takes a static model, but layer {i} ({type(layer).__name__}) carries a state "
                    "from step to step: use BPTT(), or TruncatedBPTT(1, 1) for static backpropagation on a "
                    "recurrent net"
                )
        yield whole_gradient(model, batch, loss, state, rng)
