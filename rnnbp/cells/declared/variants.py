"""Declared cells made of declared cells: with a mask on the recurrent weights, and with state carried over by chance.

Their equations are those of the cell with a few operations more, so that they are derived and compiled as every
declared cell's.
"""

import inspect
from collections.abc import Callable
from dataclasses import fields
from functools import lru_cache
from typing import Any

from rnnbp.cells.declared.cell import DeclaredCell
from rnnbp.cells.declared.expressions import Expression
from rnnbp.cells.declared.functions import linear
from rnnbp.cells.declared.recording import INHERITED

MASK = "recurrent_mask"
Symbols = dict[str, Any]


def with_recurrent_mask(cell: DeclaredCell) -> DeclaredCell:
    """Return a cell with the same equation, in which each source of recurrent weights is multiplied by a mask.

    The mask is a further part of its state, the last one, which a step does not change: W x + R (mask * h) + b.

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
    cls: Any = type(cell)
    return _made(_masked_class(cls), cell, cell.input_size)


def with_carried_state(cell: DeclaredCell) -> DeclaredCell:
    """Return a cell of which a share k of each unit's state is carried over: s[t] = k s[t-1] + (1 - k) f(s[t-1], x[t]).

    The input is [x | k], (F + S). As inputs enter by weights alone, ``w_ih`` has S rows and columns more, in which the
    identity takes k to its units: [[W, 0], [0, I]].

    Parameters
    ----------
    cell : DeclaredCell
        f, without methods of its own in place of those derived from its equation.

    Examples
    --------
    >>> from rnnbp.cells import LSTMCell
    >>> LSTMCell(3, 4).shapes()["w_ih"], with_carried_state(LSTMCell(3, 4)).shapes()["w_ih"]
    ((16, 3), (24, 11))
    """
    cls: Any = type(cell)
    return _made(_carrying_class(cls), cell, cell.input_size + cell.state_size)


@lru_cache(maxsize=64)
def _masked_class(cls: Any) -> Any:
    def update(symbols: Symbols) -> tuple[Expression, ...]:
        mask = symbols.pop(MASK)
        mask.graph.recurrent_mask = mask
        return (*_results(cls, symbols), mask)

    return _subclass(cls, "Masked", update, f"{cls.state} {MASK}")


@lru_cache(maxsize=64)
def _carrying_class(cls: Any) -> Any:
    def update(symbols: Symbols) -> tuple[Expression, ...]:
        before = [symbols[name] for name in cls.state.split()]
        following = _results(cls, symbols)
        carried = [linear(f"carried_{name}", symbols["x"]) for name in cls.state.split()]
        return tuple(k * old + (1 - k) * new for k, old, new in zip(carried, before, following, strict=True))

    return _subclass(cls, "Carrying", update, cls.state)


def _results(cls: Any, symbols: Symbols) -> tuple[Expression, ...]:
    """Return what the equation of a class returns, as a tuple."""
    taken = inspect.signature(cls.update).parameters
    found = cls.update(**{name: value for name, value in symbols.items() if name in taken})
    return tuple(found) if isinstance(found, tuple | list) else (found,)


def _subclass(cls: Any, prefix: str, equation: Callable[[Symbols], Any], state: str) -> Any:
    """Return a subclass with another equation, which takes all symbols in one dictionary, and state."""

    def update(**symbols: Any) -> Any:
        return equation(symbols)

    names = dict.fromkeys(["x", *state.split(), *inspect.signature(cls.update).parameters])
    arguments = [inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD) for name in names]
    update.__signature__ = inspect.Signature(arguments)  # type: ignore[attr-defined]
    return type(f"{prefix}{cls.__name__}", (cls,), {"update": staticmethod(update), "state": state})


def _made(cls: Any, cell: DeclaredCell, input_size: int) -> DeclaredCell:
    """Return a cell of a class with the other arguments of `cell`."""
    given = {f.name: getattr(cell, f.name) for f in fields(cell) if f.init and f.name not in INHERITED}
    made: DeclaredCell = cls(input_size, cell.hidden_size, **given, init=cell.init)
    return made
