"""Learning signals: how the gradient with respect to a model's outputs is fed back to its recurrent units."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import numpy as np

from rnnbp.cells.base import Array
from rnnbp.gradients.online.detached_layers import layer_outputs
from rnnbp.gradients.online.forward_pass import BlockLoss, ForwardPass
from rnnbp.runtime import seed_int


class Feedback(Protocol):
    """A function that returns what replaces the gradient of each step's loss with respect to the state."""

    def __call__(self, block_loss: BlockLoss, forward_pass: ForwardPass) -> Array:
        """Return the learning signal (N, S) of each unit at each real step of a block."""
        ...


@dataclass(frozen=True)
class SymmetricFeedback:
    """The exact gradient of a step's loss with respect to the state: backpropagation through the readout.

    See Also
    --------
    RandomFeedback : does not use the weights of the readout.

    Examples
    --------
    >>> import rnnbp
    >>> rnnbp.EProp(SymmetricFeedback()) == rnnbp.EProp()
    True
    """

    def __call__(self, block_loss: BlockLoss, forward_pass: ForwardPass) -> Array:
        return block_loss.d_state


@dataclass(frozen=True)
class RandomFeedback:
    """Broadcast of the gradient with respect to the model's outputs to each layer, by fixed random matrices.

    No gradient is propagated from layer to layer, neither through the readout nor through the input weights of a
    recurrent layer to the one below: each layer has its own matrix, normal with variance 1 / K. Only the layer whose
    units are the outputs has the identity, so that its weights have their exact gradient with respect to the outputs.
    This is the readout; or, where there is none with weights, the last recurrent layer: the leaky readout
    ``LeakyElman(H, K, activation="linear")`` of Bellec et al.

    A layer without memory, `Dense` or `Embedding`, learns from the signal at the step of its input alone, or under
    `MeanOverTime` from the mean signal. A `Stack` of cells is one layer.

    Parameters
    ----------
    seed : int, default 0
        Seed of the matrices.

    Raises
    ------
    ValueError
        If `seed` is negative or no integer.

    References
    ----------
    T. P. Lillicrap, D. Cownden, D. B. Tweed & C. J. Akerman (2016), "Random synaptic feedback weights support error
    backpropagation for deep learning", Nature Communications 7, 13276, doi:10.1038/ncomms13276. A. Nokland (2016),
    "Direct feedback alignment provides learning in deep neural networks", NeurIPS 29, arXiv:1609.01596. G. Bellec et
    al. (2020), Nature Communications 11, 3625, doi:10.1038/s41467-020-17236-y: broadcast alignment

    Examples
    --------
    >>> RandomFeedback().matrix(units=3, outputs=2).shape
    (3, 2)
    """

    seed: int = 0

    def __post_init__(self) -> None:
        seed_int("seed", self.seed)

    def matrix(self, units: int, outputs: int, layer: int = 0) -> Array:
        """Return the matrix (units, outputs) of a layer, counted downwards from the highest that has one."""
        return _matrix(self.seed, layer, units, outputs)

    def __call__(self, block_loss: BlockLoss, forward_pass: ForwardPass) -> Array:
        places = layer_outputs(forward_pass.cell.cells)[::-1]
        identity = forward_pass.readout.params.size == 0
        signal = block_loss.d_state.copy() if identity else np.zeros_like(block_loss.d_state)
        d_outputs = block_loss.d_outputs
        for k, units in enumerate(places[1:] if identity else places):
            signal[:, units] = d_outputs @ self.matrix(units.stop - units.start, d_outputs.shape[1], k).T
        return signal


@lru_cache(maxsize=32)
def _matrix(seed: int, layer: int, units: int, outputs: int) -> Array:
    rng = np.random.default_rng([seed, layer] if layer else seed)
    made = rng.standard_normal((units, outputs)) / np.sqrt(outputs)
    made.flags.writeable = False
    return made
