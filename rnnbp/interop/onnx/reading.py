"""Reading of ONNX files, which are not trusted: sizes are limited, and no other file is opened."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rnnbp.runtime import checked_path, require

MOST_BYTES = 2**31 - 1  # of a message of Protocol Buffers
MOST_NODES = 20_000
FLOATS = ("float32", "float64")


def read_proto(path: str | Path) -> Any:
    """Return the model of an ONNX file, checked.

    Raises
    ------
    FileNotFoundError, IsADirectoryError
        If there is no such file, or it is a folder.
    ValueError
        If it is no valid ONNX model, is too large, or refers to other files.
    """
    onnx, source = require("onnx", extra="onnx"), checked_path("path", path)
    if source.is_dir():
        raise IsADirectoryError(f"{str(path)!r} is a folder, not an ONNX file")
    with source.open("rb") as file:
        if (size := os.fstat(file.fileno()).st_size) > MOST_BYTES:
            raise ValueError(f"{str(path)!r} has {size} bytes, an ONNX file has at most {MOST_BYTES}")
        data = file.read(size)
    try:
        model = onnx.load_model_from_string(data)
    except Exception as error:  # of Protocol Buffers, which has several
        raise ValueError(f"{str(path)!r} is not an ONNX file: {error}") from None
    try:
        check_proto(model)
    except ValueError as error:
        raise ValueError(f"{str(path)!r}: {error}") from None
    return model


def check_proto(model: Any) -> None:
    """Raise unless a model is valid, small enough, and refers to no other file.

    Raises
    ------
    ValueError
    """
    onnx = require("onnx", extra="onnx")
    if len(model.graph.node) > MOST_NODES:
        raise ValueError(f"the graph has {len(model.graph.node)} nodes, at most {MOST_NODES} are taken")
    for tensor in _tensors(model.graph):
        if tensor.external_data or tensor.data_location == onnx.TensorProto.EXTERNAL:
            raise ValueError(f"the array {tensor.name!r} is in another file, which is not opened: store it inside")
    try:
        onnx.checker.check_model(model)
    except (onnx.checker.ValidationError, RuntimeError, ValueError) as error:
        raise ValueError(f"onnx.checker refuses the model: {error}") from None


def _tensors(graph: Any) -> Iterator[Any]:
    yield from graph.initializer
    for sparse in graph.sparse_initializer:
        yield from (sparse.values, sparse.indices)
    for node in graph.node:
        for attribute in node.attribute:
            yield from (attribute.t, *attribute.tensors)
            for inner in (attribute.g, *attribute.graphs):
                if inner.node or inner.initializer:
                    yield from _tensors(inner)


def opset_of(model: Any) -> int:
    """Return the version of the standard operators."""
    for entry in model.opset_import:
        if entry.domain in ("", "ai.onnx"):
            return int(entry.version)
    raise ValueError("the file does not say which version of ONNX's operators it uses")


def arrays_of(graph: Any) -> dict[str, Any]:
    """Return the stored arrays of a graph by name.

    Raises
    ------
    ValueError
        If one is sparse, or of a floating-point type other than float32 and float64.
    """
    to_array = require("onnx", extra="onnx").numpy_helper.to_array
    if graph.sparse_initializer:
        raise ValueError(f"the array {graph.sparse_initializer[0].values.name!r} is sparse, which is not supported")
    found = {}
    for tensor in graph.initializer:
        try:
            found[tensor.name] = to_array(tensor)
        except (LookupError, TypeError, ValueError) as error:
            raise ValueError(f"the array {tensor.name!r} is damaged: {error}") from None
    for name, array in found.items():
        if array.dtype.kind not in "iub" and str(array.dtype) not in FLOATS:
            raise ValueError(f"the array {name!r} is of {array.dtype}; float32 and float64 are supported")
    return found
