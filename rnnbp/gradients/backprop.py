"""Static backpropagation."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from rnnbp.data import SequenceBatch
from rnnbp.gradients.base import Gradient, GradientAlgorithm, whole_gradient
from rnnbp.layers.base import State
from rnnbp.losses import Loss
from rnnbp.models import Sequential


@dataclass(frozen=True)
class Backprop(GradientAlgorithm):
    """Compute the gradient of the mean loss by backpropagation through the layers of a static model.

    Raises
    ------
    ValueError
        When used on a recurrent model, which has to be backpropagated through time as well.

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
        for i, layer in enumerate(model.layers):
            if layer.recurrent:
                raise ValueError(
                    f"Backprop takes a static model, but layer {i} ({type(layer).__name__}) carries a state "
                    "from step to step: use BPTT(), or TruncatedBPTT(1, 1) for static backpropagation on a "
                    "recurrent network"
                )
        yield whole_gradient(model, batch, loss, state, rng)
