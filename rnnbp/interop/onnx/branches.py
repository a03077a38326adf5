"""Branches of an ONNX graph that meet again, as layers with a shortcut and layers side by side."""

from collections.abc import Sequence
from dataclasses import replace

from rnnbp.interop.onnx.import_recurrent import bidirectional
from rnnbp.interop.onnx.node import Node
from rnnbp.interop.onnx.size_rules import outputs_of
from rnnbp.interop.onnx.values import Outputs, Placed, Value
from rnnbp.layers import Activation, Chain, Dense, Highway, Layer, Parallel, Recurrent, Residual, Reverse
from rnnbp.layers.cell_layer import unrolled

IDENTITY = Placed(Activation("linear"))


def common(branches: Sequence[Outputs]) -> int:
    """Return the number of layers that branches have in common, from the input upwards."""
    count = 0
    for layers in zip(*(branch.layers for branch in branches), strict=False):
        if any(layer is not layers[0] for layer in layers):
            break
        count += 1
    return count


def residual(node: Node) -> Value:
    """Return the sum of outputs and those of layers above them."""
    a, b = (outputs_of(node, k) for k in range(2))
    low, high = sorted((a, b), key=lambda one: len(one.layers))
    above = high.layers[len(low.layers) :]
    if node.op != "Add" or common([a, b]) != len(low.layers) or not above or not _same_place(a, b):
        raise node.refuse("of outputs of two layers only the sum with those of layers above them is supported")
    return _joined(high, len(low.layers), Placed(Residual(*(one.layer for one in above)), params_in_a_row(above)))


def side_by_side(node: Node, branches: Sequence[Outputs]) -> Outputs:
    """Return outputs of several branches, concatenated along the features."""
    first, below = branches[0], common(branches)
    if any(not _same_place(first, one) or not one.last_is_features for one in branches):
        raise node.refuse("branches must have the same axes and lengths, the features last")
    rests = [one.layers[below:] for one in branches]
    if (both := _bidirectional(rests)) is not None:
        return _joined(first, below, both, 2 * first.features)
    placed = [_as_one(rest) for rest in rests]
    params = {f"{k}.{name}": array for k, one in enumerate(placed) for name, array in one.params.items()}
    parallel = Placed(Parallel(*(one.layer for one in placed)), params)
    return _joined(first, below, parallel, sum(one.features for one in branches))


def _bidirectional(branches: Sequence[Sequence[Placed]]) -> Placed | None:
    """Return the layer of two branches that are a cell forward in time and another one backward; None for others."""
    types = [[type(one.layer) for one in branch] for branch in branches]
    if len(types) != 2 or len(types[0]) != 1 or [*types[1][:1], *types[1][2:]] != [Reverse, Reverse]:
        return None
    forward, backward = branches[0][0], branches[1][1]
    inner = [unrolled(one.layer) for one in (forward, backward)]
    if not all(isinstance(one, Recurrent) for one in inner) or inner[0] != inner[1]:
        return None
    return bidirectional(inner[0].cell, dict(forward.params), dict(backward.params))  # type: ignore[attr-defined]


def highway(node: Node) -> Value:
    """Return x + t (f - x): inputs 0, 1 and 2 are x, f, and t, a dense layer of x."""
    x, f, t = (outputs_of(node, k) for k in range(3))
    below, gate = len(x.layers), t.layers[-1] if t.layers else IDENTITY
    dense = isinstance(gate.layer, Dense) and gate.layer.activation == "sigmoid"
    if not dense or len(t.layers) != below + 1 or common([x, f, t]) != below or len(f.layers) <= below:
        raise node.refuse("inputs 1 and 2 must be outputs of layers above input 0, input 2 those of a sigmoid layer")
    above = f.layers[below:]
    params = {**gate.params, **params_in_a_row(above)}
    return _joined(f, below, Placed(Highway(x.features, *(one.layer for one in above)), params))


def _same_place(a: Outputs, b: Outputs) -> bool:
    """Return whether two outputs have the same axes, but for the name of the features, and lengths."""
    named = [[("F",) if k == len(one.axes) - 1 else axis for k, axis in enumerate(one.axes)] for one in (a, b)]
    return named[0] == named[1] and a.changes == b.changes


def _joined(outputs: Outputs, below: int, placed: Placed, width: int | None = None) -> Outputs:
    """Return the outputs of one layer in the place of all but the lowest ones."""
    lowest = replace(outputs, layers=outputs.layers[:below])
    return lowest.then(placed.layer, placed.params, width or outputs.features)


def _as_one(layers: Sequence[Placed]) -> Placed:
    """Return layers in a row as one layer; the identity where there is none."""
    if len(layers) == 1:
        return layers[0]
    if not layers:
        return IDENTITY
    chained: list[Layer] = [one.layer for one in layers]
    return Placed(Chain(*chained), params_in_a_row(layers))


def params_in_a_row(layers: Sequence[Placed]) -> dict:
    """Return the parameters of layers in a row, with the index of the layer as prefix."""
    return {f"{k}.{name}": array for k, one in enumerate(layers) for name, array in one.params.items()}
