"""Derive everything from a class's declaration, once for each choice of its options."""

import inspect
import linecache
from collections.abc import Callable
from dataclasses import Field, dataclass, fields
from functools import lru_cache
from typing import Any

from rnnbp.cells.declared.expressions import EquationError
from rnnbp.cells.declared.numpy_step import step_source
from rnnbp.cells.declared.program import Program, program_of
from rnnbp.cells.declared.recording import record

INHERITED = ("input_size", "hidden_size", "init")


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


@lru_cache(maxsize=256)
def derivation_of(cls: Any, options: tuple[tuple[str, Any], ...]) -> Derivation:
    """Record the equation of a class and derive its functions.

    Parameters
    ----------
    cls : subclass of DeclaredCell
    options : tuple of (str, object)
        The fields that choose among equations.
    """
    if not hasattr(cls, "update"):
        raise EquationError(f"{cls.__name__} has no `update`, which states its equation")
    constants = [f.name for f in _own_fields(cls) if _is_constant(f)]
    names = {name: _names(cls, name) for name in ("state", "parameters")}
    _check_names(cls.__name__, [*names["state"], *names["parameters"], *constants, *dict(options)])
    _check_fields(cls)
    equation = record(cls.__name__, cls.update, names["state"], names["parameters"], constants, dict(options))
    program = program_of(equation)
    source = step_source(program)
    return Derivation(program, source, **load(source, f"<declared {cls.__name__} {options}>"))


def _names(cls: Any, attribute: str) -> list[str]:
    value = getattr(cls, attribute)
    if not isinstance(value, str):
        raise EquationError(f'{cls.__name__}.{attribute} must be names separated by spaces, as "h c", got {value!r}')
    return value.split()


def _check_fields(cls: Any) -> None:
    """Raise if `update` takes something that the class has a value for without a type, so that it is no field."""
    for name in inspect.signature(cls.update).parameters:
        if name in vars(cls) and name not in cls.__dataclass_fields__:
            raise EquationError(
                f"{cls.__name__}.{name} has no type, so it is no field of the cell: write {name}: float = "
                f"{vars(cls)[name]!r}"
            )


def _check_names(owner: str, names: list[str]) -> None:
    for name in names:
        if names.count(name) > 1 or name == "x" or not name.isidentifier():
            raise EquationError(
                f"{owner}: {name!r} cannot be the name of a state, parameter or field: names are identifiers, "
                "separated by spaces, each used once, and x is the input"
            )


def options_of(cell: Any) -> tuple[tuple[str, Any], ...]:
    """Return the fields of a cell that are passed to `update` unchanged."""
    taken = inspect.signature(cell.update).parameters if hasattr(cell, "update") else ()
    options = [f.name for f in _own_fields(type(cell)) if f.name in taken and not _is_constant(f)]
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
