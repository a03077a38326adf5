"""A causal model decomposed into preprocessing layers, one cell that is run over time, and a readout."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import pairwise
from typing import Any

import numpy as np

from rnnbp.cells import Cell, Stack
from rnnbp.cells.base import Array, zero_state
from rnnbp.core import Parameters
from rnnbp.gradients.base import require_causal
from rnnbp.gradients.online.elementwise_cells import ActivationCell, LayerNormCell
from rnnbp.gradients.online.identity import Identity
from rnnbp.gradients.online.layer_cells import (
    AffineCell,
    DenseCell,
    EmbeddingCell,
    InputAndMeanCell,
    ParameterFreeCell,
    RunningMeanCell,
    StatelessCell,
)
from rnnbp.gradients.online.random_layers import RandomLayers, StepwiseRandomLayer
from rnnbp.gradients.online.started_cell import StartedCell
from rnnbp.layers import (
    Activation,
    Dense,
    Dropout,
    Embedding,
    FixedPoint,
    Last,
    Layer,
    LayerNorm,
    LearnedStart,
    MeanOverTime,
    MultiLayer,
    Noise,
    Normalize,
    Recurrent,
    VariationalDropout,
)
from rnnbp.layers.base import Shape, State
from rnnbp.layers.cell_layer import unrolled
from rnnbp.layers.learned_start import StartedRecurrent
from rnnbp.models import Sequential


@dataclass(frozen=True)
class Decomposition:
    """A model's layers in three parts: preprocessing, cell and readout, whose parameters are views of the model's.

    Parameters
    ----------
    model : Sequential
    first, stop : int
        Layers ``[first:stop]`` are the cell: from the first one with parameters to the last one with a state. Those
        before it are the preprocessing, those after it the readout.
    layers : tuple of Layer
        The model's, random ones with their own generators.
    cells_by_layer : tuple of tuple of Cell
        The cells of each layer ``[first:stop]``.
    """

    model: Sequential
    first: int
    stop: int
    layers: tuple[Layer, ...]
    cells_by_layer: tuple[tuple[Cell, ...], ...]

    @cached_property
    def cell(self) -> Stack:
        """The cells of all layers as one cell."""
        cells = tuple(cell for cells in self.cells_by_layer for cell in cells)
        made_here = any(isinstance(cell, StatelessCell | ParameterFreeCell) for cell in cells)  # for one batch
        return Stack(cells) if made_here else _stack(*map(Identity, cells))

    @cached_property
    def preprocessing(self) -> Sequential:
        """The layers before the cell; they have no parameters."""
        return _part(self.model, self.layers[: self.first], 0)

    @cached_property
    def params(self) -> Parameters:
        """The cell's parameters, a view of the model's."""
        return self.model.params.renamed(self.cell.shapes())

    @cached_property
    def readout(self) -> Sequential:
        """The layers after the cell. `MeanOverTime` is the last cell, and `Last` takes its final mean."""
        above = self.layers[self.stop :]
        means = isinstance(self.model.layers[self.stop - 1], MeanOverTime)
        return _part(self.model, (Last(), *above) if means else above, self.params.size)

    def begin(self, states: Sequence[State] | None, batch_size: int) -> Array:
        """Return the cell's state (B, S) from a model's states, one per layer."""
        if states is None:
            return zero_state(self.cell, batch_size, self.model.dtype)
        parts: list[Array] = []
        for cells, given in zip(self.cells_by_layer, states[self.first : self.stop], strict=True):
            own = iter(given if isinstance(given, list) else [given])
            parts += [_to_cell_state(cell, next(own) if _has_state(cell) else None, batch_size) for cell in cells]
        last = states[self.stop - 1]
        for cell, part in zip((cell for cells in self.cells_by_layer for cell in cells), parts, strict=True):
            if isinstance(cell, InputAndMeanCell) and last is not None:
                part[:, -1] = last[:, -1]  # the number of steps in the mean over time
        return np.concatenate(parts[::-1], axis=1).astype(self.model.dtype, copy=False)

    def end(self, preprocessing_states: Sequence[State], state: Array) -> list[State]:
        """Return the model's states, one per layer, from those of the preprocessing and the cell's (B, S)."""
        parts = iter(self.cell.split(state.copy()))
        states = list(preprocessing_states)
        for layer, cells in zip(self.model.layers[self.first : self.stop], self.cells_by_layer, strict=True):
            found = [(cell, next(parts)) for cell in cells]
            own = [_to_layer_state(cell, part) for cell, part in found if _has_state(cell)]
            several = isinstance(_cell_layer(layer), MultiLayer)
            states.append(own if several else own[0] if own else None)
        return states + [None] * (len(self.model.layers) - self.stop)


@lru_cache(maxsize=64)
def _stack(*cells: Identity) -> Stack:
    """Return the same stack for the same cells, so that what is cached in it is found again."""
    return Stack(tuple(cell.value for cell in cells))


def decompose(model: Sequential, algorithm: str, random_layers: RandomLayers | None = None) -> Decomposition:
    """Decompose a model for an online algorithm.

    Parameters
    ----------
    model : Sequential
    algorithm : str
        Its name, for error messages.
    random_layers : RandomLayers, optional
        Where `Dropout` and `Noise` layers get their generators. Default: they are the identity.

    Raises
    ------
    ValueError
        If the model is static, a layer is not causal, or a layer between the first one with parameters and the last
        recurrent one cannot be run step by step.

    Examples
    --------
    >>> import rnnbp
    >>> model = rnnbp.Sequential(rnnbp.Normalize([0.0], [1.0]), rnnbp.LSTM(1, 2), rnnbp.Last(), rnnbp.Dense(2, 2))
    >>> parts = decompose(model, "RTRL")
    >>> parts.cell.state_size, parts.params.size, len(parts.readout.layers)
    (4, 40, 2)
    """
    require_causal(model, algorithm)
    _require_untied(model, algorithm)
    carrying = Recurrent | MultiLayer | MeanOverTime | LearnedStart
    over_time = [i for i, layer in enumerate(model.layers) if isinstance(unrolled(layer), carrying)]
    if not model.recurrent or not over_time:
        fixed_point = any(isinstance(layer, FixedPoint) for layer in model.layers)
        instead = "Backprop()" if not model.recurrent else "RecurrentBackprop()" if fixed_point else "TruncatedBPTT()"
        raise ValueError(f"{algorithm} takes a model with a Recurrent layer, got {model}: use {instead} or BPTT()")
    first = next(i for i, layer in enumerate(model.layers) if layer.shapes())
    first, stop = min(first, over_time[0]), over_time[-1] + 1
    layers: list[Layer] = []
    cells_by_layer: list[tuple[Cell, ...]] = []
    unknown = () if isinstance(model.layers[0], Embedding) else (None,)
    shape: Shape = ("T", "B", *(unknown if random_layers is None else random_layers.features))
    for i, layer in enumerate(model.layers):
        layers.append(layer if random_layers is None else random_layers.of(layer, shape))
        if first <= i < stop:
            made = _cells_of(layers[i], shape[-1], random_layers)
            if made is None:
                raise ValueError(
                    f"{algorithm} runs a model step by step: it takes Recurrent, MultiLayer, LearnedStart, Dense, "
                    "Embedding, LayerNorm, Activation, Normalize, Dropout, VariationalDropout, Noise and MeanOverTime "
                    "layers from the first with parameters up to the last recurrent one, got "
                    f"{type(layer).__name__} as layer {i}: use BPTT() or TruncatedBPTT()"
                )
            cells_by_layer.append(made)
        shape = layer.out_shape(shape)
    return Decomposition(model, first, stop, tuple(layers), tuple(cells_by_layer))


def _cell_layer(layer: Layer) -> Layer:
    """Return the layer of cells that a layer describes."""
    return layer.unrolled_from_start if isinstance(layer, LearnedStart) else unrolled(layer)


def _require_untied(model: Sequential, algorithm: str) -> None:
    for i, layer in enumerate(model.layers):
        if layer.shared():
            raise ValueError(
                f"{algorithm} takes layers with parameters of their own, but layer {i} ({type(layer).__name__}) is "
                "tied to another one: use BPTT() or TruncatedBPTT()"
            )


def _cells_of(layer: Layer, width: Any, random_layers: RandomLayers | None) -> tuple[Cell, ...] | None:
    """Return the cells of a layer with `width` input features; None for a layer that is not supported."""
    layer = _cell_layer(layer)
    if isinstance(layer, Recurrent):
        return (layer.cell,)
    if isinstance(layer, StartedRecurrent):
        return (StartedCell(layer.cell),)
    if isinstance(layer, MultiLayer):
        started = isinstance(layer.layers[0], StartedRecurrent)
        cells = tuple(StartedCell(cell) for cell in layer.cells) if started else layer.cells
        return _with_dropout(cells, layer.dropout, random_layers) if random_layers and layer.dropout else cells
    if isinstance(layer, Dropout | Noise | VariationalDropout):  # without a generator: the identity
        return ()
    if isinstance(layer, StepwiseRandomLayer | Normalize):
        return (AffineCell(layer, width),)
    if isinstance(layer, Dense):
        return (DenseCell(layer),)
    if isinstance(layer, LayerNorm):
        return (LayerNormCell(layer),)
    if isinstance(layer, Activation):
        return (ActivationCell(layer, width),)
    if isinstance(layer, Embedding):
        return (EmbeddingCell(layer),)
    if isinstance(layer, MeanOverTime):
        return (RunningMeanCell(width),)
    return None


def _with_dropout(cells: Sequence[Cell], rate: float, random_layers: RandomLayers) -> tuple[Cell, ...]:
    """Return the cells with dropout between each two of them."""
    between: list[Cell] = [cells[0]]
    for below, above in pairwise(cells):
        width = below.output_size
        between += [AffineCell(random_layers.of(Dropout(rate), ("T", "B", width)), width), above]
    return tuple(between)


def _part(model: Sequential, layers: Sequence[Layer], start: int) -> Sequential:
    """Return some of a model's layers as a model, whose parameters begin at `start` in the model's vector."""
    part = copy.copy(model)
    part.layers = tuple(layers)
    shapes = {f"{i}.{name}": shape for i, layer in enumerate(layers) for name, shape in layer.shapes().items()}
    part.params = model.params.renamed(shapes, start)
    return part


def _has_state(cell: Cell) -> bool:
    """Return whether the layer of a cell has a state."""
    inner = getattr(cell, "cell", cell)
    return not isinstance(inner, StatelessCell | InputAndMeanCell)


def _to_cell_state(cell: Cell, state: State, batch_size: int) -> Array:
    """Return the cell's state from the layer's: zeros if it has none; that of `MeanOverTime` is [sum | steps]."""
    if state is None:
        return zero_state(cell, batch_size, np.float64)
    if isinstance(cell, RunningMeanCell):
        return np.concatenate([state[:, :-1] / np.maximum(state[:, -1:], 1), state[:, -1:]], axis=1)
    started = isinstance(cell, StartedCell)
    wanted = (batch_size, cell.state_size - started)
    if np.shape(state) != wanted:
        raise ValueError(f"the state of {cell!r} must have shape (B, S) = {wanted}, got {np.shape(state)}")
    return np.append(state, np.ones((batch_size, 1)), axis=1) if started else np.asarray(state)


def _to_layer_state(cell: Cell, state: Array) -> Array:
    """Return the layer's state from its cell's."""
    if isinstance(cell, RunningMeanCell):
        return np.concatenate([state[:, :-1] * state[:, -1:], state[:, -1:]], axis=1)
    return state[:, :-1] if isinstance(cell, StartedCell) else state
