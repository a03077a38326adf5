"""Import of ONNX's operators RNN, LSTM and GRU as recurrent layers."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from rnnbp.cells import ElmanCell, GRUCell, LSTMCell, OriginalGRUCell
from rnnbp.cells.base import Array
from rnnbp.interop.onnx.cells import activations_of, cell_of, params_of
from rnnbp.interop.onnx.node import Node, described
from rnnbp.interop.onnx.operators import Operator
from rnnbp.interop.onnx.values import (
    BATCH,
    DIRECTIONS,
    TIME,
    UNITS,
    Constant,
    Filled,
    Final,
    Finals,
    Lengths,
    Outputs,
    Placed,
    Repeated,
    StateInput,
    Value,
)
from rnnbp.layers import (
    GRU,
    LSTM,
    Bidirectional,
    Elman,
    Ends,
    Last,
    Layer,
    LearnedStart,
    OriginalGRU,
    Recurrent,
    Reverse,
)
from rnnbp.layers.cell_layer import unrolled

GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}
KNOWN = {
    *("activation_alpha", "activation_beta", "activations", "clip", "direction", "hidden_size", "layout"),
    *("input_forget", "linear_before_reset"),
}
REVERSE, LAST, ENDS = Placed(Reverse()), Placed(Last()), Placed(Ends())


def recurrent(node: Node) -> list[Value]:
    """Return the outputs Y, Y_h and Y_c of a recurrent operator.

    Raises
    ------
    ValueError
        Naming the node and what is not supported.
    """
    x, layout = node.input(0), node.attributes.get("layout", 0)
    node.only(**dict.fromkeys(KNOWN))
    for name in ("input_forget", "layout", "linear_before_reset"):
        if node.attributes.get(name, 0) not in (0, 1):
            raise node.refuse(f"attribute {name!r} must be 0 or 1, got {node.attributes[name]!r}")
    if not isinstance(x, Outputs):
        raise node.refuse(f"input 0 (X) must be the outputs of layers, got {described(x)}")
    wanted = (BATCH, TIME) if layout else (TIME, BATCH)
    if x.axes[:2] != wanted or len(x.axes) != 3 or not x.last_is_features:
        axes = "(B, T, F)" if layout else "(T, B, F)"
        raise node.refuse(f"with attribute 'layout' = {layout} input 0 (X) must have the axes {axes}, got {x.axes}")
    operators = _operators(node)
    lengths = node.input(4)
    if lengths is not None and lengths != Lengths(x.changes):
        _check_full(node, lengths)
    return _outputs(x, operators, layout, x.ragged or isinstance(lengths, Lengths), node)


def _operators(node: Node) -> list[Operator]:
    """Return the operator of each direction."""
    attributes, op = node.attributes, node.op
    direction = attributes.get("direction", "forward")
    if direction not in ("forward", "reverse", "bidirectional"):
        raise node.refuse(f"attribute 'direction' = {direction!r} is not supported")
    directions = 2 if direction == "bidirectional" else 1
    w, r = node.array(1, "W"), node.array(2, "R")
    rows, H = GATES[op] * r.shape[-1], r.shape[-1]
    _check_shape(node, "W", w, (directions, rows, w.shape[-1]))
    _check_shape(node, "R", r, (directions, rows, H))
    if attributes.get("hidden_size", H) != H:
        raise node.refuse(f"attribute 'hidden_size' = {attributes['hidden_size']}, but R has {H} columns")
    b = np.zeros((directions, 2 * rows), w.dtype) if node.input(3) is None else node.array(3, "B")
    _check_shape(node, "B", b, (directions, 2 * rows))
    p = None if op != "LSTM" or node.input(7) is None else node.array(7, "P")
    if p is not None:
        _check_shape(node, "P", p, (directions, 3 * H))
    try:
        activations = activations_of(attributes, op, directions)
    except ValueError as error:
        raise node.refuse(str(error)) from None
    others: dict[str, Any] = {
        name: attributes[name] for name in ("input_forget", "linear_before_reset") if name in attributes
    }
    if attributes.get("clip", 0) > 0:
        others["clip"] = float(attributes["clip"])
    return [
        Operator(op, activations[d], w[d], r[d], b[d], None if p is None else p[d], others) for d in range(directions)
    ]


def _check_shape(node: Node, name: str, array: Array, wanted: tuple[int, ...]) -> None:
    if array.shape != wanted:
        raise node.refuse(f"input {name} must have shape {wanted}, got {array.shape}")


def _starts(node: Node, operators: Sequence[Operator]) -> list[Array | None]:
    """Return the state before the first step that the file contains, (S,), of each direction; None where it is zero."""
    names = {5: "initial_h", 6: "initial_c"} if node.op == "LSTM" else {5: "initial_h"}
    parts = [_start(node, k, name, len(operators), operators[0].r.shape[1]) for k, name in names.items()]
    starts = np.concatenate(parts, axis=1)
    return [start if start.any() else None for start in starts]


def _start(node: Node, k: int, name: str, directions: int, H: int) -> Array:
    """Return a part of the state before the first step, (D, H); zeros where it is an input of the graph."""
    value = node.input(k)
    if value is None:
        return np.zeros((directions, H))
    if isinstance(value, Filled):
        return np.full((directions, H), value.value)
    if isinstance(value, StateInput):
        if node.attributes.get("direction", "forward") != "forward":
            raise node.refuse(
                f"{name} is the input {value.name!r} of the graph, and layers that run backward in time take no state"
            )
        return np.zeros((directions, H))
    if not isinstance(value, Constant | Repeated):
        raise node.refuse(f"{name} must be an array of the file or an input of the graph, got {described(value)}")
    array = value.array.swapaxes(0, 1) if node.attributes.get("layout", 0) else value.array
    if array.ndim != 3 or array.shape[::2] != (directions, H) or (array != array[:, :1]).any():
        raise node.refuse(f"{name} must have shape ({directions}, B, {H}) and be the same for all sequences of a batch")
    return array[:, 0]


def _check_full(node: Node, lengths: Value) -> None:
    """Raise unless constant lengths say that no sequence has padding, as far as the file tells."""
    x = node.input(0)
    steps = x.sizes.get("T")
    if isinstance(lengths, Constant) and steps is not None and (lengths.array == steps).all():
        return
    raise node.refuse(
        f"sequence_lens must be an input of the graph, or the number of steps of all, got {described(lengths)}"
    )


def _outputs(x: Outputs, operators: Sequence[Operator], layout: int, ragged: bool, node: Node) -> list[Value]:
    cells = [cell_of(operator) for operator in operators]
    params = [params_of(cell, operator) for cell, operator in zip(cells, operators, strict=True)]
    starts = _starts(node, operators)
    H, reverse = cells[0].output_size, node.attributes.get("direction", "forward") == "reverse"
    sizes = {k: n for k, n in x.sizes.items() if k in "TB"} | {"D": len(cells), "H": H}
    if len(cells) == 2:
        if cells[0] != cells[1]:
            raise node.refuse("attribute 'activations' differs between the directions, which is not supported")
        if any(start is not None for start in starts):
            raise node.refuse("initial_h and initial_c of a bidirectional layer must be zero")
        layers: tuple[Placed, ...] = (bidirectional(cells[0], *params),)
        finals: tuple[Final, ...] = both_directions((*x.layers, *layers), sizes)
    else:
        layers = (started(forward_layer(cells[0]), params[0], starts[0]),)
        last = (*x.layers, REVERSE, *layers, LAST) if reverse else (*x.layers, *layers, LAST)
        layers = (REVERSE, *layers, REVERSE) if reverse else layers
        finals = (Final(last, last, 0, 1, sizes),)
    axes = (BATCH, TIME, DIRECTIONS, UNITS) if layout else (TIME, DIRECTIONS, BATCH, UNITS)
    y = replace(x, layers=(*x.layers, *layers), axes=axes, sizes=sizes, ragged=ragged, zeroed=ragged, direction=None)
    order = ("B", "D", "H") if layout else ("D", "B", "H")
    return [y, Finals(finals, "h", order), Finals(finals, "c", order)]


def both_directions(layers: tuple[Placed, ...], sizes: Mapping[str, int]) -> tuple[Final, Final]:
    """Return the final outputs of the directions of a bidirectional layer, the last one of `layers`.

    That of one direction alone is computed by a layer with the weights of that direction.
    """
    below, (forward, backward), both = layers[:-1], _halves(layers[-1]), (*layers, ENDS)
    return (
        Final((*below, forward, LAST), both, 0, 2, sizes),
        Final((*below, REVERSE, backward, LAST), both, 1, 2, sizes),
    )


def one_direction(x: Outputs, d: int) -> Outputs:
    """Return the outputs of one direction of a bidirectional layer, whose axis of directions is then of size 1."""
    below, (forward, backward) = x.layers[:-1], _halves(x.layers[-1])
    layers = (*below, REVERSE, backward, REVERSE) if d else (*below, forward)
    return replace(x, layers=layers, sizes={**x.sizes, "D": 1})


def _halves(placed: Placed) -> tuple[Placed, Placed]:
    """Return a layer for each direction of a bidirectional one."""
    inner: Any = unrolled(placed.layer)
    cell = inner.cell if isinstance(inner, Bidirectional) else inner.cells[0]
    params: tuple[dict[str, Array], dict[str, Array]] = {}, {}
    for name, array in placed.params.items():
        stem = name.removesuffix("_reverse")
        params[stem != name][stem.removesuffix("_l0")] = array
    return Placed(forward_layer(cell), params[0]), Placed(forward_layer(cell), params[1])


def started(layer: Layer, params: dict[str, Array], start: Array | None) -> Placed:
    """Return a layer that starts in a state that is not zero, or the layer itself."""
    return Placed(layer, params) if start is None else Placed(LearnedStart(layer), {**params, "start": start})


def forward_layer(cell: Any) -> Layer:
    """Return a layer that is named after its cell, or a `Recurrent` layer where there is none."""
    if type(cell) is ElmanCell:
        return Elman(cell.input_size, cell.hidden_size, activation=cell.activation)
    named = _NAMED.get(type(cell))
    return Recurrent(cell) if named is None else named(cell.input_size, cell.hidden_size)


def bidirectional(cell: Any, forward: dict[str, Array], backward: dict[str, Array]) -> Placed:
    sizes = cell.input_size, cell.output_size
    if type(cell) is ElmanCell:
        layer: Layer = Elman(*sizes, bidirectional=True, activation=cell.activation)
    elif type(cell) in _NAMED:
        layer = _NAMED[type(cell)](*sizes, bidirectional=True)
    else:
        layer = Bidirectional(cell)
    level = "" if isinstance(layer, Bidirectional) else "_l0"
    named = {f"{name}{level}": array for name, array in forward.items()}
    return Placed(layer, named | {f"{name}{level}_reverse": array for name, array in backward.items()})


_NAMED: dict[type, Any] = {LSTMCell: LSTM, GRUCell: GRU, OriginalGRUCell: OriginalGRU}
