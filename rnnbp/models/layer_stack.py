"""LayerStack: layers in a row over one parameter vector, with their forward and backward pass."""

import copy
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import DTypeLike

from rnnbp.cells import Cell
from rnnbp.core import Parameters
from rnnbp.data import CharTokenizer, one_feature
from rnnbp.layers import Embedding, Layer, Run
from rnnbp.layers.base import Array, Residuals, Shape, State, run_above
from rnnbp.layers.chain import scopes_of, shapes_of
from rnnbp.layers.ends import check_directions
from rnnbp.layers.tied_dense import check_tied
from rnnbp.models.freezing import Freezable
from rnnbp.models.kind import Kind, kind_of
from rnnbp.models.resets import SpanResiduals, backward_spans, unroll_spans
from rnnbp.runtime import floating, seed_int


class LayerStack(Freezable):
    """Layers in a row over one parameter vector: the output of each is the input of the next.

    Base of `rnnbp.Sequential`, which has the parameters, and all that a gradient algorithm needs of a model.

    Parameters
    ----------
    *layers : Layer
    seed : int, default 0
        Of the initialization of the parameters.
    dtype : {float32, float64}, default float32

    Examples
    --------
    >>> import rnnbp
    >>> stack = LayerStack(rnnbp.Elman(2, 3), rnnbp.Last(), dtype=np.float64)
    >>> x = np.ones((5, 1, 2))
    >>> y, residuals, states = stack.unroll(stack.params, x, Run(np.array([5])))
    >>> grad = stack.params.zeros()
    >>> dx, d_states = stack.backward(stack.params, residuals, np.ones_like(y), grad)
    >>> dx.shape, grad.size
    ((5, 1, 2), 21)
    """

    feature_names: tuple[str, ...] | None = None
    tokenizer: CharTokenizer | None = None

    def __init__(self, *layers: Layer, seed: int = 0, dtype: DTypeLike = np.float32) -> None:
        if not layers:
            raise ValueError("layers must be at least one layer, got none")
        for i, layer in enumerate(layers):
            if not isinstance(layer, Layer):
                raise ValueError(f"layers must be rnnbp layers, got {layer!r} as layer {i}{_advice(layer)}")
        self.layers: tuple[Layer, ...] = layers
        self.info: dict[str, Any] = {}
        self.seed = seed_int("seed", seed)
        self.dtype = floating("dtype", dtype, "float32", "float64")
        self._shapes = self._fit()
        check_directions(layers)
        check_tied(layers)
        self.params = Parameters(shapes_of(layers), dtype=self.dtype)
        self.initialize(np.random.default_rng(seed))

    def _fit(self) -> list[Shape]:
        """Return the output shape of each layer, or raise an error that names the layer that does not fit."""
        shape: Shape = ("T", "B") if isinstance(self.layers[0], Embedding) else ("T", "B", None)
        shapes = []
        for i, layer in enumerate(self.layers):
            try:
                shape = layer.out_shape(shape)
            except ValueError as error:
                raise ValueError(f"layer {i}: {error}") from None
            shapes.append(shape)
        return shapes

    def initialize(self, rng: np.random.Generator) -> None:
        """Initialize all parameters.

        Parameters
        ----------
        rng : numpy.random.Generator
        """
        initial = Parameters(self.params.shapes, dtype=np.float64)
        for scope, layer in zip(self.scopes(initial), self.layers, strict=True):
            layer.initialize(scope, rng)
        for name in initial:
            if not initial.mask(name).all():
                self.params.set_mask(name, initial.mask(name))
        self.params.vector[:] = self.params.masked(initial.vector)

    def astype(self, dtype: DTypeLike) -> Self:
        """Return the same layers over a copy of the parameters in another dtype.

        Raises
        ------
        ValueError
            If it is neither float32 nor float64.

        Examples
        --------
        >>> import rnnbp
        >>> rnnbp.Sequential(rnnbp.Dense(2, 1)).astype(np.float64).params.vector.dtype
        dtype('float64')
        """
        other = copy.copy(self)
        other.dtype, other.info = floating("dtype", dtype, "float32", "float64"), dict(self.info)
        other.params = self.params.astype(other.dtype)
        return other

    def up_to(self, layers: int) -> Self:
        """Return the model of the first layers alone, over the same parameters.

        Parameters
        ----------
        layers : int
            Their number, 0 or more.

        Examples
        --------
        >>> import rnnbp
        >>> model = rnnbp.Sequential(rnnbp.Elman(2, 3), rnnbp.Last(), rnnbp.Dense(3, 1))
        >>> model.up_to(2).forward(np.zeros((5, 1, 2))).shape
        (1, 3)
        """
        other = copy.copy(self)
        other.layers, other._shapes, other.info = self.layers[:layers], self._shapes[:layers], dict(self.info)
        return other

    @property
    def causal(self) -> bool:
        """Whether all layers are causal: no output depends on later inputs."""
        return all(layer.causal for layer in self.layers)

    @property
    def recurrent(self) -> bool:
        """Whether a layer has a state that is carried from step to step."""
        return any(layer.recurrent for layer in self.layers)

    @property
    def kind(self) -> Kind:
        """'recurrent' if a layer is recurrent, 'reservoir' if these are all frozen, 'static' if there is none.

        Examples
        --------
        >>> import rnnbp
        >>> model = rnnbp.Sequential(rnnbp.Elman(2, 3), rnnbp.Dense(3, 1))
        >>> model.freeze("0.*")
        >>> model.kind
        'reservoir'
        """
        return kind_of(self.layers, self.scopes(self.params))

    def scopes(self, params: Parameters) -> list[Parameters]:
        """Return a view of `params` for each layer, under the layer's own names."""
        return scopes_of(self.layers, params)

    @property
    def in_time(self) -> slice:
        """Slice of the layers whose input has a time axis: all, or up to and including the one that removes it."""
        return slice(next((i + 1 for i, shape in enumerate(self._shapes) if shape[0] != "T"), len(self.layers)))

    def unroll(
        self,
        params: Parameters,
        x: Array,
        run: Run,
        states: Sequence[State] | None = None,
        part: slice = slice(None),
    ) -> tuple[Array, Residuals, list[State]]:
        """Run the forward pass and record the residuals that the backward pass needs.

        Parameters
        ----------
        params : Parameters
            Usually `self.params`; others of the same names, in any dtype, are taken.
        x : ndarray (T, B, F), or integers (T, B)
        run : Run
            Where it has resets, layers are run from reset to reset.
        states : list, one a layer, optional
            Initial states, as this method returns them. Default: each layer's own initial state.
        part : slice, default all
            The layers to run; states and residuals are theirs.

        Returns
        -------
        outputs : ndarray (T, B, K) or (B, K)
        residuals
            For `backward`.
        states : list
            None for a layer without state.

        Raises
        ------
        ValueError
            If `states` do not fit, or the model takes no resets.
        """
        if run.reset is not None and run.reset.any():
            self.check_resets()
            return unroll_spans(lambda x, run, states: self.unroll(params, x, run, states, part), x, run, states)
        layers, scopes = self.layers[part], self.scopes(params)[part]
        if states is not None and len(states) != len(layers):
            raise ValueError(f"states must be one for each of the {len(layers)} layers, got {len(states)}")
        residuals: list[Residuals] = []
        after: list[State] = []
        for i, (layer, scope) in enumerate(zip(layers, scopes, strict=True)):
            x, own, state = layer.forward(scope, x, run, None if states is None else states[i])
            run = run_above(layer, run)
            residuals.append(own)
            after.append(state)
        return x, residuals, after

    def backward(
        self,
        params: Parameters,
        residuals: Residuals,
        dy: Array,
        grad: Parameters,
        d_states: Sequence[State] | None = None,
        part: slice = slice(None),
    ) -> tuple[Array, list[State]]:
        """Backpropagate through the forward pass of `unroll`; the gradient is added to `grad`.

        Parameters
        ----------
        params, residuals
            As `unroll` was given and returned them.
        dy : ndarray (T, B, K) or (B, K)
            Gradient of the loss with respect to the outputs.
        grad : Parameters
            The gradient with respect to the parameters is added to it.
        d_states : list, one a layer, optional
            Gradient of the loss with respect to the final states.
        part : slice, default all
            The layers `unroll` ran.

        Returns
        -------
        dx : ndarray (T, B, F)
        d_states : list
            Gradient of the loss with respect to the initial states.
        """
        if isinstance(residuals, SpanResiduals):
            return backward_spans(
                lambda own, d, after: self.backward(params, own, d, grad, after, part), residuals, dy, d_states
            )
        layers, scopes, grads = self.layers[part], self.scopes(params)[part], self.scopes(grad)[part]
        before: list[State] = [None] * len(layers)
        for i in reversed(range(len(layers))):
            d_state = None if d_states is None else d_states[i]
            dy, before[i] = layers[i].backward(scopes[i], residuals[i], dy, grads[i], d_state)
        return dy, before

    def backward_params(
        self,
        params: Parameters,
        residuals: Residuals,
        dy: Array,
        grad: Parameters,
        d_states: Sequence[State] | None = None,
        part: slice = slice(None),
    ) -> list[State]:
        """Backpropagate down to the lowest layer with parameters, without the gradient with respect to its input.

        Parameters
        ----------
        params, residuals, dy, grad, d_states, part
            As `backward` takes them.

        Returns
        -------
        d_states : list
            Gradient of the loss with respect to the initial states; None for layers that were not reached.
        """
        if isinstance(residuals, SpanResiduals):
            return backward_spans(
                lambda own, d, after: (d[:0], self.backward_params(params, own, d, grad, after, part)),
                residuals,
                dy,
                d_states,
            )[1]
        layers, scopes, grads = self.layers[part], self.scopes(params)[part], self.scopes(grad)[part]
        before: list[State] = [None] * len(layers)
        lowest = next((i for i, scope in enumerate(scopes) if scope.size), len(layers))
        for i in reversed(range(lowest, len(layers))):
            given = (scopes[i], residuals[i], dy, grads[i], None if d_states is None else d_states[i])
            if i > lowest:
                dy, before[i] = layers[i].backward(*given)
            else:
                before[i] = layers[i].backward_params(*given)
        return before

    def check_resets(self) -> None:
        """Raise unless the state can be set back within a sequence.

        Raises
        ------
        ValueError
            If a layer is non-causal or reduces time; the message names it.
        """
        for i, (layer, shape) in enumerate(zip(self.layers, self._shapes, strict=False)):
            what = "is non-causal" if not layer.causal else "reduces time" if shape[0] != "T" else ""
            if what:
                raise ValueError(
                    f"reset flags take causal layers with an output for every step, and layer {i}, "
                    f"{type(layer).__name__}, {what}: make a sequence of every part between two resets"
                )

    def cast(self, x: Array) -> Array:
        """Return `x` in the model's dtype; integer tokens are unchanged.

        Raises
        ------
        ValueError
            If the number of features is not what the layers take.
        """
        self._check_input(x)
        return x if isinstance(self.layers[0], Embedding) else x.astype(self.dtype, copy=False)

    def _check_input(self, x: Array) -> None:
        shape: Shape = ("T", "B", x.shape[-1]) if x.ndim == 3 else ("T", "B")
        for i, (layer, known) in enumerate(zip(self.layers, self._shapes, strict=True)):
            try:
                shape = layer.out_shape(shape)
            except ValueError as error:
                advice = one_feature(x, "(T, B)")
                raise ValueError(f"x of shape {x.shape} does not fit layer {i}: {error}{advice}") from None
            if shape == known:  # which the layers above fit
                return

    @property
    def layer_shapes(self) -> list[Shape]:
        """Shape of the outputs of each layer: ('T', 'B', K) or ('B', K)."""
        return list(self._shapes)

    @property
    def out_shape(self) -> Shape:
        """Shape of the outputs: ('T', 'B', K) or ('B', K)."""
        return self._shapes[-1]

    def out_lengths(self, lengths: Array) -> Array:
        """Return the number of steps of each sequence's outputs, where there is an output for each step.

        It is that of its inputs, unless a layer changes it (`rnnbp.Conv1D` with a stride).

        Parameters
        ----------
        lengths : ndarray (B,)
            Number of steps of each sequence, in descending order.

        Examples
        --------
        >>> import rnnbp
        >>> model = rnnbp.Sequential(rnnbp.Conv1D(2, 4, 3, stride=2, padding=1), rnnbp.Elman(4, 3))
        >>> model.out_lengths(np.array([9, 6]))
        array([5, 3])
        """
        for layer in self.layers[self.in_time]:
            lengths = layer.out_lengths(lengths)
        return lengths

    @property
    def per_step(self) -> bool:
        """Whether there is an output for each step, (T, B, K), not one for each sequence, (B, K).

        Examples
        --------
        >>> import rnnbp
        >>> rnnbp.Sequential(rnnbp.Elman(2, 3)).per_step, rnnbp.Sequential(rnnbp.Elman(2, 3), rnnbp.Last()).per_step
        (True, False)
        """
        return self.out_shape[0] == "T"


def _advice(layer: Any) -> str:
    """Return what to do about an argument that is no layer, ': ...'; empty where there is no advice."""
    if isinstance(layer, list | tuple):
        return ": give layers one by one, Sequential(*layers)"
    if isinstance(layer, type):
        return ": make a layer of the class, with its sizes"
    return ": Recurrent(cell) is the layer of a cell" if isinstance(layer, Cell) else ""
