"""The functions that `export_onnx` writes for layers over time, back as layers."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from rnnbp.interop.onnx.branches import highway
from rnnbp.interop.onnx.node import Node
from rnnbp.interop.onnx.size_rules import outputs_of
from rnnbp.interop.onnx.values import BATCH, FEATURES, TIME, Constant, Lengths, Outputs, Repeated, Running, Value
from rnnbp.layers import AttentionPooling, Ends, Flatten, Last, Layer, MeanOverTime, Resample, TimeStatistics, Window


def _sequences(node: Node) -> Outputs:
    """Return the input 0, which must be sequences (T, B, F) whose lengths are the input 1."""
    x = outputs_of(node)
    if x.axes[:2] != (TIME, BATCH) or len(x.axes) != 3 or not x.last_is_features:
        raise node.refuse(f"input 0 must have the axes (T, B, F), got {x.axes}")
    if node.input(1) != Lengths(x.changes):
        raise node.refuse("input 1 must be the lengths of the sequences")
    return x


def _lengths(node: Node) -> Value:
    """Return the lengths of all sequences, which an input of the graph or a constant limits."""
    x, limit = outputs_of(node), node.input(1)
    if x.axes[:2] != (TIME, BATCH) or x.changes:
        raise node.refuse(f"input 0 must be the sequences that the graph is given, (T, B, ...), got the axes {x.axes}")
    if isinstance(limit, Constant) and (limit.array < np.iinfo(np.int32).max).any():
        raise node.refuse("lengths must be an input of the graph")
    if not isinstance(limit, Constant | Lengths):
        raise node.refuse("input 1 must be lengths")
    return Lengths()


def _changed_lengths(node: Node) -> Value:
    """Return the lengths of the outputs of a convolution."""
    lengths = node.input(0)
    if not isinstance(lengths, Lengths):
        raise node.refuse("input 0 must be lengths")
    change = int(node.attributes["offset"]), int(node.attributes["stride"])
    return Lengths((*lengths.changes, change))


def _padding(node: Node) -> Value:
    return replace(_sequences(node), ragged=True, zeroed=True)


def _pooling(make: Callable[..., Layer], factor: int = 1) -> Callable[[Node], Value]:
    def rule(node: Node) -> Value:
        x = _sequences(node)
        return x.without_time(make(), factor * x.features)

    return rule


def _window(node: Node) -> Value:
    x, sizes = _sequences(node), [int(node.attributes[name]) for name in ("left", "right")]
    layer = Window(*sizes)
    return x.then(layer, None, layer.width * x.features)


def _flatten(node: Node) -> Value:
    x, steps = _sequences(node), int(node.attributes["steps"])
    return x.without_time(Flatten(steps), steps * x.features)


def _resample(node: Node) -> Value:
    x, fractions = _sequences(node), node.array(2, "the fractions")
    if not np.array_equal(fractions, np.linspace(0, 1, fractions.size)):
        raise node.refuse("input 2 must be evenly spaced from 0 to 1")
    return x.without_time(Resample(fractions.size), fractions.size * x.features)


def _start(node: Node) -> Value:
    """Return a learned state, repeated for each sequence."""
    if not isinstance(node.input(1), Lengths):
        raise node.refuse("input 1 must be the lengths of the sequences")
    return Repeated(node.array(0, "the state"))


def _attention(node: Node) -> Value:
    x, (w, b, v) = _sequences(node), (node.array(k, name) for k, name in ((2, "w"), (3, "b"), (4, "v")))
    if w.ndim != 2 or w.shape[0] != x.features or b.shape != w.shape[1:] or v.shape != (*b.shape, 1):
        raise node.refuse(f"its weights must be (F, A), (A,) and (A, 1), got {w.shape}, {b.shape} and {v.shape}")
    placed = x.then(AttentionPooling(*w.shape), {"w": w.T, "b": b, "v": v[:, 0]})
    return replace(placed, axes=(BATCH, FEATURES))


LAYER_FUNCTIONS: dict[str, Callable[[Node], Any]] = {
    "AttentionPooling": _attention,
    "ChangedLengths": _changed_lengths,
    "Ends": _pooling(Ends),
    "Flatten": _flatten,
    "Highway": highway,
    "Last": _pooling(Last),
    "Lengths": _lengths,
    "MeanOverTime": _pooling(MeanOverTime),
    "Resample": _resample,
    "Running": lambda node: Running(Lengths(_sequences(node).changes)),
    "Start": _start,
    "TimeStatistics": _pooling(TimeStatistics, 2),
    "Window": _window,
    "ZeroPadding": _padding,
}
