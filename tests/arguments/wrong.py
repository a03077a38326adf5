"""Values that an argument of some kind must refuse, and values that it may refuse."""

from typing import Any, NamedTuple

import numpy as np


class Wrong(NamedTuple):
    """Value, and the kinds of `public.kinds` that may take it; all others must refuse it."""

    value: Any
    taken_by: str


class Thing:
    """Object of a type that nothing takes."""

    def __repr__(self) -> str:
        return "Thing()"


# What must be refused but by the named kinds.
WRONG = {
    "None": Wrong(None, "none any"),
    "text": Wrong("text", "str path sequence any dtype"),
    "bytes": Wrong(b"bytes", "bytes path any array dtype"),
    "True": Wrong(True, "bool any array"),
    "3": Wrong(3, "int float any array"),
    "1.5": Wrong(1.5, "float any array"),
    "nan": Wrong(np.nan, "any array"),
    "[]": Wrong([], "sequence array any dtype mapping"),
    "Thing": Wrong(Thing(), "any"),
}

# What may be refused or taken, by kind.
EDGES: dict[str, dict[str, Any]] = {
    "int": {"0": 0, "-1": -1, "10**400": 10**400, "-10**400": -(10**400), "int64": np.int64(-(2**63))},
    "float": {"0.0": 0.0, "-1.0": -1.0, "inf": np.inf, "-inf": -np.inf, "10**400": 10**400, "1e-320": 1e-320},
    "str": {"''": "", "nul": "\0", "surrogate": "\ud800"},
    "array": {
        "empty": np.zeros(0),
        "0-d": np.array(1.0),
        "4-d": np.zeros((1, 1, 1, 1)),
        "nan": np.full((3, 3), np.nan),
        "inf": np.full(3, np.inf),
        "strings": np.array(["a", "b"]),
        "objects": np.array([Thing(), None], dtype=object),
        "complex": np.ones((2, 3)) * 1j,
        "ragged": [[1.0], [1.0, 2.0]],
        "huge": [10**400],
        "negative": -np.ones(3, int),
        "bool": np.ones((2, 2), bool),
    },
    "sequence": {"none in it": [None], "thing in it": [Thing()], "nan in it": [np.nan], "huge in it": [10**400]},
    "mapping": {"{}": {}, "number": {"a": 1}, "none": {None: None}},
    "rng": {"-1": -1, "legacy": np.random.RandomState(0)},
    "dtype": {"complex": np.complex64, "object": object, "int8": np.int8, "S3": "S3", "datetime": "datetime64[s]"},
    "path": {"''": "", "nul": "a\0b", "folder": ".", "absent": "no/such/folder/file"},
    "callable": {"refuses": lambda: None},
}
EDGES["any"] = EDGES["int"] | EDGES["array"] | EDGES["mapping"]
EDGES["object"] = {"class": Thing}


def values_for(kinds: set[str]) -> dict[str, tuple[Any, bool]]:
    """Return the values to try for a parameter, each with whether it must be refused."""
    found = {name: (value, not kinds & set(taken_by.split())) for name, (value, taken_by) in WRONG.items()}
    for kind in sorted(kinds):
        found |= {name: (value, False) for name, value in EDGES.get(kind, {}).items() if name not in found}
    return found
