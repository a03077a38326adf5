"""Builder of an ONNX graph: nodes, stored arrays, functions, inputs and outputs."""

from collections.abc import Callable
from typing import Any

import numpy as np

from rnnbp.cells.base import Array
from rnnbp.interop.onnx.functions import BODIES, DOMAIN, DOMAIN_VERSION, IR_VERSION, OPSET, function
from rnnbp.runtime import require


class Builder:
    """ONNX graph under construction.

    Parameters
    ----------
    dtype : numpy.dtype
        Of the stored arrays.
    """

    def __init__(self, dtype: np.dtype) -> None:
        self.onnx = require("onnx", extra="onnx")
        self.dtype = dtype
        self.nodes: list[Any] = []
        self.stored: dict[str, Any] = {}
        self.inputs: list[Any] = []
        self.outputs: list[Any] = []
        self._names: dict[str, int] = {}
        self._shared: dict[str, str] = {}

    def add(self, op: str, *inputs: str, name: str = "", outputs: int = 1, **attributes: Any) -> Any:
        """Add a node, an operator or one of `functions`, and return the name of its output, or a list of names."""
        domain = DOMAIN if op in BODIES else ""
        label = self.fresh(name or op)
        found = [label] if outputs == 1 else [f"{label}.{k}" for k in range(outputs)]
        self.nodes.append(self.onnx.helper.make_node(op, inputs, found, name=label, domain=domain, **attributes))
        return found[0] if outputs == 1 else found

    def fresh(self, name: str) -> str:
        """Return a name that no value has yet."""
        count = self._names[name] = self._names.get(name, -1) + 1
        return name if not count else f"{name}.{count}"

    def once(self, name: str, make: Callable[[str], str]) -> str:
        """Return a value that several nodes share: what `make` adds under this name, the first time."""
        if name not in self._shared:
            self._shared[name] = make(name)
        return self._shared[name]

    def store(self, name: str, array: Array) -> str:
        """Store an array and return its name; floating-point arrays in the dtype of the graph."""
        label = self.fresh(name)
        values = np.ascontiguousarray(array, self.dtype if array.dtype.kind == "f" else array.dtype)
        self.stored[label] = self.onnx.numpy_helper.from_array(values, label)
        return label

    def store_double(self, name: str, array: Array) -> str:
        """Store an array in float64 and return its name."""
        label = self.fresh(name)
        self.stored[label] = self.onnx.numpy_helper.from_array(np.asarray(array, np.float64), label)
        return label

    def input(self, name: str, dtype: Any, shape: tuple[str | int, ...]) -> str:
        """Add an input of the graph."""
        self.inputs.append(self._value(self.fresh(name), dtype, shape))
        return name

    def output(self, name: str, value: str, shape: tuple[str | int, ...]) -> None:
        """Add a value to the outputs of the graph, under this name."""
        self.nodes.append(self.onnx.helper.make_node("Identity", [value], [name], name=self.fresh(f"output {name}")))
        self.outputs.append(self._value(name, self.dtype, shape))

    def _value(self, name: str, dtype: Any, shape: tuple[str | int, ...]) -> Any:
        kind = self.onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        return self.onnx.helper.make_tensor_value_info(name, kind, list(shape))

    def model(self, version: str, metadata: dict[str, str], text: str) -> Any:
        """Return the finished model, an onnx.ModelProto."""
        helper, (nodes, used) = self.onnx.helper, self._needed()
        stored = [tensor for name, tensor in self.stored.items() if name in used]
        functions = sorted({node.op_type for node in nodes if node.domain == DOMAIN})
        graph = helper.make_graph(nodes, "rnnbp", self.inputs, self.outputs, stored)
        opsets = [helper.make_opsetid("", OPSET)]
        if functions:
            opsets.append(helper.make_opsetid(DOMAIN, DOMAIN_VERSION))
        model = helper.make_model(
            graph,
            opset_imports=opsets,
            ir_version=IR_VERSION,
            functions=[function(name) for name in functions],
            producer_name="rnnbp",
            producer_version=version,
            doc_string=text,
        )
        helper.set_model_props(model, metadata)
        return model

    def _needed(self) -> tuple[list[Any], set[str]]:
        """Return the nodes that outputs of the graph depend on, in order, and the names of all values these use."""
        used, nodes = {one.name for one in self.outputs}, list[Any]()
        for node in reversed(self.nodes):
            if used.intersection(node.output):
                nodes.append(node)
                used.update(node.input)
                for attribute in node.attribute:
                    used.update(name for inner in attribute.g.node for name in inner.input)
        return nodes[::-1], used
