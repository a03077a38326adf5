"""A model's random layers run step by step, with the draws that `BPTT` makes in one pass over the batch.

`BPTT` runs layer by layer: each random layer draws for all steps before the next one draws. An online algorithm runs
step by step, so each random layer has a generator of its own here, set to where that layer's draws begin.
"""

import copy

import numpy as np

from rnnbp.cells.base import Array
from rnnbp.layers import Dropout, Layer, Noise
from rnnbp.layers.base import Run, Shape, State, Tape
from rnnbp.params import Parameters


class Replayed(Layer):
    """A random layer without parameters that draws from a generator of its own, from each call to the next.

    Parameters
    ----------
    layer : Layer
    rng : numpy.random.Generator
    """

    def __init__(self, layer: Layer, rng: np.random.Generator) -> None:
        self.layer, self.rng = layer, rng

    def generator(self) -> np.random.Generator:
        """Where the next call draws."""
        return self.rng

    def out_shape(self, shape: Shape) -> Shape:
        return self.layer.out_shape(shape)

    def forward(self, params: Parameters, x: Array, run: Run, state: State = None) -> tuple[Array, Tape, State]:
        return self.layer.forward(params, x, Run(run.lengths, self.generator()), state)

    def backward(
        self, params: Parameters, tape: Tape, dy: Array, grad: Parameters, d_state: State = None
    ) -> tuple[Array, State]:
        return self.layer.backward(params, tape, dy, grad, d_state)


class Repeated(Replayed):
    """A random layer that draws the same at every call: one above the layer that takes time away."""

    def generator(self) -> np.random.Generator:
        """From the beginning, each time."""
        return copy.deepcopy(self.rng)


class Draws:
    """The draws of one pass over a batch, layer by layer from the input upwards.

    Parameters
    ----------
    rng : numpy.random.Generator
        It is moved past the draws of each layer that is asked for, as a pass over the whole batch moves it.
    steps, batch_size : int
        T and B.
    features : tuple of int
        The input's axes behind these: (F,), or none for tokens.

    Examples
    --------
    >>> x, run = np.ones((3, 2, 4)), Run(np.array([3, 3]))
    >>> whole, _, _ = Dropout(0.5).forward(Parameters({}), x, Run(run.lengths, np.random.default_rng(1)))
    >>> layer = Draws(np.random.default_rng(1), 3, 2, (4,)).of(Dropout(0.5), ("T", "B", 4))
    >>> steps = [layer.forward(Parameters({}), x[t : t + 1], run)[0] for t in range(3)]
    >>> np.array_equal(np.concatenate(steps), whole)
    True
    """

    def __init__(self, rng: np.random.Generator, steps: int, batch_size: int, features: tuple[int, ...]) -> None:
        self.rng, self.steps, self.batch_size, self.features = rng, steps, batch_size, features

    def of(self, layer: Layer, shape: Shape) -> Layer:
        """A random layer that is given `shape`, with its draws; any other layer unchanged."""
        if not isinstance(layer, Dropout | Noise):
            return layer
        begin, timed = copy.deepcopy(self.rng), shape[0] == "T"
        axes = (1, self.batch_size) if timed else (self.batch_size,)
        x = np.zeros((*axes, shape[-1]))
        for _ in range(self.steps if timed else 1):
            layer.forward(Parameters({}), x, Run(np.ones(self.batch_size, int), self.rng))
        return Replayed(layer, begin) if timed else Repeated(layer, begin)
