"""Derive everything from a class's declaration, once for each choice of its options."""

import hashlib
import keyword
import linecache
import unicodedata
from collections.abc import Callable
from dataclasses import Field, dataclass, field, fields
from functools import lru_cache
from typing import Any

from rnnbp.cells.declared.expressions import EquationError
from rnnbp.cells.declared.numpy_step import step_source
from rnnbp.cells.declared.program import Program, program_of
from rnnbp.cells.declared.recording import INHERITED, Equation, arguments_of, record


@dataclass(frozen=True, eq=False)
class Derivation:
    """What is derived from a declaration.

    Attributes
    ----------
    program : Program
    source : str
        Of the module that defines the functions.
    step, step_vjp, param_vjp, sources : callable
    """

    program: Program
    source: str
    step: Callable[..., Any]
    step_vjp: Callable[..., Any]
    param_vjp: Callable[..., Any]
    sources: Callable[..., Any]


@dataclass(frozen=True)
class Recorded:
    """An equation, equal to another one of which the same would be derived."""

    text: str
    equation: Equation = field(compare=False)


def derivation_of(cls: Any, options: tuple[tuple[str, Any], ...]) -> Derivation:
    """Record the equation of a class and derive its functions, unless the same has been derived before.

    It is recorded for each cell: what `update` takes from outside, as a number of its module, may have changed.

    Parameters
    ----------
    cls : subclass of DeclaredCell
    options : tuple of (str, object)
        The fields that choose among equations.
    """
    if not hasattr(cls, "update"):
        raise EquationError(f"{cls.__name__} has no `update`, which states its equation")
    constants = [f.name for f in _own_fields(cls) if _is_constant(f)]
    states, parameters = _names(cls, "state"), _names(cls, "parameters")
    if not states:
        raise EquationError(f'{cls.__name__}.state must name at least one part of the state, as "h"')
    _check_names(cls.__name__, [*states, *parameters, *constants, *dict(options)])
    _check_fields(cls)
    equation = record(cls.__name__, cls.update, states, parameters, constants, dict(options))
    names = {value.number: name for value, name in equation.names.items()}
    return derived(Recorded(f"{cls.__name__}\n{equation.structure}\n{names}", equation))


@lru_cache(maxsize=256)
def derived(recorded: Recorded) -> Derivation:
    """Derive the functions of an equation."""
    program = program_of(recorded.equation)
    source, digest = step_source(program), hashlib.sha256(recorded.text.encode()).hexdigest()[:8]
    return Derivation(program, source, **load(source, f"<declared {recorded.equation.graph.owner} {digest}>"))


def _names(cls: Any, attribute: str) -> list[str]:
    value = getattr(cls, attribute)
    if not isinstance(value, str):
        raise EquationError(f'{cls.__name__}.{attribute} must be names separated by spaces, as "h c", got {value!r}')
    return unicodedata.normalize("NFKC", value).split()  # as Python does with the names in `update`


def _check_fields(cls: Any) -> None:
    """Raise if `update` takes something that the class has a value for without a type, so that it is no field."""
    for name in (argument.name for argument in arguments_of(cls.__name__, cls.update)):
        if name in vars(cls) and name not in cls.__dataclass_fields__:
            raise EquationError(
                f"{cls.__name__}.{name} has no type, so it is no field of the cell: write {name}: float = "
                f"{vars(cls)[name]!r}"
            )


def _check_names(owner: str, names: list[str]) -> None:
    for name in names:
        taken = name in ("x", "w_ih", "w_hh", "b_ih", "b_hh") or keyword.iskeyword(name)
        if names.count(name) > 1 or taken or not name.isidentifier():
            raise EquationError(
                f"{owner}: {name!r} cannot be the name of a state, parameter or field: names are identifiers, "
                "separated by spaces, each used once; x is the input, and w_ih, w_hh, b_ih and b_hh are its weights"
            )


def options_of(cell: Any) -> tuple[tuple[str, Any], ...]:
    """Return the fields of a cell that are passed to `update` unchanged."""
    cls = type(cell)
    taken = [argument.name for argument in arguments_of(cls.__name__, cls.update)] if hasattr(cls, "update") else []
    options = [f.name for f in _own_fields(cls) if f.name in taken and not _is_constant(f)]
    return tuple((name, getattr(cell, name)) for name in options)


def constants_of(cell: Any) -> dict[str, float]:
    """Return the fields of a cell for which `update` is passed a symbol."""
    return {f.name: getattr(cell, f.name) for f in _own_fields(type(cell)) if _is_constant(f)}


def _own_fields(cls: Any) -> list[Field]:
    return [f for f in fields(cls) if f.name not in INHERITED]


def _is_constant(f: Field) -> bool:
    return f.type in (float, "float")


def load(source: str, filename: str) -> dict[str, Any]:
    """Execute a module's source and return its functions; tracebacks and debuggers show the source.

    Examples
    --------
    >>> load("def double(x):\\n    return 2 * x", "<example>")["double"](3)
    6
    """
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
    namespace: dict[str, Any] = {"__name__": filename}
    exec(compile(source, filename, "exec"), namespace)
    return {name: value for name, value in namespace.items() if getattr(value, "__module__", None) == filename}
