"""The nodes of recurrent layers in an ONNX graph: operators RNN, LSTM and GRU, with their states."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from rnnbp.cells import Stack
from rnnbp.cells.base import Array
from rnnbp.core import Parameters
from rnnbp.interop.onnx_operators import Operator, activation_attributes, operator_of
from rnnbp.interop.onnx_place import Place
from rnnbp.layers import Bidirectional, Layer, LearnedStart, MultiLayer, Recurrent
from rnnbp.layers.learned_start import START, StartedRecurrent

Weights = Mapping[str, Array]


def add_recurrent(place: Place, layer: Any, params: Parameters, x: str) -> str:
    """Add the nodes of a recurrent layer, and return the name of its outputs."""
    return RECURRENT[type(layer)](place, layer, params, x)


def _recurrent(place: Place, layer: Recurrent, params: Weights, x: str) -> str:
    return _cell(place, layer.cell, params, x)


def _cell(place: Place, cell: Any, params: Weights, x: str, start: Array | None = None) -> str:
    if isinstance(cell, Stack):
        parts = [None] * len(cell.cells) if start is None else cell.split(start)
        for k, (one, part) in enumerate(zip(cell.cells, parts, strict=True)):
            scope = {name.removeprefix(f"{k}."): params[name] for name in params if name.startswith(f"{k}.")}
            x = _cell(place.within(str(k)), one, scope, x, part)
        return x
    y = _node(place, [_operator(place, cell, params)], "forward", x, cell.output_size, start)
    return place.builder.add("Squeeze", y, place.axis(1), name=f"{place.name}.outputs")


def _bidirectional(place: Place, layer: Bidirectional, params: Parameters, x: str) -> str:
    shapes, builder = layer.cell.shapes(), place.builder
    halves = [params.renamed(shapes), params.renamed(shapes, params.size // 2)]
    operators = [_operator(place, layer.cell, dict(half.items())) for half in halves]
    y = _node(place, operators, "bidirectional", x, layer.cell.output_size)
    by_sequence = builder.add("Transpose", y, name=f"{place.name}.transposed", perm=[0, 2, 1, 3])
    flat = builder.once("both directions", lambda name: builder.store(name, np.array([0, 0, -1])))
    return builder.add("Reshape", by_sequence, flat, name=f"{place.name}.outputs")


def _multi_layer(place: Place, layer: MultiLayer, params: Parameters, x: str) -> str:
    for k, (one, scope) in enumerate(zip(layer.layers, layer.scopes(params), strict=True)):
        x = add_recurrent(place.within(f"l{k}"), one, scope, x)
    return x


def _started(place: Place, layer: StartedRecurrent, params: Parameters, x: str) -> str:
    if place.states:
        raise place.refuse("it starts in a learned state, and with states=True the state is an input")
    return _cell(place, layer.cell, dict(params.renamed(layer.cell.shapes()).items()), x, params[START])


def _learned_start(place: Place, layer: LearnedStart, params: Parameters, x: str) -> str:
    return add_recurrent(place, layer.unrolled_from_start, params, x)


def _operator(place: Place, cell: Any, params: Weights) -> Operator:
    found = operator_of(cell, params)
    if found is None:
        raise place.refuse(f"no operator computes {type(cell).__name__}; RNN, LSTM and GRU do not have its equation")
    return found


def _node(
    place: Place, operators: Sequence[Operator], direction: str, x: str, hidden_size: int, start: Array | None = None
) -> str:
    """Add a recurrent operator, with its states as inputs and outputs of the graph where asked for."""
    builder, name, first = place.builder, place.name, operators[0]
    inputs = [x, *(place.store(k, np.stack([getattr(one, k) for one in operators])) for k in "wrb")]
    inputs.append(_sequence_lens(place))
    parts = ("h", "c") if first.op == "LSTM" else ("h",)
    inputs += _before(place, parts, hidden_size, start)
    if first.p is not None:
        inputs += [""] * (7 - len(inputs))
        inputs.append(place.store("p", np.stack([one.p for one in operators if one.p is not None])))
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
            last = builder.add("Squeeze", state, place.axis(0), name=f"{name}.{part}.after")
            builder.output(f"{name}.{part}_next", last, ("batch", hidden_size))
    return y


def _before(place: Place, parts: Sequence[str], hidden_size: int, start: Array | None) -> list[str]:
    """Return the parts of the state before the first step: inputs of the graph, or learned; none where it is zero."""
    builder, found = place.builder, []
    if place.states:
        for part in parts:
            state = builder.input(f"{place.name}.{part}", builder.dtype, ("batch", hidden_size))
            found.append(builder.add("Unsqueeze", state, place.axis(0), name=f"{place.name}.{part}.before"))
    elif start is not None:
        for part, values in zip(parts, np.split(start, len(parts)), strict=True):
            stored = place.store(f"start.{part}", values[None, None])
            found.append(builder.add("Start", stored, place.lengths, name=f"{place.name}.{part}.before"))
    return found


def _sequence_lens(place: Place) -> str:
    if not place.ragged:
        return ""
    builder = place.builder
    return builder.once(f"{place.lengths} as int32", lambda name: builder.add("Cast", place.lengths, name=name, to=6))


RECURRENT: dict[type[Layer], Callable[..., str]] = {
    Recurrent: _recurrent,
    Bidirectional: _bidirectional,
    MultiLayer: _multi_layer,
    StartedRecurrent: _started,
    LearnedStart: _learned_start,
}
