"""The nodes of each layer in an ONNX graph, from its parameters."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from rnnbp.cells import Stack
from rnnbp.cells.base import Array
from rnnbp.core import Parameters
from rnnbp.interop.onnx_builder import Builder
from rnnbp.interop.onnx_operators import Operator, activation_attributes, operator_of
from rnnbp.layers import (
    Bidirectional,
    Conv1D,
    Dense,
    Dropout,
    Embedding,
    Ends,
    Flatten,
    Last,
    Layer,
    LayerNorm,
    MeanOverTime,
    MultiLayer,
    Noise,
    Normalize,
    Recurrent,
    Resample,
    Reverse,
    TimeStatistics,
    Window,
)
from rnnbp.layers.cell_layer import unrolled

Weights = Mapping[str, Array]
ACTIVATION_NODES = {"tanh": "Tanh", "sigmoid": "Sigmoid", "relu": "Relu"}


@dataclass(frozen=True)
class Place:
    """A layer's place in the graph.

    Attributes
    ----------
    builder : Builder
    layer : str
        Number and type of the layer, for messages.
    name : str
        What the names of its nodes and arrays begin with.
    lengths : str
        The name of the lengths (B,), int64.
    ragged : bool
        Whether they are an input of the graph, so that sequences may have padding.
    states : bool
        Whether states are inputs and outputs of the graph.
    """

    builder: Builder
    layer: str
    name: str
    lengths: str
    ragged: bool
    states: bool

    def within(self, name: str) -> "Place":
        """Return the place of a part of the layer."""
        return Place(self.builder, self.layer, f"{self.name}.{name}", self.lengths, self.ragged, self.states)

    def refuse(self, why: str) -> ValueError:
        """Return the error for what cannot be exported."""
        return ValueError(f"{self.layer} cannot be exported to ONNX: {why}")


def add_layer(place: Place, layer: Layer, params: Parameters, x: str) -> str:
    """Add the nodes of a layer, and return the name of its outputs.

    Raises
    ------
    ValueError
        If no ONNX operator computes what the layer does; the message names it.
    """
    layer = unrolled(layer)
    add = _LAYERS.get(type(layer))
    if add is None:
        taken = ", ".join(sorted(one.__name__ for one in _LAYERS))
        raise place.refuse(f"{type(layer).__name__} is none of {taken}, or of the layers named after their cell")
    return add(place, layer, params, x)


# ---- layers without a state -----------------------------------------------------------------------------


def _embedding(place: Place, layer: Embedding, params: Parameters, x: str) -> str:
    return place.builder.add("Gather", place.builder.store(f"{place.name}.w", params["w"]), x, name=place.name, axis=0)


def _dense(place: Place, layer: Dense, params: Parameters, x: str) -> str:
    builder, name = place.builder, place.name
    product = builder.add("MatMul", x, builder.store(f"{name}.w", params["w"].T), name=f"{name}.product")
    y = builder.add("Add", product, builder.store(f"{name}.b", params["b"]), name=f"{name}.sum")
    if layer.activation == "linear":
        return y
    return builder.add(ACTIVATION_NODES[layer.activation], y, name=name)


def _normalize(place: Place, layer: Normalize, params: Parameters, x: str) -> str:
    builder, name = place.builder, place.name
    centred = builder.add("Sub", x, builder.store(f"{name}.mean", np.array(layer.mean)), name=f"{name}.centred")
    return builder.add("Div", centred, builder.store(f"{name}.scale", np.array(layer.scale)), name=name)


def _layer_norm(place: Place, layer: LayerNorm, params: Parameters, x: str) -> str:
    arrays = [place.builder.store(f"{place.name}.{k}", params[k]) for k in "wb"]
    return place.builder.add("LayerNormalization", x, *arrays, name=place.name, axis=-1, epsilon=float(layer.eps))


def _conv(place: Place, layer: Conv1D, params: Parameters, x: str) -> str:
    builder, name = place.builder, place.name
    if place.ragged:
        x = builder.add("ZeroPadding", x, place.lengths, name=f"{name}.zero padding")
    by_feature = builder.add("Transpose", x, name=f"{name}.time last", perm=[1, 2, 0])
    arrays = [builder.store(f"{name}.{k}", params[k]) for k in "wb"]
    sizes: dict[str, Any] = {"strides": [layer.stride], "dilations": [layer.dilation], "group": layer.groups}
    y = builder.add("Conv", by_feature, *arrays, name=f"{name}.convolution", pads=list(layer.zeros), **sizes)
    if layer.activation != "linear":
        y = builder.add(ACTIVATION_NODES[layer.activation], y, name=f"{name}.activation")
    return builder.add("Transpose", y, name=name, perm=[2, 0, 1])


def lengths_above(place: Place, layer: Layer) -> str:
    """Return the name of the lengths of a layer's outputs."""
    if not isinstance(layer, Conv1D):
        return place.lengths
    offset = sum(layer.zeros) - layer.span - 1
    if (offset, layer.stride) == (-1, 1):
        return place.lengths
    return place.builder.add(
        "ChangedLengths", place.lengths, name=f"{place.name}.lengths", offset=offset, stride=layer.stride
    )


def _nothing(place: Place, layer: Dropout | Noise, params: Parameters, x: str) -> str:
    return x


