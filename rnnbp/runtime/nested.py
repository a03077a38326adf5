"""Nested lists, tuples and records of arrays as one flat array per dtype and a structure that JSON can represent."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

Array = np.ndarray
SCALAR = "scalar"  # in place of the memory order: a NumPy scalar


def flatten(value: Any) -> tuple[Any, dict[str, Array]]:
    """Return the structure of a nested value, and the elements of all its arrays, flat, by dtype.

    Parameters
    ----------
    value : None, bool, int, float, str, ndarray, NumPy scalar, or dataclass, list or tuple of such
        Arrays have numbers or bools.

    Returns
    -------
    structure : None, bool, int, float, str, or dict
    arrays : dict of str to ndarray (n,)
        By name of the dtype.

    Raises
    ------
    ValueError
        If anything in it has another type.

    See Also
    --------
    unflatten : the inverse.

    Examples
    --------
    >>> structure, arrays = flatten([np.ones((1, 2)), None, (np.zeros(3),)])
    >>> arrays
    {'float64': array([1., 1., 0., 0., 0.])}
    >>> unflatten(structure, arrays)
    [array([[1., 1.]]), None, (array([0., 0., 0.]),)]
    """
    parts: dict[str, list[Array]] = {}
    structure = _flattened(value, parts)
    return structure, {dtype: np.concatenate(flat) for dtype, flat in parts.items()}


def _flattened(value: Any, parts: dict[str, list[Array]]) -> Any:
    if isinstance(value, np.generic | np.ndarray) and value.dtype.kind in "biufc":
        array = np.asarray(value)
        fortran = array.flags.f_contiguous and not array.flags.c_contiguous
        order = SCALAR if isinstance(value, np.generic) else "F" if fortran else "C"
        parts.setdefault(array.dtype.name, []).append(array.ravel("F" if fortran else "C"))
        return {"array": array.dtype.name, "shape": list(array.shape), "order": order}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if type(value) in (list, tuple):
        return {type(value).__name__: [_flattened(item, parts) for item in value]}
    if is_dataclass(value) and not isinstance(value, type):
        return {"type": type(value).__name__} | {
            f.name: _flattened(getattr(value, f.name), parts) for f in fields(value)
        }
    raise ValueError(f"a {type(value).__name__} cannot be stored: it is no array, number, list or tuple")


def unflatten(structure: Any, arrays: Mapping[str, Array], records: Iterable[type] = ()) -> Any:
    """Return the nested value of which `flatten` returned the structure and the arrays.

    Parameters
    ----------
    structure, arrays
        As `flatten` returned them.
    records : iterable of type, default ()
        The dataclasses that may be in it.

    Raises
    ------
    ValueError, LookupError, TypeError, AttributeError
        If they do not belong together, or are damaged.

    Examples
    --------
    >>> unflatten({"tuple": [1.5, None]}, {})
    (1.5, None)
    """
    taken = dict.fromkeys(arrays, 0)
    value = _unflattened(structure, arrays, taken, {record.__name__: record for record in records})
    left = {dtype: array.size - taken[dtype] for dtype, array in arrays.items() if array.size != taken[dtype]}
    if left:
        raise ValueError(f"arrays have elements that no part of the structure has: {left}")
    return value


def _unflattened(
    structure: Any, arrays: Mapping[str, Array], taken: dict[str, int], records: Mapping[str, type]
) -> Any:
    if not isinstance(structure, dict):
        if isinstance(structure, list):
            raise ValueError("a list must be given as {'list': [...]}")
        return structure
    if "array" in structure:
        return _next_array(structure, arrays, taken)
    for sequence in (list, tuple):
        if sequence.__name__ in structure:
            return sequence(_unflattened(item, arrays, taken, records) for item in structure[sequence.__name__])
    record = records[structure["type"]]
    given = {name: _unflattened(part, arrays, taken, records) for name, part in structure.items() if name != "type"}
    return record(**given)


def _next_array(structure: Mapping[str, Any], arrays: Mapping[str, Array], taken: dict[str, int]) -> Any:
    """Return the next array of a dtype: a copy, in the memory order that it had."""
    dtype, shape, order = structure["array"], structure["shape"], structure["order"]
    if any(isinstance(n, bool) or not isinstance(n, int) or n < 0 for n in shape):
        raise ValueError(f"a shape must have integers of 0 or more, got {shape!r}")
    start, size = taken[dtype], math.prod(shape)
    if start + size > arrays[dtype].size or arrays[dtype].dtype.name != dtype:
        raise ValueError(f"arrays have {arrays[dtype].size} elements of {dtype}, fewer than their structure")
    taken[dtype] = start + size
    flat = arrays[dtype][start : start + size].copy()
    return flat.reshape(())[()] if order == SCALAR else flat.reshape(shape, order=order)
