"""A node of an ONNX graph while it is imported: its attributes, and errors that name it."""

from functools import cached_property
from typing import Any

from rnnbp.interop.onnx.values import Constant, Value
from rnnbp.runtime import require


class NodeError(ValueError):
    """Error that names the node it is about."""


class Node:
    """A node with the values of its inputs.

    Parameters
    ----------
    proto : onnx.NodeProto
    inputs : list
        What each input stands for (`values`); None for one that is left out.
    opset : int
        Version of the standard operators.
    """

    def __init__(self, proto: Any, inputs: list[Value], opset: int) -> None:
        self.proto, self.inputs, self.opset = proto, inputs, opset
        self.op, self.domain = proto.op_type, proto.domain

    @cached_property
    def attributes(self) -> dict[str, Any]:
        """The attributes by name; text is decoded."""
        value_of = require("onnx", extra="onnx").helper.get_attribute_value
        return {a.name: _decoded(value_of(a)) for a in self.proto.attribute}

    def input(self, k: int) -> Value:
        """Return what the input k stands for; None if it is left out."""
        return self.inputs[k] if k < len(self.inputs) else None

    def array(self, k: int, what: str) -> Any:
        """Return the array of the input k.

        Raises
        ------
        ValueError
            If it is none that the file contains.
        """
        value = self.input(k)
        if not isinstance(value, Constant):
            raise self.refuse(f"input {k} ({what}) must be an array that the file contains, got {described(value)}")
        return value.array

    def axes(self, k: int = 1) -> list[int] | None:
        """Return the attribute ``axes``, or input k, which later opsets have in its place; None without both."""
        if "axes" in self.attributes:
            return list(self.attributes["axes"])
        if self.input(k) is None:
            return None
        return [int(one) for one in self.array(k, "axes").reshape(-1)]

    def only(self, **taken: Any) -> None:
        """Raise unless every attribute is one of `taken`, with this value where that is not None."""
        for name, value in self.attributes.items():
            if name not in taken:
                raise self.refuse(f"attribute {name!r} is not supported")
            if taken[name] is not None and value != taken[name]:
                raise self.refuse(f"attribute {name!r} = {value!r} is not supported, {taken[name]!r} is")

    def refuse(self, why: str) -> NodeError:
        """Return an error that names the node, by its first output where it has no name, and the operator."""
        operator = f"{self.domain}.{self.op}" if self.domain else self.op
        name = self.proto.name or next(iter(self.proto.output), "")
        return NodeError(f"node {name!r}, operator {operator}: {why}")


def described(value: Value) -> str:
    """Return what a value stands for, for messages."""
    return "nothing" if value is None else type(value).__name__.lower()


def _decoded(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return [_decoded(item) for item in value] if isinstance(value, list) else value
