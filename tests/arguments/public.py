"""Every public callable, with the kinds of values that its parameters take."""

import inspect
import types
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from rnnbp.reference.members import SPECIAL, members
from rnnbp.reference.names import public_classes, public_names

METHODS = (types.FunctionType, classmethod, staticmethod)


class Entry(NamedTuple):
    """Public callable: its dotted name, the class whose instance it needs, if any, and its parameters."""

    name: str
    value: Any
    of: type | None
    parameters: dict[str, inspect.Parameter]


@cache
def entries() -> dict[str, Entry]:
    """Return every public function, constructor and method that takes arguments, each once, by name."""
    found = [entry for name in public_names() if callable(name.value) for entry in _entries_of(name)]
    return {entry.name: entry for entry in found if entry.parameters}


def _entries_of(name: Any) -> Iterator[Entry]:
    value = name.value
    if not inspect.isclass(value):
        if inspect.isroutine(value):
            yield Entry(name.name, value, None, parameters_of(value))
        return
    if not getattr(value, "_is_protocol", False) and not inspect.isabstract(value):
        yield Entry(name.name, value, None, parameters_of(value))
    for member in members(value):
        at = [base for base in value.__mro__ if member.name in vars(base)]
        if (at[0] is not value and at[0] in public_classes()) or not isinstance(member.value, METHODS):
            continue
        if any(base in public_classes() for base in at[1:]) and member.name not in SPECIAL:
            continue  # it fulfils the protocol of a public class, which has the row
        bound = not isinstance(member.value, types.FunctionType)
        function = getattr(value, member.name)
        parameters = parameters_of(function)
        if not bound:
            parameters.pop(next(iter(parameters)))
        yield Entry(f"{name.name}.{member.name}", function, None if bound else value, parameters)


def parameters_of(value: Any) -> dict[str, inspect.Parameter]:
    """Return the parameters of a callable; none where Python cannot tell."""
    try:
        return dict(inspect.signature(value).parameters)
    except (TypeError, ValueError):
        return {}


def kinds(annotation: Any) -> set[str]:
    """Return what an annotation takes, as the names of `wrong.WRONG`."""
    found = set(_kinds(annotation))
    if "dtype" in found:
        found -= {"sequence", "str", "object"}
    if "array" in found:
        found -= {"complex", "bytes", "str", "int", "float"}
    return found


def _kinds(annotation: Any) -> Iterator[str]:
    origin = typing.get_origin(annotation) or annotation
    if annotation is None or annotation is type(None):
        yield "none"
    elif origin in (typing.Union, types.UnionType):
        if any("numpy._typing._array_like" in str(one)[:40] for one in typing.get_args(annotation)):
            yield "array"
        for one in typing.get_args(annotation):
            yield from _kinds(one)
    elif origin is typing.Literal:
        yield "str"
    elif annotation in (int, float, complex, bool, str, bytes):
        yield annotation.__name__
    elif "dtype_like" in str(annotation)[:40] or annotation is np.dtype or origin is np.dtype:
        yield "dtype"
    elif "numpy._typing" in str(annotation)[:40] or origin is np.ndarray:
        yield "array"
    elif annotation is np.random.Generator:
        yield "rng"
    elif "PathLike" in str(annotation) or annotation is Path:
        yield "path"
    elif annotation is typing.Any or annotation is inspect.Parameter.empty or isinstance(annotation, typing.TypeVar):
        yield "any"
    elif isinstance(annotation, str):
        yield "object"
    elif origin is Callable:
        yield "callable"
    elif inspect.isclass(origin) and issubclass(origin, Mapping):
        yield "mapping"
    elif (
        inspect.isclass(origin)
        and issubclass(origin, Iterable)
        and origin.__module__ in {"builtins", "collections.abc"}
    ):
        yield "sequence"
    else:
        yield "object"
