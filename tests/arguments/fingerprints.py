"""What an object holds, as a value that is compared after a refused call."""

import io
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from rnnbp.cells.declared.expressions import Expression
from rnnbp.core import Parameters

PLAIN = (int, float, complex, str, bytes, bool, type(None), type, np.generic, np.dtype, slice)


def fingerprint(value: Any, seen: tuple[int, ...] = ()) -> Any:
    """Return the numbers of every array and generator within a value, by bits; functions and files by identity."""
    if isinstance(value, np.ndarray):
        if value.dtype.hasobject:
            return value.shape, tuple(fingerprint(one, seen) for one in value.ravel())
        return value.shape, value.dtype.str, value.tobytes()
    if isinstance(value, PLAIN):
        return repr(value)
    if (
        isinstance(value, Expression)
        or id(value) in seen
        or (callable(value) and not hasattr(value, "__dict__"))
        or isinstance(value, io.IOBase)
    ):
        return id(value)
    seen = (*seen, id(value))
    if isinstance(value, Parameters):
        return value.vector.tobytes()
    if isinstance(value, np.random.Generator):
        return repr(value.bit_generator.state)
    if isinstance(value, pd.DataFrame | pd.Series):
        columns = value.items() if isinstance(value, pd.DataFrame) else [(value.name, value)]
        parts = [repr(value.index)] + [(repr(name), fingerprint(one.to_numpy(), seen)) for name, one in columns]
        return tuple(parts)
    if isinstance(value, dict):
        return tuple((repr(key), fingerprint(one, seen)) for key, one in value.items())
    if isinstance(value, list | tuple):
        return tuple(fingerprint(one, seen) for one in value)
    held = getattr(value, "__dict__", {}) | {name: getattr(value, name, None) for name in slots_of(type(value))}
    return {name: fingerprint(one, seen) for name, one in held.items()} if held else id(value)


@cache
def slots_of(kind: type) -> tuple[str, ...]:
    """Return the names of the slots of a class."""
    slots = [name for base in kind.__mro__ for name in getattr(base, "__slots__", ())]
    return tuple(name for name in slots if name != "__weakref__")


def unchanged(before: Any, after: Any) -> bool:
    """Return whether nothing has changed but for what an object has computed and keeps."""
    if isinstance(before, dict) and isinstance(after, dict):
        return all(name in after and unchanged(one, after[name]) for name, one in before.items())
    if isinstance(before, tuple) and isinstance(after, tuple):
        return len(before) == len(after) and all(map(unchanged, before, after))
    return bool(before == after)
