"""A model's random layers run step by step, with the draws that `BPTT` makes in one pass over the batch.

`BPTT` runs layer by layer: each random layer draws for all steps before the next one draws. An online algorithm runs
step by step, so each random layer has a generator of its own here, set to where that layer's draws begin.
"""

import copy

import numpy as np

from rnnbp.cells.base import Array
from rnnbp.core import Parameters
from rnnbp.layers import Dropout, Layer, Noise, Run
from rnnbp.layers.base import Residuals, Shape, State


class Replayed(Layer):
    """A random layer without parameters that draws from a generator of its own, from each call to the next.

    Parameters
    ----------
    layer : Layer
    shape : tuple
        What the layer is given at one step, (1, B, F).
    calls : int
        How many steps a pass over the whole batch has.
    """

    def __init__(self, layer: Layer, shape: tuple[int, ...], calls: int) -> None:
        self.layer, self.shape, self.calls = layer, shape, calls
        self.rng: np.random.Generator | None = None  # nothing is drawn before `begin`

    def begin(self, rng: np.random.Generator) -> None:
        """Draw from where `rng` stands now, which is moved past this layer's draws."""
        own = copy.deepcopy(rng)
        x, run = np.zeros(self.shape), Run(np.ones(self.shape[-2], int), rng)
        for _ in range(self.calls):
            self.layer.forward(Parameters({}), x, run)
        self.rng = own

    def generator(self) -> np.random.Generator | None:
        """Where the next call draws."""
        return self.rng

    def out_shape(self, shape: Shape) -> Shape:
        return self.layer.out_shape(shape)

    def forward(self, params: Parameters, x: Array, run: Run, state: State = None) -> tuple[Array, Residuals, State]:
        return self.layer.forward(params, x, Run(run.lengths, self.generator()), state)

    def backward(
        self, params: Parameters, residuals: Residuals, dy: Array, grad: Parameters, d_state: State = None
    ) -> tuple[Array, State]:
        return self.layer.backward(params, residuals, dy, grad, d_state)


class Repeated(Replayed):
    """A random layer that draws the same at every call: one above the layer that takes time away."""

    def generator(self) -> np.random.Generator | None:
        """From the beginning, each time."""
        return copy.deepcopy(self.rng)


class Draws:
    """The random layers of one pass over a batch, from the input upwards.

    Parameters
    ----------
    steps, batch_size : int
        T and B.
    features : tuple of int
        The input's axes behind these: (F,), or none for tokens.

    Examples
    --------
    >>> x, run = np.ones((3, 2, 4)), Run(np.array([3, 3]))
    >>> whole, _, _ = Dropout(0.5).forward(Parameters({}), x, Run(run.lengths, np.random.default_rng(1)))
    >>> draws = Draws(3, 2, (4,))
    >>> layer = draws.of(Dropout(0.5), ("T", "B", 4))
    >>> draws.begin(np.random.default_rng(1))
    >>> steps = [layer.forward(Parameters({}), x[t : t + 1], run)[0] for t in range(3)]
    >>> np.array_equal(np.concatenate(steps), whole)
    True
    """

    def __init__(self, steps: int, batch_size: int, features: tuple[int, ...]) -> None:
        self.steps, self.batch_size, self.features = steps, batch_size, features
        self.layers: list[Replayed] = []

    def of(self, layer: Layer, shape: Shape) -> Layer:
        """A random layer that is given `shape`, with draws of its own; any other layer unchanged."""
        if not isinstance(layer, Dropout | Noise):
            return layer
        width = shape[-1]
        assert isinstance(width, int)
        if shape[0] == "T":
            self.layers.append(Replayed(layer, (1, self.batch_size, width), self.steps))
        else:
            self.layers.append(Repeated(layer, (self.batch_size, width), 1))
        return self.layers[-1]

    def begin(self, rng: np.random.Generator) -> None:
        """Let each layer draw what it draws in a pass over the whole batch, which moves `rng` as that pass does."""
        for layer in self.layers:
            layer.begin(rng)
