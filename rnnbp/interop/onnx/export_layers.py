"""The nodes of each layer in an ONNX graph, from its parameters."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from rnnbp.core import Parameters
from rnnbp.interop.onnx.export_recurrent import RECURRENT
from rnnbp.interop.onnx.place import Place
from rnnbp.layers import (
    Activation,
    AttentionPooling,
    Chain,
    Conv1D,
    Dense,
    Dropout,
    Embedding,
    Ends,
    Flatten,
    Highway,
    Last,
    Layer,
    LayerNorm,
    MeanOverTime,
    Noise,
    Normalize,
    Parallel,
    Resample,
    Residual,
    Reverse,
    TiedDense,
    TimeStatistics,
    VariationalDropout,
    Window,
)
from rnnbp.layers.cell_layer import unrolled
from rnnbp.layers.chain import scopes_of
from rnnbp.layers.learned_start import StartedRecurrent

ACTIVATION_NODES = {"tanh": "Tanh", "sigmoid": "Sigmoid", "relu": "Relu"}


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
        taken = ", ".join(sorted(one.__name__ for one in _LAYERS if one is not StartedRecurrent))
        raise place.refuse(f"{type(layer).__name__} is none of {taken}, or of the layers named after their cell")
    return add(place, layer, params, x)


def lengths_above(place: Place, layer: Layer) -> str:
    """Return the name of the lengths of a layer's outputs."""
    if isinstance(layer, Chain):
        for k, one in enumerate(layer.layers):
            place = replace(place, lengths=lengths_above(place.within(str(k)), one))
        return place.lengths
    if isinstance(layer, Parallel):
        return lengths_above(place.within("0"), layer.branches[0])
    offset = sum(layer.zeros) - layer.span - 1 if isinstance(layer, Conv1D) else -1
    if not isinstance(layer, Conv1D) or (offset, layer.stride) == (-1, 1):
        return place.lengths
    builder, sizes = place.builder, {"offset": offset, "stride": layer.stride}
    return builder.once(
        f"{place.name}.lengths", lambda name: builder.add("ChangedLengths", place.lengths, name=name, **sizes)
    )


# ---- layers without a state -----------------------------------------------------------------------------


def _embedding(place: Place, layer: Embedding, params: Parameters, x: str) -> str:
    return place.builder.add("Gather", place.store("w", params["w"]), x, name=place.name, axis=0)


def _dense(place: Place, layer: Dense, params: Parameters, x: str) -> str:
    builder, name = place.builder, place.name
    product = builder.add("MatMul", x, place.store("w", params["w"].T), name=f"{name}.product")
    y = builder.add("Add", product, place.store("b", params["b"]), name=f"{name}.sum")
    if layer.activation == "linear":
        return y
    return builder.add(ACTIVATION_NODES[layer.activation], y, name=name)


def _normalize(place: Place, layer: Normalize, params: Parameters, x: str) -> str:
    builder, name = place.builder, place.name
    centred = builder.add("Sub", x, place.store("mean", np.array(layer.mean)), name=f"{name}.centred")
    return builder.add("Div", centred, place.store("scale", np.array(layer.scale)), name=name)


def _layer_norm(place: Place, layer: LayerNorm, params: Parameters, x: str) -> str:
    arrays = [place.store(k, params[k]) for k in "wb"]
    return place.builder.add("LayerNormalization", x, *arrays, name=place.name, axis=-1, epsilon=float(layer.eps))


def _conv(place: Place, layer: Conv1D, params: Parameters, x: str) -> str:
    builder, name = place.builder, place.name
    if place.ragged:
        x = builder.add("ZeroPadding", x, place.lengths, name=f"{name}.zero padding")
    by_feature = builder.add("Transpose", x, name=f"{name}.time last", perm=[1, 2, 0])
    arrays = [place.store(k, params[k]) for k in "wb"]
    sizes: dict[str, Any] = {"strides": [layer.stride], "dilations": [layer.dilation], "group": layer.groups}
    y = builder.add("Conv", by_feature, *arrays, name=f"{name}.convolution", pads=list(layer.zeros), **sizes)
    if layer.activation != "linear":
        y = builder.add(ACTIVATION_NODES[layer.activation], y, name=f"{name}.activation")
    return builder.add("Transpose", y, name=name, perm=[2, 0, 1])


def _nothing(place: Place, layer: Dropout | Noise | VariationalDropout, params: Parameters, x: str) -> str:
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


def _activation(place: Place, layer: Activation, params: Parameters, x: str) -> str:
    return x if layer.name == "linear" else place.builder.add(ACTIVATION_NODES[layer.name], x, name=place.name)


def _attention(place: Place, layer: AttentionPooling, params: Parameters, x: str) -> str:
    arrays = {"w": params["w"].T, "b": params["b"], "v": params["v"][:, None]}
    stored = [place.store(name, array) for name, array in arrays.items()]
    return place.builder.add("AttentionPooling", x, place.lengths, *stored, name=place.name)


# ---- layers of layers -----------------------------------------------------------------------------------


def _chain(place: Place, layer: Chain, params: Parameters, x: str) -> str:
    for k, (one, scope) in enumerate(zip(layer.layers, scopes_of(layer.layers, params), strict=True)):
        inner = place.within(str(k))
        x = add_layer(inner, one, scope, x)
        place = replace(place, lengths=lengths_above(inner, one))
    return x


def _parallel(place: Place, layer: Parallel, params: Parameters, x: str) -> str:
    scopes = scopes_of(layer.branches, params)
    branches = [
        add_layer(place.within(str(k)), one, scope, x)
        for k, (one, scope) in enumerate(zip(layer.branches, scopes, strict=True))
    ]
    return place.builder.add("Concat", *branches, name=place.name, axis=-1)


def _residual(place: Place, layer: Residual, params: Parameters, x: str) -> str:
    return place.builder.add("Add", x, _chain(place, layer, params, x), name=place.name)


def _highway(place: Place, layer: Highway, params: Parameters, x: str) -> str:
    gate = _dense(place.within("gate"), Dense(layer.size, layer.size, "sigmoid"), params, x)
    return place.builder.add("Highway", x, _chain(place, layer, params, x), gate, name=place.name)


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
    TiedDense: _dense,
    VariationalDropout: _nothing,
    Activation: _activation,
    AttentionPooling: _attention,
    Chain: _chain,
    Parallel: _parallel,
    Residual: _residual,
    Highway: _highway,
    **RECURRENT,
}
