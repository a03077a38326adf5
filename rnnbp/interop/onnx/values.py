"""What the values of an ONNX graph stand for while it is imported: arrays, sizes, states, and outputs of layers."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from rnnbp.cells.base import Array
from rnnbp.layers import Layer

Axis = tuple[str, ...]  # the axes that are merged in one: ("T",), ("D", "H"); none for an axis of size 1
Size = int | str  # "T" or "B" where it is not known
MOST_LAYERS = 1000
TIME, BATCH, FEATURES, UNITS, DIRECTIONS = ("T",), ("B",), ("F",), ("H",), ("D",)


@dataclass(frozen=True)
class Constant:
    """An array that the file contains."""

    array: Array


@dataclass(frozen=True)
class Filled:
    """An array with one value everywhere, of any shape."""

    value: float


@dataclass(frozen=True)
class Repeated:
    """An array that the file contains, repeated for each sequence: its axis of the batch has size 1."""

    array: Array


@dataclass(frozen=True)
class Sizes:
    """Sizes of axes, as a vector or a single number."""

    sizes: tuple[Size, ...]
    scalar: bool = False


@dataclass(frozen=True)
class Lengths:
    """The number of steps of each sequence, an input of the graph.

    Attributes
    ----------
    changes : tuple of (int, int)
        Of convolutions that changed it since: n steps became (n + the first) // the second + 1.
    """

    changes: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True)
class Running:
    """Whether each sequence has a step, (T, B, 1)."""

    lengths: Lengths


@dataclass(frozen=True)
class StateInput:
    """The state before the first step, an input of the graph."""

    name: str


@dataclass(frozen=True, eq=False)
class Placed:
    """A layer with its parameters, in one place of the model."""

    layer: Layer
    params: Mapping[str, Array] = field(default_factory=dict)


@dataclass(frozen=True)
class Outputs:
    """The outputs of layers in a row.

    Attributes
    ----------
    layers : tuple of Placed
    axes : tuple of Axis
        T time, B batch, F features; of a recurrent operator D directions and H units.
    sizes : dict of str to int
        Of F, D and H; of T and B where the file fixes them.
    ragged : bool
        Whether lengths have been applied, so that steps past the end of a sequence may differ from ours.
    zeroed : bool
        Whether these are zero.
    changes : tuple of (int, int)
        What convolutions did to the number of steps, as in `Lengths`.
    softmax : bool
        Whether a softmax has been applied, which belongs to the loss.
    direction : Final, optional
        The direction of a bidirectional layer whose final outputs these are.
    """

    layers: tuple[Placed, ...]
    axes: tuple[Axis, ...]
    sizes: Mapping[str, int]
    ragged: bool = False
    zeroed: bool = False
    changes: tuple[tuple[int, int], ...] = ()
    softmax: bool = False
    direction: "Final | None" = None

    @property
    def features(self) -> int:
        """The size of the last axis, which is that of the features."""
        return size_of(self.axes[-1], self.sizes)

    @property
    def last_is_features(self) -> bool:
        """Whether the last axis is that of all features, those of the direction forward in time first."""
        last = tuple(name for name in self.axes[-1] if self.sizes.get(name) != 1 or name in "FH")
        return last in (FEATURES, UNITS if self.sizes.get("D", 1) == 1 else (*DIRECTIONS, *UNITS))

    def position(self, axis: Axis) -> int:
        """Return the place of an axis; -1 if there is none."""
        return self.axes.index(axis) if axis in self.axes else -1

    def then(self, layer: Layer, params: Mapping[str, Array] | None = None, width: int | None = None) -> "Outputs":
        """Return the outputs of a further layer, with `width` features if that changes."""
        sizes = {k: n for k, n in self.sizes.items() if k not in "FDH"} | {"F": width or self.features}
        if len(self.layers) >= MOST_LAYERS:
            raise ValueError(f"more than {MOST_LAYERS} layers in a row are not supported")
        for name, shape in layer.shapes().items():
            if (got := (params or {})[name].shape) != shape:
                raise ValueError(f"{name} of {type(layer).__name__} must have shape {shape}, got {got}")
        placed = (*self.layers, Placed(layer, params or {}))
        return replace(self, layers=placed, axes=(*self.axes[:-1], FEATURES), sizes=sizes, zeroed=False, direction=None)

    def without_time(self, layer: Layer, width: int | None = None) -> "Outputs":
        """Return the outputs of a layer that reduces time, (B, F)."""
        return replace(self.then(layer, None, width), axes=(BATCH, FEATURES))


@dataclass(frozen=True)
class Final:
    """The final outputs of one direction of a recurrent layer, (B, H).

    Attributes
    ----------
    alone : tuple of Placed
        The layers whose outputs these are.
    both : tuple of Placed
        The layers whose outputs [forward | backward] these are half of.
    direction : int
    directions : int
        Of the recurrent layer.
    sizes : dict of str to int
    """

    alone: tuple[Placed, ...]
    both: tuple[Placed, ...]
    direction: int
    directions: int
    sizes: Mapping[str, int]

    def outputs(self) -> Outputs:
        """Return them as the outputs of layers, (B, F)."""
        sizes = {k: n for k, n in self.sizes.items() if k not in "DH"} | {"F": self.sizes["H"]}
        return Outputs(self.alone, (BATCH, FEATURES), sizes, direction=self if self.directions == 2 else None)


@dataclass(frozen=True)
class Finals:
    """Final outputs of several directions and layers, stacked along the first of the axes.

    Attributes
    ----------
    parts : tuple of Final
    state : {'h', 'c'}
        c, an LSTM's inner state, is no output of a layer.
    axes : tuple of str
        'D', 'B' and 'H' in the order that they have.
    """

    parts: tuple[Final, ...]
    state: str
    axes: tuple[str, ...] = ("D", "B", "H")


Value = Any  # one of the classes above


def size_of(axis: Axis, sizes: Mapping[str, int]) -> Any:
    """Return the size of an axis: the product of what is merged in it, a name where it is not known.

    Examples
    --------
    >>> size_of(("D", "H"), {"D": 2, "H": 8}), size_of(("T",), {}), size_of((), {})
    (16, 'T', 1)
    """
    known = [sizes.get(name, name) for name in axis if sizes.get(name) != 1]
    if all(isinstance(size, int) for size in known):
        return math.prod(size for size in known if isinstance(size, int))
    return " ".join(map(str, known))


def reshaped(axes: Sequence[Axis], sizes: Mapping[str, int], target: Sequence[Size]) -> tuple[Axis, ...] | None:
    """Return the axes after a reshape that merges or splits neighbouring axes; None for another one.

    Parameters
    ----------
    axes : sequence of Axis
    sizes : dict of str to int
    target : sequence of int or str
        The new sizes: 0 for that of the axis in the same place, -1 for what is left, a name as "T" for that size.

    Examples
    --------
    >>> reshaped([("T",), ("B",), ("D",), ("H",)], {"D": 2, "H": 8}, [0, 0, -1])
    (('T',), ('B',), ('D', 'H'))
    """
    copied = [size_of(axes[k], sizes) if n == 0 and k < len(axes) else n for k, n in enumerate(target)]
    names = [name for axis in axes for name in axis if sizes.get(name) != 1 or name in "TBFH"]
    rest = copied.index(-1) if -1 in copied else len(copied)
    front = _taken(names, sizes, copied[:rest])
    if front is None:
        return None
    left = names[sum(map(len, front)) :]
    back = _taken(left[::-1], sizes, copied[:rest:-1])
    if back is None:
        return None
    behind = tuple(axis[::-1] for axis in reversed(back))
    middle = left[: len(left) - sum(map(len, back))]
    if rest == len(copied):
        return (*front, *behind) if not middle else None
    return (*front, tuple(middle), *behind)


def _taken(names: Sequence[str], sizes: Mapping[str, int], target: Sequence[Size]) -> list[Axis] | None:
    """Return the first names, merged so that they have the sizes of `target`; None where they cannot be."""
    found: list[Axis] = []
    k = 0
    for wanted in target:
        axis: list[str] = []
        while size_of(tuple(axis), sizes) != wanted:
            if k == len(names):
                return None
            axis.append(names[k])
            k += 1
        if not axis and k < len(names) and sizes.get(names[k]) == 1:
            axis, k = [names[k]], k + 1
        found.append(tuple(axis))
    return found
