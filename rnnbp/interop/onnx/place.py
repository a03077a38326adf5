"""A layer's place in an ONNX graph that is built."""

from dataclasses import dataclass, replace

import numpy as np

from rnnbp.cells.base import Array
from rnnbp.interop.onnx.builder import Builder


@dataclass(frozen=True)
class Place:
    """A layer's place in the graph.

    Attributes
    ----------
    builder : Builder
    layer : str
        Number and type of the layer, for messages.
    name : str
        What the names of its nodes and arrays begin with.
    lengths : str
        The name of the lengths (B,), int64.
    ragged : bool
        Whether they are an input of the graph, so that sequences may have padding.
    states : bool
        Whether states are inputs and outputs of the graph.
    """

    builder: Builder
    layer: str
    name: str
    lengths: str
    ragged: bool
    states: bool

    def within(self, name: str) -> "Place":
        """Return the place of a part of the layer."""
        return replace(self, name=f"{self.name}.{name}")

    def store(self, name: str, array: Array) -> str:
        """Store an array of the layer, and return its name."""
        return self.builder.store(f"{self.name}.{name}", array)

    def axis(self, axis: int) -> str:
        """Return the name of the stored number of an axis."""
        return self.builder.once(f"axis {axis}", lambda name: self.builder.store(name, np.array([axis])))

    def refuse(self, why: str) -> ValueError:
        """Return the error for what cannot be exported."""
        return ValueError(f"{self.layer} cannot be exported to ONNX: {why}")
