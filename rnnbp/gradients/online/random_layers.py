"""Random layers run step by step, with the same random numbers as in one forward pass over the whole batch.

`BPTT` runs layer by layer: each random layer draws for all steps before the next one draws. An online algorithm runs
step by step. So each random layer has its own generator here, in the state that it has in `BPTT` when that layer draws.
"""

import copy

import numpy as np

from rnnbp.cells.base import Array
from rnnbp.core import Parameters
from rnnbp.layers import Dropout, Layer, Noise, Run, VariationalDropout
from rnnbp.layers.base import Residuals, Shape, State


class StepwiseRandomLayer(Layer):
    """A random layer without parameters that draws from its own generator, one step per call.

    Parameters
    ----------
    layer : Layer
    shape : tuple
        Shape of the input of one step, (1, B, F).
    calls : int
        Number of steps of a pass over the whole batch.
    """

    def __init__(self, layer: Layer, shape: tuple[int, ...], calls: int) -> None:
        self.layer, self.shape, self.calls = layer, shape, calls
        self.rng: np.random.Generator | None = None  # set by `begin`

    def begin(self, rng: np.random.Generator) -> None:
        """Copy the state of `rng` for this layer, and advance `rng` past the layer's draws."""
        own = copy.deepcopy(rng)
        x, run = np.zeros(self.shape), Run(np.ones(self.shape[-2], int), rng)
        for _ in range(self.calls):
            self.layer.forward(Parameters({}), x, run)
        self.rng = own

    def generator(self) -> np.random.Generator | None:
        """Return the generator that the next call draws from."""
        return self.rng

    def out_shape(self, shape: Shape) -> Shape:
        return self.layer.out_shape(shape)

    def forward(self, params: Parameters, x: Array, run: Run, state: State = None) -> tuple[Array, Residuals, State]:
        return self.layer.forward(params, x, Run(run.lengths, self.generator()), state)

    def backward(
        self, params: Parameters, residuals: Residuals, dy: Array, grad: Parameters, d_state: State = None
    ) -> tuple[Array, State]:
        return self.layer.backward(params, residuals, dy, grad, d_state)


class SequenceRandomLayer(StepwiseRandomLayer):
    """A random layer that draws once for a sequence: the same numbers at every call.

    Its input has no time axis, or it is a `VariationalDropout`.
    """

    def generator(self) -> np.random.Generator | None:
        return copy.deepcopy(self.rng)


class RandomLayers:
    """The random layers of one forward pass over a batch, from the input upwards.

    Parameters
    ----------
    steps, batch_size : int
        T and B.
    features : tuple of int
        The remaining axes of the input: (F,), or none for tokens.

    Examples
    --------
    >>> x, run = np.ones((3, 2, 4)), Run(np.array([3, 3]))
    >>> whole, _, _ = Dropout(0.5).forward(Parameters({}), x, Run(run.lengths, np.random.default_rng(1)))
    >>> random_layers = RandomLayers(3, 2, (4,))
    >>> layer = random_layers.of(Dropout(0.5), ("T", "B", 4))
    >>> random_layers.begin(np.random.default_rng(1))
    >>> steps = [layer.forward(Parameters({}), x[t : t + 1], run)[0] for t in range(3)]
    >>> np.array_equal(np.concatenate(steps), whole)
    True
    """

    def __init__(self, steps: int, batch_size: int, features: tuple[int, ...]) -> None:
        self.steps, self.batch_size, self.features = steps, batch_size, features
        self.layers: list[StepwiseRandomLayer] = []

    def of(self, layer: Layer, shape: Shape) -> Layer:
        """Return a random layer with its own generator, for inputs of `shape`; any other layer unchanged."""
        if not isinstance(layer, Dropout | Noise | VariationalDropout):
            return layer
        width = shape[-1]
        assert isinstance(width, int)
        if isinstance(layer, VariationalDropout):
            self.layers.append(SequenceRandomLayer(layer, (self.batch_size, width), 1))
        elif shape[0] == "T":
            self.layers.append(StepwiseRandomLayer(layer, (1, self.batch_size, width), self.steps))
        else:
            self.layers.append(SequenceRandomLayer(layer, (self.batch_size, width), 1))
        return self.layers[-1]

    def check_resets(self, reset: Array | None) -> None:
        """Raise if a reset would need a new mask of variational dropout, which draws once here.

        Examples
        --------
        >>> random_layers = RandomLayers(3, 2, (4,))
        >>> _ = random_layers.of(VariationalDropout(0.5), ("T", "B", 4))
        >>> random_layers.check_resets(np.array([[False, False], [True, False], [False, False]]))
        Traceback (most recent call last):
        ValueError: online algorithms draw the mask of VariationalDropout once, and every reset needs a new one: ...
        """
        variational = any(isinstance(random.layer, VariationalDropout) for random in self.layers)
        if variational and reset is not None and reset.any():
            raise ValueError(
                "online algorithms draw the mask of VariationalDropout once, and every reset needs a new one: use "
                "Dropout, cut the sequences at their resets, or give rng=None"
            )

    def begin(self, rng: np.random.Generator) -> None:
        """Give each layer its generator, and advance `rng` as a forward pass over the whole batch does."""
        for layer in self.layers:
            layer.begin(rng)
