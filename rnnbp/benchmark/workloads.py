"""What is timed: recurrent layers over a grid of sizes, static nets, and an epoch of training."""

from dataclasses import dataclass
from typing import Any, Protocol

Passes = dict[str, Any]  # 'forward', 'training' or 'epoch': a function without arguments
GATES = {"rnn": 1, "lstm": 4, "gru": 3, "original gru": 3}


class Contestant(Protocol):
    """A library, or one kind of this package's kernels. Each method gives the passes it can run, or none.

    Attributes
    ----------
    name : str
    limited : bool
        Whether it can be told how many threads to use; one that cannot runs only with the most.
    """

    @property
    def name(self) -> str: ...
    @property
    def limited(self) -> bool: ...

    def use_threads(self, threads: int) -> None:
        """Run with so many threads from now on."""

    def sequences(self, work: "Sequences") -> Passes:
        """A recurrent layer."""

    def static(self, work: "Static") -> Passes:
        """A multi-layer perceptron."""

    def epoch(self, work: "Epoch") -> Passes:
        """A whole epoch of training."""


class Workload(Protocol):
    """Something that contestants are given to do."""

    @property
    def label(self) -> str:
        """What kind it is: the table's first column."""

    @property
    def sizes(self) -> dict[str, int]:
        """The table's columns of sizes."""

    def passes(self, contestant: Contestant) -> Passes:
        """What the contestant runs for it."""

    def operations(self, name: str) -> float:
        """Floating-point operations of the matrix products of a pass, or 0 where they are not counted."""


@dataclass(frozen=True)
class Sequences:
    """A recurrent layer over B sequences of T steps, the error of every output given; the layer is a model's first,
    so that its input's gradient is not asked for.
    """

    cell: str
    batch: int
    steps: int
    inputs: int
    hidden: int

    @property
    def label(self) -> str:
        """The cell."""
        return self.cell

    @property
    def sizes(self) -> dict[str, int]:
        """B, T, F, H."""
        return {"batch": self.batch, "steps": self.steps, "inputs": self.inputs, "hidden": self.hidden}

    def passes(self, contestant: Contestant) -> Passes:
        """Forward; forward and backward."""
        return contestant.sequences(self)

    def operations(self, name: str) -> float:
        """Forward (F + H) G H, backward H G H for the state and (F + H) G H for the weights: each twice."""
        there = (self.inputs + self.hidden) * self.hidden
        back = there + self.hidden**2 if name == "training" else 0
        return 2.0 * self.batch * self.steps * GATES.get(self.cell, 0) * (there + back)


@dataclass(frozen=True)
class Static:
    """A multi-layer perceptron with relu, and cross entropy; of its first layer no input's gradient is asked for."""

    widths: tuple[int, ...]
    batch: int

    @property
    def label(self) -> str:
        """Its widths."""
        return "mlp " + "-".join(map(str, self.widths))

    @property
    def sizes(self) -> dict[str, int]:
        """B, F, and the widest hidden layer."""
        return {"batch": self.batch, "steps": 1, "inputs": self.widths[0], "hidden": max(self.widths[1:-1])}

    def passes(self, contestant: Contestant) -> Passes:
        """Forward; forward, loss and backward."""
        return contestant.static(self)

    def operations(self, name: str) -> float:
        """Each weight once forward, once for its gradient, once for the error below; not below the first layer."""
        weights = [a * b for a, b in zip(self.widths[:-1], self.widths[1:], strict=True)]
        return 2.0 * self.batch * (sum(weights) if name == "forward" else 3 * sum(weights) - weights[0])


@dataclass(frozen=True)
class Epoch:
    """An epoch of Japanese Vowels: batches drawn, an LSTM over unequal lengths, its last output to nine classes, loss,
    gradient, Adam.
    """

    hidden: int = 64
    batch: int = 16

    @property
    def label(self) -> str:
        """The dataset."""
        return "epoch of japanese-vowels"

    @property
    def sizes(self) -> dict[str, int]:
        """Of the longest sequence."""
        return {"batch": self.batch, "steps": 26, "inputs": 12, "hidden": self.hidden}

    def passes(self, contestant: Contestant) -> Passes:
        """One pass through the training set."""
        return contestant.epoch(self)

    def operations(self, name: str) -> float:
        """Not counted."""
        return 0.0


# The grid: B, T, F, H.
GRID = (
    *((1, 100, 13, 32), (16, 100, 13, 64), (32, 100, 40, 128), (32, 200, 40, 256), (64, 100, 128, 512)),
    *((8, 1000, 13, 64), (128, 29, 12, 100)),
)
QUICK = ((1, 100, 13, 32), (16, 100, 13, 64), (32, 100, 40, 128))
MLPS = tuple(Static(widths, batch) for widths in ((64, 64, 10), (784, 512, 512, 10)) for batch in (32, 256))
BASE = {"batch": 16, "steps": 100, "inputs": 32, "hidden": 64}
GROWTH = {"steps": (50, 100, 200, 400), "batch": (8, 16, 32, 64), "hidden": (64, 128, 256, 512)}


def growing(cell: str, size: str, values: tuple[int, ...]) -> list[Sequences]:
    """The workloads that differ in one size.

    Examples
    --------
    >>> [work.steps for work in growing("gru", "steps", (50, 100))]
    [50, 100]
    """
    return [Sequences(cell, **(BASE | {size: value})) for value in values]
