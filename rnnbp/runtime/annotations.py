"""Whether a value is of an annotated type, and how that type is called in messages."""

import inspect
import os
import types
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Literal, NamedTuple, TextIO, Union, get_args, get_origin

import numpy as np
from numpy.typing import ArrayLike, DTypeLike


def fits(value: Any, annotation: Any) -> bool:
    """Return whether a value is of an annotated type; True where the annotation does not tell.

    Examples
    --------
    >>> fits(3, int | None), fits(True, int), fits([1.0, "a"], list[float]), fits([[1.0], [1.0, 2.0]], ArrayLike)
    (True, False, False, False)
    """
    return any(_is_of(value, option) for option in _options(annotation))


def described(annotation: Any) -> str:
    """Return what an annotation takes, in words.

    Examples
    --------
    >>> described(bool | np.random.Generator | None), described(ArrayLike)
    ('True or False, a Generator or None', 'an array of numbers')
    """
    *first, last = dict.fromkeys(_words(option) for option in _options(annotation))
    return f"{', '.join(first)} or {last}" if first else last


def _options(annotation: Any) -> list[Any]:
    """Return the types of a union; instead of the many that make up NumPy's `ArrayLike` and `DTypeLike`, these two."""
    if get_origin(annotation) not in (Union, types.UnionType):
        return [annotation]
    options = list(get_args(annotation))
    for like in (ArrayLike, DTypeLike):
        parts = set(get_args(like)) - {types.NoneType}
        if parts and parts <= set(options):
            options = [like, *(one for one in options if one not in parts)]
    return options


def _is_of(value: Any, option: Any) -> bool:
    origin = get_origin(option) or option
    if plain := PLAIN.get(option) or PLAIN.get(origin):
        return plain.test(value)
    if origin is Literal:
        return value in get_args(option)
    if isinstance(origin, str):  # the name of a class that is imported for types only
        return any(base.__name__ == origin for base in type(value).__mro__) or not origin.isidentifier()
    if not inspect.isclass(origin) or origin in (Any, inspect.Parameter.empty):
        return True
    if getattr(origin, "_is_protocol", False) and origin.__module__ != "collections.abc":
        return not inspect.isclass(value) and all(hasattr(value, name) for name in _members(origin))
    if issubclass(origin, Mapping):
        return isinstance(value, Mapping) or hasattr(value, "keys")
    if origin in (list, tuple, Sequence, Iterable):
        return _is_iterable_of(value, get_args(option), origin)
    return isinstance(value, origin)


def _is_iterable_of(value: Any, items: tuple[Any, ...], kind: type) -> bool:
    """Return whether a value may be iterated, and indexed if it has to be; of lists and tuples the items are tested."""
    if isinstance(value, bytes | Mapping) or inspect.isclass(value) or not hasattr(value, "__iter__"):
        return False
    if not isinstance(value, list | tuple):  # as an array
        text = isinstance(value, str) and kind in (list, tuple)
        return not text and (kind is Iterable or hasattr(value, "__getitem__"))
    if kind is tuple and items and Ellipsis not in items:
        return len(value) == len(items) and all(map(fits, value, items))
    return not items or all(fits(one, items[0]) for one in value)


def _members(protocol: type) -> list[str]:
    return [name for name in dir(protocol) if not name.startswith("_") or name == "__call__"]


def _words(option: Any) -> str:
    origin = get_origin(option) or option
    if plain := PLAIN.get(option) or PLAIN.get(origin):
        return plain.words
    if origin is Literal:
        return " or ".join(map(repr, get_args(option)))
    name = getattr(origin, "__name__", str(origin))
    return f"{'an' if name[0] in 'AEIOU' else 'a'} {name}"


class Plain(NamedTuple):
    """Type that says little by itself: a test of values, and its description."""

    test: Callable[[Any], bool]
    words: str


def _is_int(value: Any) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool) and -(2**63) <= int(value) < 2**63


def _is_float(value: Any) -> bool:
    return isinstance(value, float | np.floating) or _is_int(value)


def _is_ndarray(value: Any) -> bool:
    return isinstance(value, np.ndarray) and _is_array(value)


def _is_array(value: Any) -> bool:
    try:
        return np.asarray(value).dtype.kind in "biufc"
    except (ValueError, TypeError, OverflowError):  # ragged
        return False


def _is_dtype(value: Any) -> bool:
    try:
        return value is not None and np.dtype(value) is not None
    except (TypeError, ValueError):
        return False


PLAIN = {
    None: Plain(lambda value: value is None, "None"),
    types.NoneType: Plain(lambda value: value is None, "None"),
    bool: Plain(lambda value: isinstance(value, bool | np.bool_), "True or False"),
    int: Plain(_is_int, "an integer of at most 64 bits"),
    float: Plain(_is_float, "a number of at most 64 bits"),
    str: Plain(lambda value: isinstance(value, str), "a string"),
    ArrayLike: Plain(_is_array, "an array of numbers"),
    np.ndarray: Plain(_is_ndarray, "a numpy.ndarray of numbers"),
    DTypeLike: Plain(_is_dtype, "a dtype"),
    Callable: Plain(callable, "a function"),
    Path: Plain(lambda value: isinstance(value, str | os.PathLike), "a path"),
    os.PathLike: Plain(lambda value: isinstance(value, os.PathLike), "a path"),
    BinaryIO: Plain(lambda value: hasattr(value, "read") or hasattr(value, "write"), "an open file"),
    TextIO: Plain(lambda value: hasattr(value, "read") or hasattr(value, "write"), "an open file"),
}
