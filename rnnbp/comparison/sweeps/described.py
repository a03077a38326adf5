"""Descriptions of values, functions and datasets: the same in every process, and different for different ones."""

import ast
import hashlib
import inspect
import textwrap
from collections.abc import Callable, Mapping
from functools import partial
from types import CodeType
from typing import Any

import numpy as np

from rnnbp.data import LabelSequences, SequenceDataset
from rnnbp.runtime.descriptions import without_addresses

HASH = "sha256 "  # beginning of what `digest` returns


def plain(value: Any) -> bool:
    """Return whether a value is a number, a string, a bool or None.

    Examples
    --------
    >>> plain(0.1), plain(np.float32(0.1)), plain([1])
    (True, True, False)
    """
    return value is None or isinstance(value, str | bool | int | float | np.generic)


def described(value: Any) -> str:
    """Return a value as text, without the addresses of objects, which differ between processes.

    Examples
    --------
    >>> described(np.float64(0.1)), described([1, "a"]), described(np.tanh), described(SequenceDataset)
    ('0.1', "[1, 'a']", "<ufunc 'tanh'>", 'SequenceDataset')
    """
    if isinstance(value, np.generic):
        return repr(value.item())
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(described, value))}]"
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{key!r}: {described(one)}' for key, one in value.items())}}}"
    if isinstance(value, partial):
        keywords = "".join(f", {key}={described(one)}" for key, one in value.keywords.items())
        return f"partial({', '.join(map(described, (value.func, *value.args)))}{keywords})"
    if inspect.isclass(value) or inspect.isroutine(value):
        return str(getattr(value, "__qualname__", value))
    frozen = getattr(value, "dist", None)
    if frozen is not None and hasattr(value, "rvs"):  # of scipy.stats
        arguments = [*map(described, value.args), *(f"{key}={described(one)}" for key, one in value.kwds.items())]
        return f"{frozen.name}({', '.join(arguments)})"
    return without_addresses(value)


def function_source(function: Callable[..., Any]) -> str:
    """Return what a function computes: its source without comments, its defaults and the values that it closes over.

    Functions that it calls are not followed.

    Examples
    --------
    >>> size = 3
    >>> def first(seed=0): return seed + size  # a comment
    >>> function_source(first) == function_source(lambda seed=0: seed + size)
    False
    """
    if isinstance(function, partial):
        keywords = {key: described(one) for key, one in function.keywords.items()}
        return f"partial({function_source(function.func)}, {described(function.args)}, {keywords})"
    inner = inspect.unwrap(function)
    if inspect.ismethod(inner):
        return f"{described(inner.__self__)}.{function_source(inner.__func__)}"
    if not inspect.isfunction(inner):
        return described(inner)
    cells = zip(inner.__code__.co_freevars, inner.__closure__ or (), strict=True)
    values = {name: described(_contents(cell)) for name, cell in cells}
    return f"{_text(inner)} {described(inner.__defaults__)} {described(inner.__kwdefaults__)} {values}"


def _contents(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # not yet bound
        return None


def _text(function: Any) -> str:
    """Return the source of a function; of a lambda, which may stand anywhere in a line, the bytecode."""
    if function.__name__ != "<lambda>":
        try:
            return ast.unparse(ast.parse(textwrap.dedent(inspect.getsource(function))))
        except (OSError, TypeError, SyntaxError):  # not in a file
            pass
    return _bytecode(function.__code__)


def _bytecode(code: CodeType) -> str:
    constants = [_bytecode(one) if isinstance(one, CodeType) else repr(one) for one in code.co_consts]
    return f"{code.co_code.hex()} {code.co_names} {constants}"


def digest(*things: Any) -> str:
    """Return a hash of arrays, texts, and lists of these.

    Examples
    --------
    >>> digest(np.zeros(2)) == digest(np.zeros(2)), digest(np.zeros(2)) == digest(np.zeros(3))
    (True, False)
    """
    found = hashlib.sha256()
    _feed(found, things)
    return HASH + found.hexdigest()[:32]


def _feed(found: Any, thing: Any) -> None:
    if isinstance(thing, LabelSequences):
        thing = list(thing)
    if isinstance(thing, list | tuple):
        found.update(f"{len(thing)}[".encode())
        for one in thing:
            _feed(found, one)
    elif isinstance(thing, np.ndarray) and not thing.dtype.hasobject:
        found.update(f"{thing.dtype}{thing.shape}".encode())
        found.update(np.ascontiguousarray(thing).tobytes())
    else:
        found.update(described(thing).encode())


def dataset_digest(data: SequenceDataset) -> str:
    """Return a hash of a dataset: sequences, targets, weights, classes.

    Of sequences that are loaded on access, only the first and the last one are read, and the number of them.

    Examples
    --------
    >>> data = SequenceDataset([np.zeros((2, 1)), np.ones((2, 1))], targets=[0, 1])
    >>> dataset_digest(data) == dataset_digest(data.subset([0, 1])), dataset_digest(data) == dataset_digest(data[::-1])
    (True, False)
    """
    sequences = data.sequences
    given = list(sequences) if isinstance(sequences, list) else [len(sequences), sequences[0], sequences[-1]]
    return digest(given, data.targets, data.weights, data.resets, data.classes, data.feature_names, data.rows)
