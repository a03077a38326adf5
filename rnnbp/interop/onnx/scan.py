"""Declared cells as the ONNX operator Scan, whose body is one step of the cell's equation."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from rnnbp.cells.base import Array
from rnnbp.cells.declared import DeclaredCell
from rnnbp.cells.declared.derivation import constants_of
from rnnbp.cells.declared.expressions import Expression, reachable
from rnnbp.cells.declared.layout import Run
from rnnbp.runtime import require, to_config

OPERATORS = {
    "abs": "Abs",
    "add": "Add",
    "cos": "Cos",
    "div": "Div",
    "exp": "Exp",
    "maximum": "Max",
    "mul": "Mul",
    "neg": "Neg",
    "relu": "Relu",
    "sigmoid": "Sigmoid",
    "sin": "Sin",
    "softplus": "Softplus",
    "stop_gradient": "Identity",
    "sub": "Sub",
    "tanh": "Tanh",
}


def can_scan(cell: Any) -> bool:
    """Return whether a cell's equation says all, so that a Scan can compute it.

    Examples
    --------
    >>> from rnnbp.cells import JordanCell, LEMCell
    >>> can_scan(LEMCell(2, 3)), can_scan(JordanCell(2, 3, 1))
    (True, False)
    """
    return isinstance(cell, DeclaredCell) and cell.is_derived


def stored_arrays(cell: DeclaredCell, params: Mapping[str, Array]) -> dict[str, Array]:
    """Return the arrays that the body of a Scan takes: rows of weights and biases, and element-wise parameters.

    Examples
    --------
    >>> from rnnbp.cells import OriginalGRUCell
    >>> cell = OriginalGRUCell(2, 3)
    >>> {name: array.shape for name, array in stored_arrays(cell, _zeros(cell)).items()}
    {'w0': (9, 2), 'b0': (9,), 'w1': (6, 3), 'b1': (6,), 'w2': (3, 3), 'b2': (3,)}
    """
    found = {}
    for k, run in enumerate(cell.layout.products):
        for letter, name, rows in _places(run):
            found[f"{letter}{k}"] = params[name][_rows(cell, rows)]
    return found | {name: params[name] for name in cell.layout.parameter_columns}


def params_from(cell: DeclaredCell, arrays: Mapping[str, Array]) -> dict[str, Array]:
    """Return the parameters of a cell from the arrays that `stored_arrays` made of them.

    Raises
    ------
    ValueError
        If one has another shape.
    """
    params = _zeros(cell)
    wanted = {name: array.shape for name, array in stored_arrays(cell, params).items()}
    for name, shape in wanted.items():
        if arrays[name].shape != shape:
            raise ValueError(f"{name} of {type(cell).__name__} must have shape {shape}, got {arrays[name].shape}")
    for k, run in enumerate(cell.layout.products):
        for letter, name, rows in _places(run):
            params[name][_rows(cell, rows)] = arrays[f"{letter}{k}"]
    return params | {name: arrays[name] for name in cell.layout.parameter_columns}


def _zeros(cell: DeclaredCell) -> dict[str, Array]:
    return {name: np.zeros(shape) for name, shape in cell.shapes().items()}


def _places(run: Run) -> list[tuple[str, str, tuple[int, int]]]:
    """Return where the weights of a product are, and its biases: a letter, the parameter, and the rows."""
    weights = [("w", run.weight, run.rows)]
    return weights if run.bias is None else [*weights, ("b", run.bias, run.bias_rows)]


def _rows(cell: DeclaredCell, rows: tuple[int, int]) -> slice:
    return slice(rows[0] * cell.hidden_size, rows[1] * cell.hidden_size)


def description(cell: DeclaredCell) -> str:
    """Return a cell with its arguments as text, which the node of a Scan carries."""
    return json.dumps({"rnnbp:cell": to_config(cell)})


def scan_body(cell: DeclaredCell, prefix: str, dtype: np.dtype, *, ragged: bool) -> Any:
    """Return the body of a Scan, an onnx.GraphProto: one step of a cell.

    Inputs are the parts of the state, x (B, F) and, where `ragged`, whether each sequence has this step, (B, 1).
    Outputs are the parts of the state after the step, and the output. Arrays are those of `stored_arrays`, their names
    with a prefix.
    """
    return _Body(cell, prefix, np.dtype(dtype), ragged).graph()


@dataclass
class _Body:
    """The body of a Scan under construction."""

    cell: DeclaredCell
    prefix: str
    dtype: np.dtype
    ragged: bool

    def __post_init__(self) -> None:
        self.onnx = require("onnx", extra="onnx")
        self.nodes: list[Any] = []
        self.names: dict[Expression, str] = {}
        self.kind = self.onnx.helper.np_dtype_to_tensor_dtype(self.dtype)

    def graph(self) -> Any:
        """Return the graph of one step."""
        equation, H = self.cell.derivation.program.equation, self.cell.hidden_size
        self.names |= {symbol: self._own(f"{name} before") for name, symbol in equation.states.items()}
        self.names[equation.x] = self._own("x")
        self.names |= {symbol: self._stored(name) for name, symbol in equation.parameters.items()}
        for node in reachable(equation.results.values()):
            if node not in self.names:
                self.names[node] = self._value(node)
        inputs = [self._declared(self.names[symbol], H) for symbol in equation.states.values()]
        inputs.append(self._declared(self._own("x"), self.cell.input_size))
        if self.ragged:
            inputs.append(self._declared(self._own("running"), 1, self.onnx.TensorProto.BOOL))
        outputs = []
        for name, result in equation.results.items():
            after = self._unless_past(self.names[result], self._own(f"{name} before"), f"{name} after")
            outputs.append(self._declared(after, H))
        zero = self._number(0.0) if self.ragged else ""
        y = self._unless_past(self._own(f"{next(iter(equation.results))} after"), zero, "y")
        outputs.append(self._declared(y, H))
        return self.onnx.helper.make_graph(self.nodes, f"{type(self.cell).__name__} step", inputs, outputs)

    def _declared(self, name: str, width: int, kind: int | None = None) -> Any:
        return self.onnx.helper.make_tensor_value_info(name, kind or self.kind, ["batch", width])

    def _own(self, name: str) -> str:
        """Return a name of this body: names must differ from those of the graph around it."""
        return f"{self.prefix} step, {name}"

    def _stored(self, name: str) -> str:
        return f"{self.prefix}.{name}"

    def _add(self, op: str, inputs: list[str], name: str, **attributes: Any) -> str:
        """Add a node, and return the name of its value; that of one which is there already."""
        found = self._own(name)
        if not any(found in node.output for node in self.nodes):
            self.nodes.append(self.onnx.helper.make_node(op, inputs, [found], **attributes))
        return found

    def _unless_past(self, value: str, otherwise: str, name: str) -> str:
        """Add what takes a value, and another one past the end of a sequence."""
        if not self.ragged:
            return self._add("Identity", [value], name)
        return self._add("Where", [self._own("running"), value, otherwise], name)

    def _value(self, node: Expression) -> str:
        """Add the nodes of an expression, and return the name of its value."""
        name = f"value {node.number}"
        if node.op == "number":
            return self._number(node.label)
        if node.op == "constant":
            return self._number(float(constants_of(self.cell)[node.label]))
        if node.op == "weighted":
            return self._product(node)
        inputs = [self.names[arg] for arg in node.args]
        if node.op == "spike":
            fired = self._add("Greater", [inputs[0], self._number(0.0)], f"{name} fired")
            return self._add("Cast", [fired], name, to=self.kind)
        return self._add(OPERATORS[node.op], inputs, name)

    def _number(self, value: float) -> str:
        tensor = self.onnx.numpy_helper.from_array(np.array(value, self.dtype))
        return self._add("Constant", [], f"number {value!r}", value=tensor)

    def _product(self, term: Expression) -> str:
        """Add the product that a term is a block of, and return the name of the block."""
        products = self.cell.layout.products
        k, run = next((k, run) for k, run in enumerate(products) if any(one.term is term for one in run.blocks))
        j = next(j for j, one in enumerate(run.blocks) if one.term is term)
        arrays = [self._stored(f"{letter}{k}") for letter, _, _ in _places(run)]
        whole = self._add("Gemm", [self.names[run.source], *arrays], f"product {k}", transB=1)
        if len(run.blocks) == 1:
            return whole
        H = self.cell.hidden_size
        bounds = [self._integers([one]) for one in (j * H, (j + 1) * H, 1)]
        return self._add("Slice", [whole, *bounds], f"product {k}, block {j}")

    def _integers(self, values: list[int]) -> str:
        return self._add("Constant", [], f"integers {values}", value_ints=values)
