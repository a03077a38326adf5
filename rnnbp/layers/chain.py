"""Layers in a row as one layer."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rnnbp.cells.base import Array
from rnnbp.core import Parameters, SharedParameters
from rnnbp.layers.base import Evaluate, Layer, Residuals, Run, Shape, State, in_a_row, run_above
from rnnbp.layers.ends import check_directions


@dataclass(frozen=True, init=False, repr=False)
class Chain(Layer):
    """Layers in a row as one layer: the output of each is the input of the next.

    For a branch of `Parallel`, or whatever else takes one layer. The parameters are named ``"0.w_hh"`` for the `w_hh`
    of the first one. The state is a list of those of the layers, None if none of them has one.

    Parameters
    ----------
    *layers : Layer
        From the input upwards, at least one.

    Raises
    ------
    ValueError
        If there is no layer, one is none, or a layer does not take the output of the one before it.

    See Also
    --------
    rnnbp.Sequential : a model of layers in a row, with its parameters.

    Examples
    --------
    >>> from rnnbp.layers import Dense, LSTM, Last
    >>> branch = Chain(LSTM(3, 8), Last(), Dense(8, 2))
    >>> branch.out_shape(("T", "B", 3)), list(branch.shapes())[-2:]
    (('B', 2), ['2.w', '2.b'])
    """

    layers: tuple[Layer, ...]

    def __init__(self, *layers: Layer) -> None:
        object.__setattr__(self, "layers", checked_layers(type(self).__name__, layers))
        if self.recurrent:
            check_directions(layers)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(map(repr, self.layers))})"

    @property
    def causal(self) -> bool:  # type: ignore[override]
        """Whether all layers are causal."""
        return all(layer.causal for layer in self.layers)

    @property
    def recurrent(self) -> bool:  # type: ignore[override]
        """Whether a layer runs a cell."""
        return any(layer.recurrent for layer in self.layers)

    @property
    def bidirectional(self) -> bool:  # type: ignore[override]
        """Whether the features are those of a bidirectional layer, the last one."""
        return self.layers[-1].bidirectional

    def shapes(self) -> dict[str, tuple[int, ...]]:
        return shapes_of(self.layers)

    def initialize(self, params: Parameters, rng: np.random.Generator) -> None:
        for layer, scope in zip(self.layers, scopes_of(self.layers, params), strict=True):
            layer.initialize(scope, rng)

    def out_shape(self, shape: Shape) -> Shape:
        for i, layer in enumerate(self.layers):
            try:
                shape = layer.out_shape(shape)
            except ValueError as error:
                raise ValueError(f"{type(self).__name__}, layer {i}: {error}") from None
        return shape

    def out_lengths(self, lengths: Array) -> Array:
        for layer in self.layers:
            lengths = layer.out_lengths(lengths)
        return lengths

    def forward(self, params: Parameters, x: Array, run: Run, state: State = None) -> tuple[Array, Residuals, State]:
        residuals, after = [], []
        states = [None] * len(self.layers) if state is None else state
        for layer, scope, before in zip(self.layers, scopes_of(self.layers, params), states, strict=True):
            x, own, last = layer.forward(scope, x, run, before)
            run = run_above(layer, run)
            residuals.append(own)
            after.append(last)
        return x, residuals, none_or(after)

    def prepare(self, params: Parameters) -> Evaluate:
        evaluate = in_a_row(self.layers, scopes_of(self.layers, params))

        def evaluate_all(x: Array, run: Run, state: State) -> tuple[Array, State]:
            y, after = evaluate(x, run, state)
            return y, none_or(after)

        return evaluate_all

    def backward(
        self, params: Parameters, residuals: Residuals, dy: Array, grad: Parameters, d_state: State = None
    ) -> tuple[Array, State]:
        scopes, grads = scopes_of(self.layers, params), scopes_of(self.layers, grad)
        d_after = [None] * len(self.layers) if d_state is None else d_state
        before: list[State] = [None] * len(self.layers)
        for i in reversed(range(len(self.layers))):
            dy, before[i] = self.layers[i].backward(scopes[i], residuals[i], dy, grads[i], d_after[i])
        return dy, none_or(before)


def checked_layers(owner: str, layers: Sequence[Layer]) -> tuple[Layer, ...]:
    """Return layers as a tuple, or raise unless they are layers, at least one.

    Examples
    --------
    >>> checked_layers("Chain", ["lstm"])
    Traceback (most recent call last):
    ValueError: Chain takes layers, got 'lstm' as layer 0
    """
    if not layers:
        raise ValueError(f"{owner} takes at least one layer, got none")
    for i, layer in enumerate(layers):
        if not isinstance(layer, Layer):
            advice = ": several are one as Chain(*layers)" if isinstance(layer, list | tuple) else ""
            raise ValueError(f"{owner} takes layers, got {layer!r} as layer {i}{advice}")
        if layer.shared():
            raise ValueError(f"{owner} takes no {type(layer).__name__}: tied layers are layers of the model itself")
    return tuple(layers)


def shapes_of(layers: Sequence[Layer]) -> dict[str, tuple[int, ...]]:
    """Return the names and shapes of the parameters of several layers, with the index of the layer as prefix."""
    return {f"{i}.{name}": shape for i, layer in enumerate(layers) for name, shape in layer.shapes().items()}


def scopes_of(layers: Sequence[Layer], params: Parameters) -> list[Parameters]:
    """Return the parameters of each of several layers, under the names that the layer itself uses."""
    scopes = [params.scope(f"{i}.") for i in range(len(layers))]
    shared = ((i, names) for i, layer in enumerate(layers) if (names := layer.shared()))
    for i, names in shared:
        scopes[i] = SharedParameters(scopes[i], params, names)
    return scopes


def none_or(states: list[State]) -> State:
    """Return the states of several layers as that of one: None if none of them has a state.

    Examples
    --------
    >>> none_or([None, None]), none_or([None, 1])
    (None, [None, 1])
    """
    return None if all(state is None for state in states) else states
