"""A declared cell with a mask on all that enters by recurrent weights."""

import inspect
from dataclasses import fields
from functools import lru_cache
from typing import Any

from rnnbp.cells.declared.cell import DeclaredCell
from rnnbp.cells.declared.expressions import Expression
from rnnbp.cells.declared.recording import INHERITED

MASK = "recurrent_mask"


def with_recurrent_mask(cell: DeclaredCell) -> DeclaredCell:
    """Return a cell with the same equation, in which each source of recurrent weights is multiplied by a mask.

    The mask is a further part of its state, the last one, which a step does not change: W x + R (mask * h) + b. So it
    is derived and compiled as every declared cell.

    Parameters
    ----------
    cell : DeclaredCell
        Without methods of its own in place of those derived from its equation.

    Examples
    --------
    >>> from rnnbp.cells import LSTMCell
    >>> masked = with_recurrent_mask(LSTMCell(3, 4))
    >>> masked.state, masked.state_size, masked.shapes() == LSTMCell(3, 4).shapes()
    ('h c recurrent_mask', 12, True)
    """
    given = {f.name: getattr(cell, f.name) for f in fields(cell) if f.init and f.name not in INHERITED}
    cls: Any = type(cell)
    made: DeclaredCell = _masked_class(cls)(cell.input_size, cell.hidden_size, **given, init=cell.init)
    return made


@lru_cache(maxsize=64)
def _masked_class(cls: Any) -> Any:
    """Return the class of the cell with the mask, a subclass of `cls`."""
    parameters = [*inspect.signature(cls.update).parameters.values()]

    def update(**symbols: Any) -> tuple[Expression, ...]:
        mask = symbols.pop(MASK)
        mask.graph.recurrent_mask = mask
        found = cls.update(**symbols)
        return (*(found if isinstance(found, tuple | list) else (found,)), mask)

    last = inspect.Parameter(MASK, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    update.__signature__ = inspect.Signature([*parameters, last])  # type: ignore[attr-defined]
    names = {"update": staticmethod(update), "state": f"{cls.state} {MASK}", "__module__": cls.__module__}
    return type(f"{cls.__name__}WithRecurrentMask", (cls,), names)