def _over_time(place: Place, layer: Layer, params: Parameters, x: str) -> str:
    sizes = {name: getattr(layer, name) for name in _SIZES.get(type(layer), ())}
    return place.builder.add(type(layer).__name__, x, place.lengths, name=place.name, **sizes)


def _resample(place: Place, layer: Resample, params: Parameters, x: str) -> str:
    fractions = place.builder.store_double(f"{place.name}.fractions", np.linspace(0, 1, layer.steps))
    return place.builder.add("Resample", x, place.lengths, fractions, name=place.name)


def _reverse(place: Place, layer: Reverse, params: Parameters, x: str) -> str:
    return place.builder.add("ReverseSequence", x, place.lengths, name=place.name, time_axis=0, batch_axis=1)


_SIZES: dict[type, tuple[str, ...]] = {Window: ("left", "right"), Flatten: ("steps",)}


# ---- recurrent layers -----------------------------------------------------------------------------------


def _recurrent(place: Place, layer: Recurrent, params: Weights, x: str) -> str:
    cell = layer.cell
    if isinstance(cell, Stack):
        for k, one in enumerate(cell.cells):
            scope = {name.removeprefix(f"{k}."): params[name] for name in params if name.startswith(f"{k}.")}
            x = _recurrent(place.within(str(k)), Recurrent(one), scope, x)
        return x
    y = _node(place, [_operator(place, cell, params)], "forward", x, cell.output_size)
    return place.builder.add("Squeeze", y, _axis(place.builder, 1), name=f"{place.name}.outputs")


def _bidirectional(place: Place, layer: Bidirectional, params: Parameters, x: str) -> str:
    shapes, builder = layer.cell.shapes(), place.builder
    halves = [params.renamed(shapes), params.renamed(shapes, params.size // 2)]
    operators = [_operator(place, layer.cell, dict(half.items())) for half in halves]
    y = _node(place, operators, "bidirectional", x, layer.cell.output_size)
    by_sequence = builder.add("Transpose", y, name=f"{place.name}.transposed", perm=[0, 2, 1, 3])
    flat = builder.store("both directions", np.array([0, 0, -1]))
    return builder.add("Reshape", by_sequence, flat, name=f"{place.name}.outputs")


def _multi_layer(place: Place, layer: MultiLayer, params: Parameters, x: str) -> str:
    for k, (one, scope) in enumerate(zip(layer.layers, layer.scopes(params), strict=True)):
        x = add_layer(place.within(f"l{k}"), one, scope, x)
    return x


def _operator(place: Place, cell: Any, params: Weights) -> Operator:
    found = operator_of(cell, params)
    if found is None:
        raise place.refuse(f"no operator computes {type(cell).__name__}; RNN, LSTM and GRU do not have its equation")
    return found


def _node(place: Place, operators: list[Operator], direction: str, x: str, hidden_size: int) -> str:
    """Add a recurrent operator, with its states as inputs and outputs of the graph where asked for."""
    builder, name, first = place.builder, place.name, operators[0]
    inputs = [x, *(builder.store(f"{name}.{k}", np.stack([getattr(one, k) for one in operators])) for k in "wrb")]
    inputs.append(_sequence_lens(place))
    parts = ("h", "c") if first.op == "LSTM" else ("h",)
    if place.states:
        inputs += [_initial(place, part, hidden_size) for part in parts]
    elif first.p is not None:
        inputs += ["", ""]
    if first.p is not None:
        inputs.append(builder.store(f"{name}.p", np.stack([one.p for one in operators if one.p is not None])))
    y, *states = builder.add(
        first.op,
        *inputs,
        name=name,
        outputs=1 + len(parts),
        hidden_size=hidden_size,
        direction=direction,
        **activation_attributes(operators),
        **first.attributes,
    )
    if place.states:
        for part, state in zip(parts, states, strict=True):
            last = builder.add("Squeeze", state, _axis(builder, 0), name=f"{name}.{part}.after")
            builder.output(f"{name}.{part}_next", last, ("batch", hidden_size))
    return y


def _initial(place: Place, part: str, hidden_size: int) -> str:
    """Return a part of the state before the first step, which is an input of the graph."""
    builder, name = place.builder, f"{place.name}.{part}"
    state = builder.input(name, builder.dtype, ("batch", hidden_size))
    return builder.add("Unsqueeze", state, _axis(builder, 0), name=f"{name}.before")


def _sequence_lens(place: Place) -> str:
    if not place.ragged:
        return ""
    builder = place.builder
    return builder.once(f"{place.lengths} as int32", lambda name: builder.add("Cast", place.lengths, name=name, to=6))


def _axis(builder: Builder, axis: int) -> str:
    return builder.once(f"axis {axis}", lambda name: builder.store(name, np.array([axis])))


_LAYERS: dict[type, Callable[..., str]] = {
    Embedding: _embedding,
    Dense: _dense,
    Normalize: _normalize,
    LayerNorm: _layer_norm,
    Conv1D: _conv,
    Dropout: _nothing,
    Noise: _nothing,
    Last: _over_time,
    Ends: _over_time,
    MeanOverTime: _over_time,
    TimeStatistics: _over_time,
    Window: _over_time,
    Flatten: _over_time,
    Resample: _resample,
    Reverse: _reverse,
    Recurrent: _recurrent,
    Bidirectional: _bidirectional,
    MultiLayer: _multi_layer,
}
