"""What the operators around recurrent ones do to the outputs of layers, sizes and states: a rule for each."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from rnnbp.cells.base import Array
from rnnbp.interop.onnx.axis_rules import AXIS_RULES
from rnnbp.interop.onnx.branches import residual
from rnnbp.interop.onnx.import_recurrent import recurrent
from rnnbp.interop.onnx.node import Node
from rnnbp.interop.onnx.size_rules import SIZE_RULES, outputs_of, product_of_sizes, sizes_operands
from rnnbp.interop.onnx.values import BATCH, FEATURES, TIME, Constant, Filled, Lengths, Outputs, Value
from rnnbp.layers import Activation, Conv1D, Dense, Embedding, LayerNorm, MeanOverTime, Normalize, Reverse

ACTIVATIONS = {"Tanh": "tanh", "Sigmoid": "sigmoid", "Relu": "relu"}


def _features(node: Node, k: int = 0) -> Outputs:
    x = outputs_of(node, k)
    if not x.last_is_features:
        raise node.refuse(f"the last axis of input {k} must be that of the features, got the axes {x.axes}")
    return x


# ---- fully connected layers -----------------------------------------------------------------------------


def _matmul(node: Node) -> Value:
    return _dense(node, node.array(1, "the weights"), None)


def _gemm(node: Node) -> Value:
    node.only(alpha=None, beta=None, transA=0, transB=None)
    w = node.array(1, "the weights") * node.attributes.get("alpha", 1.0)
    w = w.T if node.attributes.get("transB", 0) else w
    bias = None if node.input(2) is None else node.array(2, "the bias") * node.attributes.get("beta", 1.0)
    return _dense(node, w, bias)


def _dense(node: Node, w: Array, bias: Array | None) -> Value:
    x = _features(node)
    if w.ndim != 2 or w.shape[0] != x.features:
        raise node.refuse(f"the weights must have shape ({x.features}, K), got {w.shape}")
    b = np.zeros(w.shape[1], w.dtype) if bias is None else np.broadcast_to(bias, (1, w.shape[1]))[0]
    return x.then(Dense(*w.shape), {"w": w.T, "b": b}, w.shape[1])


def _activation(node: Node) -> Value:
    x, name = outputs_of(node), ACTIVATIONS[node.op]
    last = x.layers[-1] if x.layers else None
    if last is not None and isinstance(last.layer, Dense | Conv1D) and last.layer.activation == "linear":
        return replace(x, layers=(*x.layers[:-1], replace(last, layer=replace(last.layer, activation=name))))
    return _features(node).then(Activation(name))


def _softmax(node: Node) -> Value:
    x, axis = _features(node), node.attributes.get("axis", -1 if node.opset >= 13 else 1)
    if axis not in (-1, len(x.axes) - 1):
        raise node.refuse(f"attribute 'axis' = {axis} must be the axis of the features")
    return replace(x, softmax=True)


# ---- element-wise arithmetic with constants -------------------------------------------------------------


def _arithmetic(node: Node) -> Value:
    if (sizes := sizes_operands(node)) is not None:
        return product_of_sizes(node, sizes)
    if all(isinstance(value, Filled | Constant) for value in node.inputs):
        return _of_filled(node)
    if all(isinstance(value, Outputs) for value in node.inputs):
        return residual(node)
    first = isinstance(node.input(0), Outputs)
    x = _features(node, 0 if first else 1)
    constant = node.array(1 if first else 0, "the other operand")
    F = x.features
    if constant.size not in (1, F) or constant.shape[-1:] not in ((), (1,), (F,)):
        raise node.refuse(f"the constant must have shape ({F},), a value for each feature, got {constant.shape}")
    if not first and node.op in ("Sub", "Div"):
        raise node.refuse("a constant from which outputs are subtracted, or that they divide, is not supported")
    values = np.broadcast_to(constant.reshape(-1), (F,))
    last = x.layers[-1] if x.layers else None
    if node.op in ("Add", "Sub"):
        shift = values if node.op == "Add" else -values
        if last is not None and isinstance(last.layer, Dense) and last.layer.activation == "linear":
            params = {**last.params, "b": last.params["b"] + shift}
            return replace(x, layers=(*x.layers[:-1], replace(last, params=params)))
        return x.then(Normalize(tuple(-shift), (1.0,) * F))
    scale = values if node.op == "Div" else 1 / values.astype(np.float64)
    if not np.isfinite(scale).all() or not scale.all():
        raise node.refuse("a multiplication by 0 or a division by 0 is not supported")
    if last is not None and isinstance(last.layer, Normalize) and set(last.layer.scale) == {1.0}:
        return replace(x, layers=x.layers[:-1]).then(Normalize(last.layer.mean, tuple(scale)))
    return x.then(Normalize((0.0,) * F, tuple(scale)))


def _of_filled(node: Node) -> Value:
    """Return a constant times an array with one value everywhere, which exporters compute for shapes."""
    values = [value.value if isinstance(value, Filled) else value.array.reshape(-1) for value in node.inputs]
    if node.op != "Mul" or any(np.size(value) != 1 for value in values):
        raise node.refuse("of arrays with one value everywhere only products with a number are supported")
    return Filled(float(np.prod([np.asarray(value).reshape(()) for value in values])))


def _layer_norm(node: Node) -> Value:
    node.only(axis=None, epsilon=None, stash_type=1)
    x = _features(node)
    if node.attributes.get("axis", -1) not in (-1, len(x.axes) - 1):
        raise node.refuse("attribute 'axis' must be the axis of the features")
    F = x.features
    w = np.broadcast_to(node.array(1, "the gain"), (F,))
    b = np.zeros(F) if node.input(2) is None else np.broadcast_to(node.array(2, "the bias"), (F,))
    return x.then(LayerNorm(F, float(node.attributes.get("epsilon", 1e-5))), {"w": w, "b": b})


# ---- over time ------------------------------------------------------------------------------------------


def _embedding(node: Node) -> Value:
    """Return the vectors of tokens, which are the indices of a Gather."""
    w, tokens = node.array(0, "the vectors"), outputs_of(node, 1)
    if node.attributes.get("axis", 0) != 0 or w.ndim != 2 or tokens.layers or len(tokens.axes) != 2:
        raise node.refuse("the vectors of an embedding must be (tokens, D), indexed by the tokens of the input alone")
    placed = replace(tokens, axes=(*tokens.axes, FEATURES))
    return placed.then(Embedding(*w.shape), {"w": w}, w.shape[1])


def _mean(node: Node) -> Value:
    node.only(axes=None, keepdims=None, noop_with_empty_axes=None)
    x = outputs_of(node)
    axes = [axis % len(x.axes) for axis in node.axes() or []]
    if axes != [x.position(TIME)] or node.attributes.get("keepdims", 1) or x.ragged:
        raise node.refuse("the mean is supported over time, without attribute 'keepdims', of sequences without lengths")
    left = tuple(axis for axis in x.axes if axis != TIME)
    if left[0] != BATCH or not replace(x, axes=left).last_is_features:
        raise node.refuse(f"the mean over time must leave the axes (B, F), got {left}")
    return x.without_time(MeanOverTime())


def _reverse_sequence(node: Node) -> Value:
    x = outputs_of(node)
    time, batch = node.attributes.get("time_axis", 0), node.attributes.get("batch_axis", 1)
    if (x.position(TIME), x.position(BATCH)) != (time, batch) or node.input(1) != Lengths(x.changes):
        raise node.refuse("sequences must be reversed in time, within lengths that are an input of the graph")
    return replace(x.then(Reverse()), ragged=True)


def _conv(node: Node) -> Value:
    node.only(auto_pad="NOTSET", dilations=None, group=None, kernel_shape=None, pads=None, strides=None)
    x, w = outputs_of(node), node.array(1, "the weights")
    if len(x.axes) != 3 or (x.axes[0], x.axes[2]) != (BATCH, TIME) or w.ndim != 3:
        raise node.refuse(f"input 0 must have the axes (B, F, T), got {x.axes}")
    if x.ragged and not x.zeroed:
        raise node.refuse("a convolution of sequences with lengths is not supported unless their padding is zero")
    get = node.attributes.get
    (left, right), (stride,), (dilation,) = get("pads", [0, 0]), get("strides", [1]), get("dilations", [1])
    span = (w.shape[2] - 1) * dilation
    padding: Any = left if left == right else {(span, 0): "causal"}.get((left, right))
    if stride == 1 and (left, right) == (span // 2, span - span // 2):
        padding = "same"
    if padding is None:
        raise node.refuse(
            f"attribute 'pads' = {[left, right]} is not supported: equal ones, or those of a causal layer"
        )
    F, groups = w.shape[1] * get("group", 1), get("group", 1)
    layer = Conv1D(F, *w.shape[::2], stride=stride, dilation=dilation, groups=groups, padding=padding)
    b = np.zeros(len(w), w.dtype) if node.input(2) is None else node.array(2, "the bias")
    placed = replace(x, axes=(BATCH, TIME, x.axes[1])).then(layer, {"w": w, "b": b}, len(w))
    change = (left + right - span - 1, stride)
    changes = x.changes if change == (-1, 1) else (*x.changes, change)
    sizes = {k: n for k, n in placed.sizes.items() if k != "T"}
    return replace(placed, axes=(BATCH, FEATURES, TIME), sizes=sizes, changes=changes)


def _gather(node: Node) -> Value:
    if isinstance(node.input(0), Constant) and isinstance(node.input(1), Outputs):
        return _embedding(node)
    return AXIS_RULES["Gather"](node)


def _dropout(node: Node) -> Value:
    return node.input(0)


RULES: dict[str, Callable[[Node], Any]] = {
    **AXIS_RULES,
    **SIZE_RULES,
    **dict.fromkeys(("RNN", "LSTM", "GRU"), recurrent),
    **dict.fromkeys(ACTIVATIONS, _activation),
    **dict.fromkeys(("Add", "Sub", "Mul", "Div"), _arithmetic),
    **dict.fromkeys(("Softmax", "LogSoftmax"), _softmax),
    "Conv": _conv,
    "Dropout": _dropout,
    "Gather": _gather,
    "Gemm": _gemm,
    "LayerNormalization": _layer_norm,
    "MatMul": _matmul,
    "ReduceMean": _mean,
    "ReverseSequence": _reverse_sequence,
}
