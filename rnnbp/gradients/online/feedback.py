"""Learning signals: how the error at a model's outputs comes to the units of its recurrent layers."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import numpy as np

from rnnbp._checks import natural_int
from rnnbp.cells.base import Array
from rnnbp.gradients.online.base import Due, Walk


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
    """The derivative by the model's outputs comes by a fixed random matrix to each unit that the recurrent layers show.

    The layers on top are not passed backwards, whatever they are. The matrix is normal with variance 1 / K.

    Parameters
    ----------
    seed : int, default 0
        Of the matrix.

    Raises
    ------
    ValueError
        If `seed` is negative or no integer.

    References
    ----------
    T. P. Lillicrap, D. Cownden, D. B. Tweed & C. J. Akerman (2016), "Random synaptic feedback weights support error
    backpropagation for deep learning", Nature Communications 7, 13276, doi:10.1038/ncomms13276

    Examples
    --------
    >>> RandomFeedback().matrix(units=3, outputs=2).shape
    (3, 2)
    """

    seed: int = 0

    def __post_init__(self) -> None:
        natural_int("seed", self.seed)

    def matrix(self, units: int, outputs: int) -> Array:
        """(units, outputs)."""
        return _matrix(self.seed, units, outputs)

    def __call__(self, due: Due, walk: Walk) -> Array:
        """(n, S)."""
        signal, shown = np.zeros_like(due.d_state), walk.cell.output_size
        d_outputs = due.d_outputs.reshape(-1, due.d_outputs.shape[-1])[: len(signal)]
        signal[:, :shown] = d_outputs @ self.matrix(shown, d_outputs.shape[1]).T
        return signal


@lru_cache(maxsize=8)
def _matrix(seed: int, units: int, outputs: int) -> Array:
    made = np.random.default_rng(seed).standard_normal((units, outputs)) / np.sqrt(outputs)
    made.flags.writeable = False
    return made
