"""A causal model as one cell: what is run ahead, the cell over time, and what is done at each step on top."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from rnnbp.cells import Cell, Stack
from rnnbp.cells.base import Array, zero_state
from rnnbp.core import Parameters
from rnnbp.gradients.base import refuse_look_ahead
from rnnbp.gradients.online.draws import Draws, Replayed
from rnnbp.gradients.online.stages import AffineStage, DenseStage, EmbeddingStage, MeanBeside, MeanStage
from rnnbp.layers import Dense, Dropout, Embedding, Last, Layer, MeanOverTime, MultiLayer, Noise, Normalize, Recurrent
from rnnbp.layers.base import Shape, State
from rnnbp.layers.cell_layer import unrolled
from rnnbp.models import Sequential


@dataclass(frozen=True)
class Chain:
    """A model's layers in three parts, over the model's own parameters.

    Parameters
    ----------
    model : Sequential
    first, stop : int
        Layers ``[first:stop]`` are the cell: from the first one with parameters to the last one that carries something
        from step to step. The layers before are run ahead over the whole batch, the layers behind at each step.
    layers : tuple of Layer
        The model's, of which the random ones have their draws.
    stages : tuple of tuple of Cell
        Of each layer within, the cells that it is made of.
    """

    model: Sequential
    first: int
    stop: int
    layers: tuple[Layer, ...]
    stages: tuple[tuple[Cell, ...], ...]

    @property
    def cell(self) -> Stack:
        """All stages as one cell."""
        return Stack(tuple(cell for cells in self.stages for cell in cells))

    @property
    def ahead(self) -> Sequential:
        """The layers below the cell; they have no parameters."""
        return _part(self.model, self.layers[: self.first], 0)

    @property
    def params(self) -> Parameters:
        """The cell's parameters, a view of the model's."""
        return self.model.params.renamed(self.cell.shapes())

    @property
    def tail(self) -> Sequential:
        """The layers on top of the cell. `MeanOverTime` is the cell's last stage, and the mean's last step its end."""
        above = self.layers[self.stop :]
        means = isinstance(self.model.layers[self.stop - 1], MeanOverTime)
        return _part(self.model, (Last(), *above) if means else above, self.params.size)

    def begin(self, states: Sequence[State] | None, batch_size: int) -> Array:
        """The cell's state (B, S) of a model's states, one a layer."""
        if states is None:
            return zero_state(self.cell, batch_size, self.model.dtype)
        parts: list[Array] = []
        for cells, given in zip(self.stages, states[self.first : self.stop], strict=True):
            own = iter(given if isinstance(given, list) else [given])
            parts += [_to_stage(cell, next(own) if _carries(cell) else None, batch_size) for cell in cells]
        last = states[self.stop - 1]
        for cell, part in zip((cell for cells in self.stages for cell in cells), parts, strict=True):
            if isinstance(cell, MeanBeside) and last is not None:
                part[:, -1] = last[:, -1]  # as many steps as the mean over time has seen
        return np.concatenate(parts[::-1], axis=1).astype(self.model.dtype, copy=False)

    def end(self, ahead: Sequence[State], state: Array) -> list[State]:
        """The model's states, one a layer, of the cell's (B, S)."""
        ends = np.cumsum([cell.state_size for cell in self.cell.cells[::-1]])
        parts = iter(np.split(state.copy(), ends[:-1], axis=1)[::-1])
        states = list(ahead)
        for layer, cells in zip(self.model.layers[self.first : self.stop], self.stages, strict=True):
            found = [(cell, next(parts)) for cell in cells]
            own = [_of_stage(cell, part) for cell, part in found if _carries(cell)]
            states.append(own if isinstance(unrolled(layer), MultiLayer) else own[0] if own else None)
        return states + [None] * (len(self.model.layers) - self.stop)


def chain(model: Sequential, algorithm: str, draws: Draws | None = None) -> Chain:
    """Take a model apart.

    Parameters
    ----------
    model : Sequential
    algorithm : str
        Its name, for messages.
    draws : Draws, optional
        What `Dropout` and `Noise` draw. Default: they do nothing.

    Raises
    ------
    ValueError
        If the model is static, a layer looks ahead in time, or one between the first parameters and the last recurrent
        layer is of a kind of which it is not known what it does step by step.

    Examples
    --------
    >>> import rnnbp
    >>> model = rnnbp.Sequential(rnnbp.Normalize([0.0], [1.0]), rnnbp.LSTM(1, 2), rnnbp.Last(), rnnbp.Dense(2, 2))
    >>> parts = chain(model, "RTRL")
    >>> parts.cell.state_size, parts.params.size, len(parts.tail.layers)
    (4, 40, 2)
    """
    refuse_look_ahead(model, algorithm)
    carrying = Recurrent | MultiLayer | MeanOverTime
    over_time = [i for i, layer in enumerate(model.layers) if isinstance(unrolled(layer), carrying)]
    if not model.recurrent or not over_time:
        instead = "Backprop() or BPTT()" if not model.recurrent else "RecurrentBackprop() or BPTT()"
        raise ValueError(f"{algorithm} takes a model with a Recurrent layer, got {model}: use {instead}")
    first = next(i for i, layer in enumerate(model.layers) if layer.shapes())
    first, stop = min(first, over_time[0]), over_time[-1] + 1
    layers: list[Layer] = []
    stages: list[tuple[Cell, ...]] = []
    unknown = () if isinstance(model.layers[0], Embedding) else (None,)
    shape: Shape = ("T", "B", *(unknown if draws is None else draws.features))
    for i, layer in enumerate(model.layers):
        layers.append(layer if draws is None else draws.of(layer, shape))
        if first <= i < stop:
            made = _stages(layers[i], shape[-1], draws)
            if made is None:
                raise ValueError(
                    f"{algorithm} runs a model step by step: it takes Recurrent, MultiLayer, Dense, Embedding, "
                    "Normalize, Dropout, Noise and MeanOverTime layers from the first with parameters up to the last "
                    f"recurrent one, got {type(layer).__name__} as layer {i}: use BPTT() or TruncatedBPTT()"
                )
            stages.append(made)
        shape = layer.out_shape(shape)
    return Chain(model, first, stop, tuple(layers), tuple(stages))


def _stages(layer: Layer, width: Any, draws: Draws | None) -> tuple[Cell, ...] | None:
    """The cells that a layer of `width` input features is made of; None for a layer that is not known."""
    layer = unrolled(layer)
    if isinstance(layer, Recurrent):
        return (layer.cell,)
    if isinstance(layer, MultiLayer):
        return _with_dropout(layer.cells, layer.dropout, draws) if draws and layer.dropout else layer.cells
    if isinstance(layer, Dropout | Noise):  # without draws
        return ()
    if isinstance(layer, Replayed | Normalize):
        return (AffineStage(layer, width),)
    if isinstance(layer, Dense):
        return (DenseStage(layer),)
    if isinstance(layer, Embedding):
        return (EmbeddingStage(layer),)
    if isinstance(layer, MeanOverTime):
        return (MeanStage(width),)
    return None


def _with_dropout(cells: Sequence[Cell], rate: float, draws: Draws) -> tuple[Cell, ...]:
    """The cells with a stage between each two of them that drops some of what goes through."""
    between: list[Cell] = [cells[0]]
    for below, above in pairwise(cells):
        width = below.output_size
        between += [AffineStage(draws.of(Dropout(rate), ("T", "B", width)), width), above]
    return tuple(between)


def _part(model: Sequential, layers: Sequence[Layer], start: int) -> Sequential:
    """Some of a model's layers over their own parameters, which begin at `start` in the model's vector."""
    part = copy.copy(model)
    part.layers = tuple(layers)
    shapes = {f"{i}.{name}": shape for i, layer in enumerate(layers) for name, shape in layer.shapes().items()}
    part.params = model.params.renamed(shapes, start)
    return part


def _carries(cell: Cell) -> bool:
    """Whether a stage's layer has a state."""
    inner = getattr(cell, "cell", cell)
    return not isinstance(inner, DenseStage | EmbeddingStage | AffineStage | MeanBeside)


def _to_stage(cell: Cell, state: State, batch_size: int) -> Array:
    """A layer's state as its cell's: of a layer without one, zeros; `MeanOverTime` holds [sum | number of steps]."""
    if state is None:
        return zero_state(cell, batch_size, np.float64)
    if isinstance(cell, MeanStage):
        return np.concatenate([state[:, :-1] / np.maximum(state[:, -1:], 1), state[:, -1:]], axis=1)
    wanted = (batch_size, cell.state_size)
    if np.shape(state) != wanted:
        raise ValueError(f"the state of {cell!r} must have shape (B, S) = {wanted}, got {np.shape(state)}")
    return np.asarray(state)


def _of_stage(cell: Cell, state: Array) -> Array:
    if isinstance(cell, MeanStage):
        return np.concatenate([state[:, :-1] * state[:, -1:], state[:, -1:]], axis=1)
    return state
