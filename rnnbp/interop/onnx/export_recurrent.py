"""The nodes of recurrent layers in an ONNX graph: operators RNN, LSTM and GRU, with their states."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from rnnbp.cells import Stack
from rnnbp.cells.base import Array
from rnnbp.core import Parameters
from rnnbp.interop.onnx.operators import Operator, activation_attributes, operator_of
from rnnbp.interop.onnx.place import Place
from rnnbp.interop.onnx.scan import can_scan, description, scan_body, stored_arrays
from rnnbp.layers import Bidirectional, Layer, LearnedStart, MultiLayer, Recurrent, RecurrentDropout
from rnnbp.layers.learned_start import START, StartedRecurrent

Weights = Mapping[str, Array]


def add_recurrent(place: Place, layer: Any, params: Parameters, x: str) -> str:
    """Add the nodes of a recurrent layer, and return the name of its outputs."""
    return RECURRENT[type(layer)](place, layer, params, x)


def _recurrent(place: Place, layer: Recurrent | RecurrentDropout, params: Weights, x: str) -> str:
    return _cell(place, layer.cell, params, x)


def _cell(place: Place, cell: Any, params: Weights, x: str, start: Array | None = None) -> str:
    if isinstance(cell, Stack):
        parts = [None] * len(cell.cells) if start is None else cell.split(start)
        for k, (one, part) in enumerate(zip(cell.cells, parts, strict=True)):
            scope = {name.removeprefix(f"{k}."): params[name] for name in params if name.startswith(f"{k}.")}
            x = _cell(place.within(str(k)), one, scope, x, part)
        return x
    operator = None if place.builder.dtype == np.float64 else operator_of(cell, params)
    if operator is None:
        return _scan(place, cell, params, x, start)
    y = _node(place, [operator], "forward", x, cell.output_size, start)
    return place.builder.add("Squeeze", y, place.axis(1), name=f"{place.name}.outputs")


def _bidirectional(place: Place, layer: Bidirectional, params: Parameters, x: str) -> str:
    shapes, builder = layer.cell.shapes(), place.builder
    halves = [params.renamed(shapes), params.renamed(shapes, params.size // 2)]
    operators = [operator_of(layer.cell, dict(half.items())) for half in halves]
    if builder.dtype == np.float64 or None in operators:
        return _both_scans(place, layer.cell, halves, x)
    y = _node(place, [one for one in operators if one is not None], "bidirectional", x, layer.cell.output_size)
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


def _scan(place: Place, cell: Any, params: Weights, x: str, start: Array | None) -> str:
    """Add a Scan over the steps of a cell that is declared by its equation."""
    if not can_scan(cell):
        raise place.refuse(
            f"no operator computes {type(cell).__name__}: it is none of RNN, LSTM and GRU, and no declared cell, of "
            "which a Scan over the equation would be written"
        )
    builder, name = place.builder, place.name
    for stored, array in stored_arrays(cell, params).items():
        place.store(stored, array)
    parts = cell.state.split()
    zeros = np.zeros(cell.state_size) if start is None else start
    before = [builder.add("Squeeze", one, place.axis(0)) for one in _before(place, parts, cell.hidden_size, zeros)]
    sequences = [x, builder.add("Running", x, place.lengths, name=f"{name}.running")] if place.ragged else [x]
    *after, y = builder.add(
        "Scan",
        *before,
        *sequences,
        name=name,
        outputs=len(parts) + 1,
        body=scan_body(cell, name, builder.dtype, ragged=place.ragged),
        num_scan_inputs=len(sequences),
        doc_string=description(cell),
    )
    if place.states:
        for part, state in zip(parts, after, strict=True):
            builder.output(f"{name}.{part}_next", state, ("batch", cell.hidden_size))
    return y


def _both_scans(place: Place, cell: Any, halves: Sequence[Parameters], x: str) -> str:
    """Add a Scan forward and one backward in time, side by side."""
    builder, turn = place.builder, {"time_axis": 0, "batch_axis": 1}
    inputs = [x, builder.add("ReverseSequence", x, place.lengths, name=f"{place.name}.reversed", **turn)]
    forward, backward = (
        _scan(place.within(f"{k}"), cell, dict(half.items()), one, None)
        for k, (half, one) in enumerate(zip(halves, inputs, strict=True))
    )
    restored = builder.add("ReverseSequence", backward, place.lengths, name=f"{place.name}.restored", **turn)
    return builder.add("Concat", forward, restored, name=f"{place.name}.outputs", axis=-1)


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
    RecurrentDropout: _recurrent,
    Bidirectional: _bidirectional,
    MultiLayer: _multi_layer,
    StartedRecurrent: _started,
    LearnedStart: _learned_start,
}
