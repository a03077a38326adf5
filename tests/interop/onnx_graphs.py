"""ONNX graphs of one recurrent operator, written by hand, for the importer's tests."""

from typing import Any

import numpy as np

GATES = {"RNN": 1, "LSTM": 4, "GRU": 3}
T, B, F, H = 5, 3, 2, 3


def operator_graph(op: str, rng: Any, extra: dict[str, Any] | None = None, output: int = 0, **attributes: Any) -> Any:
    """Return a model of one node with random weights; `extra` are further inputs by name: arrays, or shapes of inputs.

    Names are those of the operators' inputs: B, sequence_lens, initial_h, initial_c, P.
    """
    from onnx import TensorProto, helper, numpy_helper

    D = 2 if attributes.get("direction") == "bidirectional" else 1
    rows = GATES[op] * H
    arrays = {"W": (D, rows, F), "R": (D, rows, H)}
    stored = {name: rng.standard_normal(shape).astype(np.float32) for name, shape in arrays.items()}
    stored["B"] = rng.standard_normal((D, 2 * rows)).astype(np.float32)
    inputs, names = [], ["X", "W", "R", "B", "sequence_lens", "initial_h", "initial_c", "P"]
    axes = ["batch", "time", F] if attributes.get("layout") else ["time", "batch", F]
    inputs.append(helper.make_tensor_value_info("X", TensorProto.FLOAT, axes))
    for name, value in (extra or {}).items():
        if isinstance(value, np.ndarray):
            stored[name] = value
        else:
            kind = TensorProto.INT32 if name == "sequence_lens" else TensorProto.FLOAT
            inputs.append(helper.make_tensor_value_info(name, kind, value))
    taken = {*stored, *(one.name for one in inputs)}
    given = [name if name in taken else "" for name in names]
    while not given[-1]:
        given.pop()
    outputs = ["Y", "Y_h", "Y_c"][: 3 if op == "LSTM" else 2]
    node = helper.make_node(op, given, outputs, name="the node", hidden_size=H, **attributes)
    found = [helper.make_tensor_value_info(outputs[output], TensorProto.FLOAT, None)]
    initializers = [numpy_helper.from_array(array, name) for name, array in stored.items()]
    graph = helper.make_graph([node], "graph", inputs, found, initializers)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 22)], ir_version=10)


def chain_graph(nodes: list[Any], arrays: dict[str, np.ndarray], shape: list[Any], output: str = "y") -> Any:
    """Return a model of nodes from the input "x" of a shape to an output."""
    from onnx import TensorProto, helper, numpy_helper

    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)
    y = helper.make_tensor_value_info(output, TensorProto.FLOAT, None)
    stored = [numpy_helper.from_array(array, name) for name, array in arrays.items()]
    graph = helper.make_graph(nodes, "graph", [x], [y], stored)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
