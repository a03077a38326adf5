"""Nodes of an ONNX graph whose inputs are all arrays of the file, which are computed as it is imported."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from rnnbp.cells.base import Array
from rnnbp.interop.onnx.node import Node
from rnnbp.interop.onnx.values import Constant, Repeated, Value
from rnnbp.runtime import require

ELEMENTWISE = ("Add", "Div", "Mul", "Sub")
COMPUTED = {
    *("Cast", "Concat", "Gather", "Identity", "Neg", "Reshape", "Shape", "Slice", "Split", "Squeeze", "Transpose"),
    *("Unsqueeze", *ELEMENTWISE),
}
FREE_ENTRIES = 2**20  # that may be computed whatever the size of the file


class Constants:
    """Arrays that are computed from those of a file, as many entries at most as some times those of the file.

    Parameters
    ----------
    arrays : mapping of str to ndarray
        Those of the file.

    Attributes
    ----------
    left : int
        The number of entries that may still be computed.
    """

    def __init__(self, arrays: Mapping[str, Array]) -> None:
        self.left = 16 * sum(array.size for array in arrays.values()) + FREE_ENTRIES

    def takes(self, node: Node) -> bool:
        """Return whether a node is computed."""
        return node.op == "Constant" or (
            node.op in COMPUTED and all(isinstance(value, Constant | Repeated | None) for value in node.inputs)
        )

    def values(self, node: Node) -> list[Value]:
        """Return what the outputs of a node stand for.

        Raises
        ------
        ValueError
            If they would be too large, or do not fit.
        """
        given = [value for value in node.inputs if value is not None]
        self.left -= entries(node, [value.array for value in given])
        if self.left < 0:
            raise node.refuse("the arrays that are computed from those of the file are too large")
        feeds = dict(zip((name for name in node.proto.input if name), (value.array for value in given), strict=True))
        evaluator = require("onnx.reference", extra="onnx").ReferenceEvaluator
        try:
            found = evaluator(node.proto, opsets={"": node.opset}).run(None, feeds)
        except Exception as error:  # of NumPy, for shapes that do not fit
            raise node.refuse(f"it cannot be computed: {error}") from None
        kind: Any = Repeated if any(isinstance(value, Repeated) for value in given) else Constant
        return [kind(np.asarray(one)) for one in found]


def entries(node: Node, arrays: list[Array]) -> int:
    """Return the greatest number of entries that the outputs of a node can have together."""
    sizes = [array.size for array in arrays]
    if node.op == "Gather" and len(arrays) == 2:
        data, axis = arrays[0], node.attributes.get("axis", 0)
        return data.size // max(data.shape[axis], 1) * arrays[1].size
    if node.op in ELEMENTWISE:
        return math.prod(np.broadcast_shapes(*(array.shape for array in arrays)))
    return sum(sizes)
