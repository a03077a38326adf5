"""A fixed-point equation as instructions on arrays, with its constants."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from rnnbp.cells.base import Weights
from rnnbp.cells.declared import DeclaredCell
from rnnbp.cells.declared.expressions import Expression
from rnnbp.cells.declared.instructions import Instructions, Key
from rnnbp.kernels.base import Array


@dataclass(frozen=True)
class Equation:
    """An equation z = f(z) for N rows of problems, as instructions on arrays.

    Attributes
    ----------
    cell : DeclaredCell
    instructions : Instructions
    weights : mapping of str to ndarray
        Those of the cell's equation.
    values : mapping of Key to ndarray
        The constants (N, H), besides numbers, biases and element-wise parameters, which are the same in all rows.
    """

    cell: DeclaredCell
    instructions: Instructions
    weights: Weights
    values: Mapping[Key, Array]

    def constant(self, keys: tuple[Key, ...], rows: slice) -> Array | float:
        """Return a constant's values for some rows."""
        return sum((self._term(key, rows) for key in keys), start=0.0)

    def weight(self, name: str, row: int) -> Array:
        """Return H rows of a parameter."""
        H = self.cell.hidden_size
        return self.weights[name][row * H : (row + 1) * H]

    def _term(self, key: Key, rows: slice) -> Array | float:
        if key in self.values:
            return self.values[key][rows]
        if isinstance(key, tuple):
            return self.weight(*key)
        if key.op == "parameter":
            return self.weights[key.label]
        return key.label if key.op == "number" else self._scalars[key]

    @cached_property
    def _scalars(self) -> dict[Expression, float]:
        """The numbers from the cell's fields."""
        return dict(zip(self.cell.derivation.program.constants, self.cell.constants, strict=True))
