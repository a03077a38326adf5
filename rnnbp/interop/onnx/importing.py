"""Import of ONNX models: the graph is followed from its input, node by node, as layers in a row."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rnnbp import losses
from rnnbp.data import names_or_none
from rnnbp.interop.onnx.axis_rules import both_ends
from rnnbp.interop.onnx.constants import Constants
from rnnbp.interop.onnx.functions import BODIES, DOMAIN, function
from rnnbp.interop.onnx.import_scan import scan
from rnnbp.interop.onnx.layer_functions import LAYER_FUNCTIONS
from rnnbp.interop.onnx.node import Node, NodeError
from rnnbp.interop.onnx.reading import arrays_of, opset_of, read_proto
from rnnbp.interop.onnx.rules import RULES
from rnnbp.interop.onnx.values import (
    BATCH,
    FEATURES,
    TIME,
    Axis,
    Constant,
    Finals,
    Lengths,
    Outputs,
    StateInput,
    Value,
)
from rnnbp.losses import CrossEntropy
from rnnbp.models import Sequential
from rnnbp.runtime import by_name, choice, from_config, refuses_by_name

AXES: dict[int, tuple[tuple[Axis, ...], ...]] = {
    3: ((TIME, BATCH, FEATURES), (BATCH, TIME, FEATURES), (BATCH, FEATURES, TIME)),
    2: ((TIME, BATCH), (BATCH, TIME)),
}


@refuses_by_name
def import_onnx(path: str | Path, output: str | None = None, classes: Iterable[type] = ()) -> Sequential:
    """Read an ONNX model of layers in a row as a model of this package.

    Recurrent operators become `rnnbp.LSTM`, `rnnbp.GRU`, `rnnbp.OriginalGRU`, `rnnbp.Elman` and, with options that
    these do not have, `rnnbp.Recurrent` or `rnnbp.Bidirectional` with a cell that has them; around them is taken what
    PyTorch's exporter writes, and what `export_onnx` does, with its Scan of any declared cell.

    The model takes (T, B, ...), whatever the order in the file; ``model.info["onnx"]`` tells that of the file. A
    softmax at the end is left to the loss, which is then `rnnbp.CrossEntropy`. Branches that meet again become
    `rnnbp.Residual`, `rnnbp.Highway` and `rnnbp.Parallel`; a tied layer becomes a `rnnbp.Dense` with its own weights.

    Parameters
    ----------
    path : str or Path
        The file is not trusted: it is checked by onnx.checker, its size is limited, and no other file is opened.
    output : str, optional
        The name of the output. Default: the first one that is not the final state of a recurrent layer.
    classes : iterable of type, optional
        User-defined declared cells that the model uses, of those that `export_onnx` wrote.

    Returns
    -------
    Sequential
        A state before the first step that is an input of the file is given to the model by `Sequential.step` and
        `Sequential.forward_from`, as that of any model.

    Raises
    ------
    FileNotFoundError, IsADirectoryError
        If there is no such file, or it is a folder.
    ValueError
        If the file is not a valid model, or has an operator or attribute that is not supported: the message names the
        node, the operator and what it is about.
    ImportError
        If onnx is not installed.

    See Also
    --------
    export_onnx : the other direction.

    Examples
    --------
    >>> model = import_onnx("vowels.onnx")  # doctest: +SKIP
    >>> trainer = rnnbp.Trainer(model, rnnbp.CrossEntropy())  # doctest: +SKIP
    """
    model = read_proto(path)
    try:
        return from_proto(model, output, classes)
    except ValueError as error:
        raise ValueError(f"{str(path)!r} cannot be imported: {error}") from None


def from_proto(model: Any, output: str | None = None, classes: Iterable[type] = ()) -> Sequential:
    """Return the model of a checked onnx.ModelProto; see `import_onnx`."""
    _check_functions(model)
    arrays, own, failures = arrays_of(model.graph), tuple(classes), list[tuple[int, ValueError]]()
    source = _source(model.graph, arrays)
    for axes in _candidates(source):
        graph = _Graph(model, arrays, source, axes, own)
        try:
            return graph.imported(output)
        except ValueError as error:
            failures.append((graph.followed, error))
    raise max(failures, key=lambda failure: failure[0])[1]  # with the axes with which it went furthest


def _check_functions(model: Any) -> None:
    for found in model.functions:
        own = found.domain == DOMAIN and found.name in BODIES
        if not own or found.SerializeToString(deterministic=True) != function(found.name).SerializeToString(
            deterministic=True
        ):
            raise ValueError(f"the function {found.domain}.{found.name} is none of this version of rnnbp")


def _source(graph: Any, arrays: Mapping[str, Any]) -> Any:
    """Return the input of the graph that sequences are given as: the first one."""
    given = [one for one in graph.input if one.name not in arrays]
    if not given or len(given[0].type.tensor_type.shape.dim) not in AXES:
        name = given[0].name if given else ""
        raise ValueError(f"the first input, {name!r}, must be sequences: of three axes, or of two for tokens")
    return given[0]


def _candidates(source: Any) -> Iterator[tuple[Axis, ...]]:
    """Yield the axes that the input may have, those that its names suggest first."""
    names = [str(dim.dim_param).casefold() for dim in source.type.tensor_type.shape.dim]
    candidates = AXES[len(names)]
    yield from sorted(candidates, key=lambda axes: "batch" in names[0] and axes[0] != BATCH)


class _Graph:
    """A graph whose nodes are followed, with its input's axes."""

    def __init__(
        self, model: Any, arrays: Mapping[str, Any], source: Any, axes: tuple[Axis, ...], classes: tuple[type, ...]
    ) -> None:
        self.model, self.arrays, self.axes, self.classes = model, arrays, axes, classes
        self.values: dict[str, Value] = {name: Constant(array) for name, array in arrays.items()}
        self.opset, self.followed, self.constants = opset_of(model), 0, Constants(arrays)
        dims = source.type.tensor_type.shape.dim
        sizes = {axis[0]: dim.dim_value for axis, dim in zip(axes, dims, strict=True) if dim.dim_value > 0}
        self.values[source.name] = Outputs((), axes, sizes)
        for one in model.graph.input:
            if one.name not in self.values:
                self.values[one.name] = _side_input(one)

    def imported(self, output: str | None) -> Sequential:
        """Follow all nodes, and return the model of an output."""
        for proto in self.model.graph.node:
            for name, value in zip(proto.output, self._checked_results(proto), strict=False):
                self.values[name] = value
            self.followed += 1
        name = self._output(output)
        return _built(self._outputs(name), self.arrays, self._info(name), _metadata(self.model))

    def _checked_results(self, proto: Any) -> Sequence[Value]:
        """Return what the outputs of a node stand for; an error names the node, whatever is wrong in the file."""
        node = Node(proto, [self.values[name] if name else None for name in proto.input], self.opset)
        try:
            return self._results(node)
        except NodeError:
            raise
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            raise node.refuse(f"it is not as the operator is defined: {error}") from error

    def _results(self, node: Node) -> Sequence[Value]:
        if node.domain == DOMAIN:
            return [LAYER_FUNCTIONS[node.op](node)]
        if node.domain not in ("", "ai.onnx"):
            raise node.refuse("operators of this domain are not supported")
        if self.constants.takes(node):
            return self.constants.values(node)
        if node.op == "Scan":
            return scan(node, self.arrays, self.classes)
        if node.op not in RULES:
            raise node.refuse(f"the operator is not supported; {', '.join(sorted(RULES))} are")
        found = RULES[node.op](node)
        return found if isinstance(found, list) else [found]

    def _output(self, output: str | None) -> str:
        names = [one.name for one in self.model.graph.output]
        if not names:
            raise ValueError("the graph has no output")
        if output is not None:
            return choice("output", output, names)
        outputs = [name for name in names if isinstance(self.values[name], Outputs)]
        return (outputs or [name for name in names if isinstance(self.values[name], Finals)] or names)[0]

    def _outputs(self, name: str) -> Outputs:
        value = self.values[name]
        if isinstance(value, Finals):
            value = _ends(name, value)
        if not isinstance(value, Outputs):
            raise ValueError(f"the output {name!r} must be the outputs of layers, got {type(value).__name__.lower()}")
        if not value.layers:
            raise ValueError(f"the output {name!r} is that of no layer")
        return value

    def _info(self, name: str) -> dict[str, Any]:
        value = self.values[name]
        axes = [list(axis) for axis in value.axes] if isinstance(value, Outputs) else list(value.axes)
        return {
            "input axes": [axis[0] for axis in self.axes],
            "output": name,
            "output axes": axes,
            "opset": self.opset,
            "producer": f"{self.model.producer_name} {self.model.producer_version}".strip(),
        }


