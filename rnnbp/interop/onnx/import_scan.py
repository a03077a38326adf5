"""Import of the Scan operators that `export_onnx` writes for declared cells."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from rnnbp import cells
from rnnbp.cells.base import Array
from rnnbp.cells.declared import DeclaredCell
from rnnbp.core import initializers
from rnnbp.interop.onnx.import_recurrent import forward_layer, started
from rnnbp.interop.onnx.node import Node, described
from rnnbp.interop.onnx.scan import params_from, scan_body
from rnnbp.interop.onnx.size_rules import outputs_of
from rnnbp.interop.onnx.values import (
    BATCH,
    FEATURES,
    TIME,
    Final,
    Finals,
    Lengths,
    Outputs,
    Repeated,
    Running,
    StateInput,
    Value,
)
from rnnbp.runtime import by_name, from_config


def scan(node: Node, arrays: Mapping[str, Array], classes: Iterable[type]) -> list[Value]:
    """Return the states after the last step and the outputs of a Scan over the steps of a declared cell.

    The cell is made of its description, and what it computes must be the body of the Scan.

    Raises
    ------
    ValueError
        If it is another Scan.
    """
    cell = _cell(node, classes)
    parts = cell.state.split()
    node.only(body=None, num_scan_inputs=None)
    x = outputs_of(node, len(parts))
    if x.axes[:2] != (TIME, BATCH) or len(x.axes) != 3 or not x.last_is_features:
        raise node.refuse(f"the sequences must have the axes (T, B, F), got {x.axes}")
    running = node.input(len(parts) + 1)
    if running is not None and running != Running(Lengths(x.changes)):
        raise node.refuse(f"the last input must tell which steps sequences have, got {described(running)}")
    prefix, ragged = node.proto.name, running is not None
    own = {name.removeprefix(f"{prefix}."): array for name, array in arrays.items() if name.startswith(f"{prefix}.")}
    params = params_from(cell, own)
    dtype = next((array.dtype for array in own.values() if array.dtype.kind == "f"), np.dtype(np.float32))
    wanted, found = scan_body(cell, prefix, dtype, ragged=ragged), node.attributes["body"]
    if wanted.SerializeToString(deterministic=True) != found.SerializeToString(deterministic=True):
        raise node.refuse(f"its body is not the equation of {type(cell).__name__} in this version of rnnbp")
    placed = started(forward_layer(cell), params, _before(node, parts, cell.hidden_size))
    sizes = {k: n for k, n in x.sizes.items() if k in "TB"} | {"F": cell.hidden_size}
    y = Outputs((*x.layers, placed), (TIME, BATCH, FEATURES), sizes, x.ragged or ragged, ragged, x.changes)
    no_output = Finals(tuple[Final, ...](), "c")
    return [*(no_output for _ in parts), y]


def _cell(node: Node, classes: Iterable[type]) -> Any:
    """Return the cell that a node describes."""
    try:
        config = json.loads(node.proto.doc_string)["rnnbp:cell"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise node.refuse("only those of export_onnx, which describe their cell, are supported") from None
    exported = [getattr(cells, name) for name in dir(cells)]
    own = {
        name: one for cls in classes for name, one in ((cls.__name__, cls), (f"{cls.__module__}.{cls.__name__}", cls))
    }
    cell = from_config(config, by_name(exported, initializers.INITIALIZERS.values()) | own)
    if not isinstance(cell, DeclaredCell):
        raise node.refuse(f"it describes {cell!r}, which is no declared cell")
    return cell


def _before(node: Node, parts: list[str], hidden_size: int) -> Array | None:
    """Return the state before the first step that the file contains, (S,); None where it is zero or an input."""
    found = []
    for k in range(len(parts)):
        value = node.input(k)
        if isinstance(value, StateInput):
            return None
        if not isinstance(value, Repeated) or value.array.shape != (1, hidden_size):
            raise node.refuse(f"the state before the first step must be stored or an input, got {described(value)}")
        found.append(value.array[0])
    start = np.concatenate(found)
    return start if start.any() else None
