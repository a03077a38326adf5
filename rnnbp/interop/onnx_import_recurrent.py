"""Import of ONNX's operators RNN, LSTM and GRU as recurrent layers."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from rnnbp.cells import Cell, ElmanCell, GRUCell, LSTMCell, OriginalGRUCell
from rnnbp.cells.base import Array
from rnnbp.interop.onnx_cells import activations_of, cell_of, params_of
from rnnbp.interop.onnx_node import Node, described
from rnnbp.interop.onnx_operators import Operator
from rnnbp.interop.onnx_values import (
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
    StateInput,
    Value,
)
from rnnbp.layers import GRU, LSTM, Bidirectional, Elman, Ends, Last, Layer, OriginalGRU, Recurrent, Reverse

GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}
KNOWN = {
    *("activation_alpha", "activation_beta", "activations", "clip", "direction", "hidden_size", "layout"),
    *("input_forget", "linear_before_reset"),
}
REVERSE = Placed(Reverse())


def recurrent(node: Node) -> list[Value]:
    """Return the outputs Y, Y_h and Y_c of a recurrent operator.

    Raises
    ------
    ValueError
        Naming the node and what is not supported.
    """
    x, layout = node.input(0), node.attributes.get("layout", 0)
    node.only(**dict.fromkeys(KNOWN))
    if not isinstance(x, Outputs):
        raise node.refuse(f"input 0 (X) must be the outputs of layers, got {described(x)}")
    wanted = (BATCH, TIME) if layout else (TIME, BATCH)
    if x.axes[:2] != wanted or len(x.axes) != 3 or not x.last_is_features:
        axes = "(B, T, F)" if layout else "(T, B, F)"
        raise node.refuse(f"with attribute 'layout' = {layout} input 0 (X) must have the axes {axes}, got {x.axes}")
    operators = _operators(node)
    for k, name in ((5, "initial_h"), (6, "initial_c")):
        _check_initial(node, k, name, len(operators))
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


def _check_initial(node: Node, k: int, name: str, directions: int) -> None:
    """Raise unless the state before the first step is zero, or an input of the graph for a layer that takes one."""
    value = node.input(k)
    if value is None or (isinstance(value, Filled) and value.value == 0):
        return
    if isinstance(value, Constant) and not value.array.any():
        return
    if isinstance(value, StateInput):
        if directions == 1 and node.attributes.get("direction", "forward") == "forward":
            return
        raise node.refuse(
            f"{name} is the input {value.name!r} of the graph, and layers that run backward in time take no state"
        )
    raise node.refuse(f"{name} must be zeros or an input of the graph, got {described(value)} that is not zero")


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
    if len(cells) == 2 and cells[0] != cells[1]:
        raise node.refuse("attribute 'activations' differs between the directions, which is not supported")
    H = cells[0].output_size
    sizes = {k: n for k, n in x.sizes.items() if k in "TB"} | {"D": len(cells), "H": H}
    axes = (BATCH, TIME, DIRECTIONS, UNITS) if layout else (TIME, DIRECTIONS, BATCH, UNITS)
    reverse = node.attributes.get("direction", "forward") == "reverse"
    layers = _layers(cells, params, reverse)
    y = Outputs((*x.layers, *layers), axes, sizes, ragged)
    finals = tuple(
        Final(
            (*x.layers, *_final_layers(cells[d], params[d], bool(d) or reverse)),
            (*x.layers, *layers, Placed(Ends())),
            d,
            len(cells),
            sizes,
        )
        for d in range(len(cells))
    )
    order = ("B", "D", "H") if layout else ("D", "B", "H")
    return [y, Finals(finals, "h", order), Finals(finals, "c", order)]


def _layers(cells: Sequence[Cell], params: Sequence[dict[str, Array]], reverse: bool) -> tuple[Placed, ...]:
    if len(cells) == 2:
        return (_bidirectional(cells[0], *params),)
    one = Placed(_forward_layer(cells[0]), params[0])
    return (REVERSE, one, REVERSE) if reverse else (one,)


def _final_layers(cell: Cell, params: dict[str, Array], backward: bool) -> tuple[Placed, ...]:
    """Return the layers whose outputs are the last ones of a direction."""
    one = (Placed(_forward_layer(cell), params), Placed(Last()))
    return (REVERSE, *one) if backward else one


def _forward_layer(cell: Any) -> Layer:
    """Return a layer that is named after its cell, or a `Recurrent` layer where there is none."""
    if type(cell) is ElmanCell:
        return Elman(cell.input_size, cell.hidden_size, activation=cell.activation)
    named = _NAMED.get(type(cell))
    return Recurrent(cell) if named is None else named(cell.input_size, cell.hidden_size)


def _bidirectional(cell: Any, forward: dict[str, Array], backward: dict[str, Array]) -> Placed:
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