def _ends(name: str, value: Finals) -> Outputs:
    """Return a final state that is an output of the graph as the outputs of layers."""
    found = both_ends(value.parts) if value.state == "h" else None
    if found is None:
        raise ValueError(f"the output {name!r} is a final state that is no output of a layer: choose one by output=")
    return found


def _side_input(one: Any) -> Value:
    """Return what an input of the graph besides the sequences stands for, by its number of axes."""
    if len(one.type.tensor_type.shape.dim) == 1:
        return Lengths()
    return StateInput(one.name)


def _metadata(model: Any) -> dict[str, Any]:
    """Return what `export_onnx` wrote about a model."""
    found = {}
    for entry in model.metadata_props:
        if entry.key in ("rnnbp:classes", "rnnbp:features", "rnnbp:loss", "rnnbp:info"):
            try:
                found[entry.key.removeprefix("rnnbp:")] = json.loads(entry.value)
            except (ValueError, RecursionError):
                raise ValueError(f"the metadata {entry.key!r} is not JSON") from None
    if not isinstance(found.get("info", {}), dict):
        raise ValueError(f"the metadata 'rnnbp:info' must be a JSON object, got {found['info']!r}")
    return found


def _built(
    outputs: Outputs, arrays: Mapping[str, Any], info: dict[str, Any], metadata: Mapping[str, Any]
) -> Sequential:
    doubles = any(array.dtype == np.float64 for placed in outputs.layers for array in placed.params.values())
    singles = any(array.dtype == np.float32 for array in arrays.values())
    model = Sequential(
        *(one.layer for one in outputs.layers), dtype=np.float64 if doubles and not singles else np.float32
    )
    for i, placed in enumerate(outputs.layers):
        for name, array in placed.params.items():
            model.params[f"{i}.{name}"] = array
    if outputs.softmax:
        model.loss = CrossEntropy()
    if metadata.get("loss") is not None:
        known = by_name(getattr(losses, name) for name in dir(losses))
        loss = from_config(metadata["loss"], known)
        if not isinstance(loss, losses.Loss):
            raise ValueError(f"the metadata 'rnnbp:loss' must be a loss, got {loss!r}")
        model.loss = loss
    model.classes = names_or_none(metadata.get("classes"))
    features = names_or_none(metadata.get("features"), "features")
    model.feature_names = None if features is None else tuple(features)
    model.info = dict(metadata.get("info") or {}) | {"onnx": info}
    return model
