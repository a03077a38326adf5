"""What the operators on sizes of axes do, by which exporters compute the shapes of initial states and of reshapes."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from rnnbp.interop.onnx.node import Node, described
from rnnbp.interop.onnx.values import (
    BATCH,
    Constant,
    Filled,
    Lengths,
    Outputs,
    Repeated,
    Sizes,
    StateInput,
    Value,
    size_of,
)
from rnnbp.runtime import require


def outputs_of(node: Node, k: int = 0) -> Outputs:
    """Return the input k, which must be the outputs of layers, before a softmax."""
    x = node.input(k)
    if not isinstance(x, Outputs):
        raise node.refuse(f"input {k} must be the outputs of layers, got {described(x)}")
    if x.softmax:
        raise node.refuse("a softmax is supported at the end of a model only")
    return x


def _shape(node: Node) -> Value:
    given = node.input(0)
    if isinstance(given, Sizes):
        return Sizes((len(given.sizes),))
    if isinstance(given, Lengths):
        return Sizes(BATCH)
    x = outputs_of(node)
    sizes = [size_of(axis, x.sizes) for axis in x.axes]
    return Sizes(tuple(sizes[node.attributes.get("start", 0) : node.attributes.get("end", len(sizes))]))


def sizes_in(value: Value) -> tuple[Any, ...] | None:
    """Return a value as sizes of axes; None where it stands for something else."""
    if isinstance(value, Sizes):
        return value.sizes
    if isinstance(value, Constant) and value.array.dtype.kind == "i":
        return tuple(value.array.reshape(-1).tolist())
    return None


def _constant_of_shape(node: Node) -> Value:
    value = node.attributes.get("value")
    to_array = require("onnx", extra="onnx").numpy_helper.to_array
    return Filled(0.0 if value is None else float(to_array(value).reshape(-1)[0]))


def _expand(node: Node) -> Value:
    x = node.input(0)
    if isinstance(x, Filled | StateInput):
        return x
    if isinstance(x, Constant) and x.array.size and (x.array == x.array.flat[0]).all():
        return Filled(float(x.array.flat[0]))
    if isinstance(x, Constant) and x.array.ndim == 3 and 1 in x.array.shape[:2]:
        return Repeated(x.array)
    raise node.refuse(f"{described(x)} is not supported: only an array with one value everywhere is")


def sizes_operands(node: Node) -> list[tuple[Any, ...]] | None:
    """Return the inputs as vectors of one length, if one of them is a vector of sizes; else None."""
    if not any(isinstance(value, Sizes) for value in node.inputs):
        return None
    width = max(len(sizes_in(value) or ()) for value in node.inputs)
    found = []
    for value in node.inputs:
        sizes = (int(value.value),) if isinstance(value, Filled) else sizes_in(value)
        if sizes is None or len(sizes) not in (1, width):
            raise node.refuse(f"it combines sizes of axes with {described(value)}")
        found.append(sizes * (width if len(sizes) == 1 else 1))
    return found


def product_of_sizes(node: Node, operands: Sequence[tuple[Any, ...]]) -> Value:
    """Return the products of sizes; that of two names is a name, as of the merged axes."""
    if node.op != "Mul":
        raise node.refuse("of the sizes of axes only products are supported")
    scalar = all(value.scalar for value in node.inputs if isinstance(value, Sizes))
    return Sizes(tuple(map(_times, *operands)), scalar)


def _times(a: Any, b: Any) -> Any:
    if isinstance(a, int) and isinstance(b, int):
        return a * b
    return b if a == 1 else a if b == 1 else f"{a} {b}"


def _equal(node: Node) -> Value:
    """Return whether sizes equal others; one that is not known equals no negative number."""
    operands = sizes_operands(node)
    if operands is None or any(a != b and not _differ(a, b) for a, b in zip(*operands, strict=True)):
        raise node.refuse("only sizes that the file tells can be compared")
    return Constant(np.array([a == b for a, b in zip(*operands, strict=True)]))


def _differ(a: Any, b: Any) -> bool:
    """Return whether two sizes differ whatever the input is."""
    known = [size for size in (a, b) if isinstance(size, int)]
    return len(known) == 2 or (len(known) == 1 and known[0] < 0)


def _where(node: Node) -> Value:
    """Return sizes chosen by a constant condition."""
    condition = node.array(0, "the condition").reshape(-1)
    chosen = Node(node.proto, node.inputs[1:], node.opset)
    operands = sizes_operands(chosen)
    if operands is None or len(condition) != len(operands[0]):
        raise node.refuse("it is supported for sizes of axes only")
    return Sizes(tuple(a if one else b for one, a, b in zip(condition, *operands, strict=True)))


SIZE_RULES: dict[str, Callable[[Node], Value]] = {
    "ConstantOfShape": _constant_of_shape,
    "Equal": _equal,
    "Expand": _expand,
    "Shape": _shape,
    "Where": _where,
}
