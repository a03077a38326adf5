"""Workloads of the benchmark: recurrent layers over a grid of sizes, static networks, and an epoch of training."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, Protocol

Passes = dict[str, Any]  # functions without arguments, by the names 'forward', 'training' and 'epoch'
GATES = {"rnn": 1, "lstm": 4, "gru": 3, "original gru": 3}


class Library(ABC):
    """A library to be timed, or one backend of this package's kernels.

    Attributes
    ----------
    limited : bool
        Whether its number of threads can be set. If not, it is timed with the largest number only.
    """

    limited: bool

    @property
    @abstractmethod
    def name(self) -> str:
        """The name in the table."""

    @abstractmethod
    def use_threads(self, threads: int) -> None:
        """Set the number of threads of the following runs."""

    @abstractmethod
    def sequences(self, work: "Sequences") -> Passes:
        """Return the passes of a recurrent layer; none if the library does not have the cell."""

    def static(self, work: "Static") -> Passes:
        """Return the passes of a multi-layer perceptron; none by default."""
        return {}

    def epoch(self, work: "Epoch") -> Passes:
        """Return the pass of an epoch of training; none by default."""
        return {}


class Workload(Protocol):
    """A computation to be timed with every library."""

    @property
    def label(self) -> str:
        """The name of the workload, in the first column of the table."""

    @property
    def sizes(self) -> dict[str, int]:
        """The sizes B, T, F and H, in the columns batch, steps, inputs and hidden of the table."""

    def passes(self, library: Library) -> Passes:
        """Return the passes to be timed with a library."""

    def operations(self, name: str) -> float:
        """Return the floating-point operations of the matrix products in a pass, or 0 where they are not counted."""


@dataclass(frozen=True)
class Sequences(Workload):
    """Forward and backward pass of a recurrent layer over B sequences of T steps, given the cotangent of its outputs.

    The layer is the first of a model, so that the gradient with respect to its input is not computed.
    """

    cell: str
    batch: int
    steps: int
    inputs: int
    hidden: int

    @property
    def label(self) -> str:
        return self.cell

    @property
    def sizes(self) -> dict[str, int]:
        return {"batch": self.batch, "steps": self.steps, "inputs": self.inputs, "hidden": self.hidden}

    def passes(self, library: Library) -> Passes:
        return library.sequences(self)

    def operations(self, name: str) -> float:
        forward = (self.inputs + self.hidden) * self.hidden
        backward = forward + self.hidden**2 if name == "training" else 0  # of the weights, and of the state
        return 2.0 * self.batch * self.steps * GATES.get(self.cell, 0) * (forward + backward)


@dataclass(frozen=True)
class Static(Workload):
    """Forward and backward pass of a multi-layer perceptron with ReLU units and cross entropy.

    The gradient with respect to the input of the first layer is not computed.
    """

    widths: tuple[int, ...]
    batch: int

    @property
    def label(self) -> str:
        return "mlp " + "-".join(map(str, self.widths))

    @property
    def sizes(self) -> dict[str, int]:
        return {"batch": self.batch, "steps": 1, "inputs": self.widths[0], "hidden": max(self.widths[1:-1])}

    def passes(self, library: Library) -> Passes:
        return library.static(self)

    def operations(self, name: str) -> float:
        weights = [a * b for a, b in zip(self.widths[:-1], self.widths[1:], strict=True)]
        # training has three products a layer: outputs, weight gradient, and input gradient except in the first layer
        return 2.0 * self.batch * (sum(weights) if name == "forward" else 3 * sum(weights) - weights[0])


@dataclass(frozen=True)
class Epoch(Workload):
    """Epoch of training on Japanese Vowels, with all steps from batching to the optimizer (Adam).

    The model is an LSTM over sequences of different lengths whose last output is classified into nine classes.
    """

    hidden: int = 64
    batch: int = 16

    @property
    def label(self) -> str:
        return "epoch of japanese-vowels"

    @property
    def sizes(self) -> dict[str, int]:
        # the longest sequence has 26 steps
        return {"batch": self.batch, "steps": 26, "inputs": 12, "hidden": self.hidden}

    def passes(self, library: Library) -> Passes:
        return library.epoch(self)

    def operations(self, name: str) -> float:
        return 0.0


# Sizes (B, T, F, H) of the recurrent layers.
GRID = (
    *((1, 100, 13, 32), (16, 100, 13, 64), (32, 100, 40, 128), (32, 200, 40, 256), (64, 100, 128, 512)),
    *((8, 1000, 13, 64), (128, 29, 12, 100)),
)
QUICK = ((1, 100, 13, 32), (16, 100, 13, 64), (32, 100, 40, 128))
MLPS = tuple(Static(widths, batch) for widths in ((64, 64, 10), (784, 512, 512, 10)) for batch in (32, 256))
BASE = {"batch": 16, "steps": 100, "inputs": 32, "hidden": 64}
GROWTH = {"steps": (50, 100, 200, 400), "batch": (8, 16, 32, 64), "hidden": (64, 128, 256, 512)}


def growing(cell: str, size: str, values: tuple[int, ...]) -> list[Sequences]:
    """Return workloads that differ in one size.

    Examples
    --------
    >>> [work.steps for work in growing("gru", "steps", (50, 100))]
    [50, 100]
    """
    return [Sequences(cell, **(BASE | {size: value})) for value in values]
