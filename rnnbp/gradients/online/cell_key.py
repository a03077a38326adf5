"""Keys of caches of what depends on a cell's structure: the same in all batches of a model."""

from collections.abc import Hashable
from typing import Any

from rnnbp.cells import Cell, Stack
from rnnbp.gradients.online.detached_layers import Detached
from rnnbp.gradients.online.identity import Identity
from rnnbp.gradients.online.layer_cells import LayerCell, ParameterFreeCell


class CellKey:
    """A key for a cell, equal to those of cells with the same structure.

    A decomposition makes the cells of layers without recurrence, and the stack of all cells, for each batch. These are
    told apart by what they are made of; any other cell is equal to itself alone, as it may have fields that are not
    compared.

    Parameters
    ----------
    cell : Cell

    Examples
    --------
    >>> from rnnbp.cells import ElmanCell
    >>> from rnnbp.gradients.online.layer_cells import RunningMeanCell
    >>> cell = ElmanCell(1, 2)
    >>> CellKey(Stack((cell, RunningMeanCell(2)))) == CellKey(Stack((cell, RunningMeanCell(2))))
    True
    >>> CellKey(cell) == CellKey(ElmanCell(1, 2))
    False
    """

    __slots__ = ("cell", "structure")

    def __init__(self, cell: Cell) -> None:
        self.cell, self.structure = cell, _structure(cell)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CellKey) and self.structure == other.structure

    def __hash__(self) -> int:
        return hash(self.structure)


def _structure(cell: Any) -> Hashable:
    if type(cell) is Stack:
        return (Stack, *map(_structure, cell.cells))
    if isinstance(cell, Detached):
        return Detached, _structure(cell.cell)
    if isinstance(cell, LayerCell):
        return type(cell), Identity(cell.layer)
    if isinstance(cell, ParameterFreeCell):
        return type(cell), cell.input_size
    return Identity(cell)
