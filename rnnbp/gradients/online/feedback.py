"""Learning signals: how the error at a model's outputs comes to the units of its recurrent layers."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import numpy as np

from rnnbp.cells.base import Array
from rnnbp.gradients.online.base import Due, Walk
from rnnbp.gradients.online.broadcast import outputs_of_layers
from rnnbp.runtime import natural_int


class Feedback(Protocol):
    """What stands for the derivative of a step's loss by the state."""

    def __call__(self, due: Due, walk: Walk) -> Array:
        """The learning signal of each unit of the running sequences: (n, S)."""
        ...


@dataclass(frozen=True)
class SymmetricFeedback:
    """The derivative itself: the layers on top are passed backwards, by the weights that they have.

    See Also
    --------
    RandomFeedback : does without these weights.

    Examples
    --------
    >>> import rnnbp
    >>> rnnbp.EProp(SymmetricFeedback()) == rnnbp.EProp()
    True
    """

    def __call__(self, due: Due, walk: Walk) -> Array:
        """(n, S)."""
        return due.d_state


@dataclass(frozen=True)
class RandomFeedback:
    """The loss's derivative by the model's outputs is broadcast to the units of each layer by a fixed random matrix.

    No weight is passed backwards from layer to layer, neither those of layers on top of the recurrent ones nor the
    input weights of a recurrent layer for the one below it: each layer has a matrix of its own, normal with variance
    1 / K. Only the layer whose units are the outputs has the identity, so that its own weights learn by the error they
    make. This is a layer on top of the recurrent ones, which has its true gradient; or, where there is none with
    weights, the last recurrent layer: the leaky readout ``LeakyElman(H, K, activation="linear")`` of Bellec et al.

    A layer without memory, `Dense` or `Embedding`, learns from errors at the step of its input alone, or under
    `MeanOverTime` from their mean. A `Stack` of cells is one layer.

    Parameters
    ----------
    seed : int, default 0
        Of the matrices.

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
        natural_int("seed", self.seed)

    def matrix(self, units: int, outputs: int, layer: int = 0) -> Array:
        """The matrix (units, outputs) of a layer, counted downwards from the highest that has one."""
        return _matrix(self.seed, layer, units, outputs)

    def __call__(self, due: Due, walk: Walk) -> Array:
        """(n, S)."""
        places = outputs_of_layers(walk.cell.cells)[::-1]
        identity = walk.tail.params.size == 0
        signal = due.d_state.copy() if identity else np.zeros_like(due.d_state)
        d_outputs = due.d_outputs.reshape(-1, due.d_outputs.shape[-1])[: len(signal)]
        for k, units in enumerate(places[1:] if identity else places):
            signal[:, units] = d_outputs @ self.matrix(units.stop - units.start, d_outputs.shape[1], k).T
        return signal


@lru_cache(maxsize=32)
def _matrix(seed: int, layer: int, units: int, outputs: int) -> Array:
    rng = np.random.default_rng([seed, layer] if layer else seed)
    made = rng.standard_normal((units, outputs)) / np.sqrt(outputs)
    made.flags.writeable = False
    return made
