"""Names and tables as arrays of numbers and text, and back: ids, and the columns of `info`."""

import json
from collections.abc import Mapping, Sequence
from itertools import accumulate, pairwise
from typing import Any

import numpy as np
import pandas as pd

Array = np.ndarray
Arrays = dict[str, Array]
TIMES = tuple(f"{kind}64[{unit}]" for kind in ("datetime", "timedelta") for unit in ("s", "ms", "us", "ns"))


def text_arrays(name: str, values: Sequence[Any]) -> Arrays:
    """Return values that JSON can represent as two arrays: all their text as bytes, and the number of bytes of each.

    Raises
    ------
    ValueError
        If JSON cannot represent one.

    Examples
    --------
    >>> text_arrays("ids", ["a", ("b", 1)])["ids.bytes"].tobytes()
    b'"a"["b", 1]'
    """
    try:
        texts = [json.dumps(value, default=_plain, ensure_ascii=False).encode() for value in values]
    except TypeError as error:
        raise ValueError(f"{name} must be numbers, texts, or tuples of these: {error}") from None
    lengths = np.array([len(text) for text in texts], np.int64)
    return {f"{name}.bytes": np.frombuffer(b"".join(texts), np.uint8), f"{name}.lengths": lengths}


def texts_from(name: str, arrays: Mapping[str, Array]) -> list[Any]:
    """Return the values of `text_arrays`; lists as tuples.

    Examples
    --------
    >>> texts_from("ids", text_arrays("ids", ["a", ("b", 1)]))
    ['a', ('b', 1)]
    """
    data, lengths = arrays[f"{name}.bytes"], arrays[f"{name}.lengths"]
    if data.dtype != np.uint8 or lengths.dtype != np.int64 or lengths.ndim != 1 or (lengths < 0).any():
        raise ValueError(f"{name} are no text")
    ends = list(accumulate(lengths.tolist(), initial=0))
    if ends[-1] != data.size:
        raise ValueError(f"{name} have {data.size} bytes of text, not {ends[-1]}")
    text = data.tobytes()
    return [_hashable(json.loads(text[start:end])) for start, end in pairwise(ends)]


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    if value is pd.NA or value is pd.NaT:
        return None
    raise TypeError(f"got {type(value).__name__}")


def _hashable(value: Any) -> Any:
    return tuple(map(_hashable, value)) if isinstance(value, list) else value


def table_arrays(table: pd.DataFrame) -> tuple[list[list[str]], Arrays]:
    """Return the name and the kind of each column of a table, and the arrays that hold them.

    Raises
    ------
    ValueError
        If a column's name is not text, or JSON cannot represent one of its values.

    Examples
    --------
    >>> columns, arrays = table_arrays(pd.DataFrame({"speaker": ["ann", None], "age": [31, 40]}))
    >>> columns, sorted(arrays)
    ([['speaker', 'text'], ['age', 'numbers']], ['info0.bytes', 'info0.lengths', 'info1'])
    """
    columns, arrays = [], Arrays()
    for k, name in enumerate(table.columns):
        if not isinstance(name, str):
            raise ValueError(f"the columns of info must have names that are text, got {name!r}")
        values, key = table[name], f"info{k}"
        dtype = str(values.dtype)
        if isinstance(values.dtype, np.dtype) and values.dtype.kind in "iufb":
            arrays[key], kind = values.to_numpy(), "numbers"
        elif dtype in TIMES:
            arrays[key], kind = values.to_numpy().view(np.int64), dtype
        elif isinstance(values.dtype, pd.CategoricalDtype):
            arrays[key] = values.cat.codes.to_numpy().astype(np.int64)
            arrays |= text_arrays(f"{key} categories", values.cat.categories.tolist())
            kind = "ordered" if values.cat.ordered else "categories"
        else:
            missing = values.isna()
            arrays |= text_arrays(key, [None if gone else one for one, gone in zip(values, missing, strict=True)])
            kind = "text"
        columns.append([name, kind])
    return columns, arrays


def table_from(columns: Any, arrays: Mapping[str, Array], rows: int) -> pd.DataFrame:
    """Return the table of `table_arrays`.

    Raises
    ------
    ValueError, KeyError
        If they do not fit each other.

    Examples
    --------
    >>> table = pd.DataFrame({"speaker": ["ann", "bob"], "day": pd.to_datetime(["2024-01-02", None])})
    >>> table_from(*table_arrays(table), rows=2)
      speaker        day
    0     ann 2024-01-02
    1     bob        NaT
    """
    found: dict[str, Any] = {}
    for k, (name, kind) in enumerate(columns):
        key = f"info{k}"
        if not isinstance(name, str) or name in found:
            raise ValueError(f"column {name!r} of info is no text, or there twice")
        if kind == "text":
            values: Any = texts_from(key, arrays)
        elif kind in ("categories", "ordered"):
            names = pd.Index(texts_from(f"{key} categories", arrays))
            values = pd.Categorical.from_codes(_whole(arrays[key], "i"), names, ordered=kind == "ordered")
        elif kind in TIMES:
            values = _whole(arrays[key], "i").view(kind)
        elif kind == "numbers":
            values = _whole(arrays[key], "iufb")
        else:
            raise ValueError(f"column {name!r} of info is of the unknown kind {kind!r}")
        if len(values) != rows:
            raise ValueError(f"column {name!r} of info has {len(values)} of {rows} rows")
        found[name] = values
    return pd.DataFrame(found, index=range(rows))


def _whole(values: Array, kinds: str) -> Array:
    if values.ndim != 1 or values.dtype.kind not in kinds:
        raise ValueError(f"a column of info is {values.dtype} of {values.shape}")
    return values
