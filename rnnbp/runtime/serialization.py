"""Serialization of objects to JSON by their constructor arguments: models are saved without pickle.

An object is described by the name of its class and the arguments of its constructor, which it stores as attributes of
the same names, as all layers, cells, initializers and losses of the package do. A class from elsewhere is named with
its module. Only known classes, those of the package and those passed by the caller, are instantiated on reading, and
nothing is imported, so a file cannot run code.
"""

import inspect
import sys
import warnings
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from rnnbp.runtime.checks import did_you_mean

DIGEST = "digest of the equation"  # no name of an argument


def to_config(value: Any) -> Any:
    """Return `value` in a form that JSON can represent.

    Raises
    ------
    ValueError
        If an object does not store a constructor argument as an attribute of the same name.

    Examples
    --------
    >>> from rnnbp.layers import Dense
    >>> to_config(Dense(3, 2))
    {'type': 'Dense', 'input_size': 3, 'output_size': 2, 'activation': 'linear'}
    """
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    if isinstance(value, tuple | list):
        return [to_config(item) for item in value]
    digest = {} if is_own(type(value)) or not hasattr(value, "digest") else {DIGEST: value.digest}
    return {"type": type_name(type(value)), **digest} | {
        name: to_config(_argument(value, name)) for name in arguments(type(value))
    }


def type_name(cls: type) -> str:
    """Return the name of a class in a file: of one that is not the package's with its module.

    Examples
    --------
    >>> import decimal
    >>> from rnnbp.layers import Dense
    >>> type_name(Dense), type_name(decimal.Decimal)
    ('Dense', 'decimal.Decimal')
    """
    return cls.__name__ if is_own(cls) else f"{cls.__module__}.{cls.__name__}"


def is_own(cls: type) -> bool:
    """Return whether a class is the package's."""
    return cls.__module__.partition(".")[0] == __name__.partition(".")[0]


def types_in(config: Any) -> Iterator[str]:
    """Yield the names of the classes that `to_config` described, those inside arguments included.

    Examples
    --------
    >>> list(types_in([{"type": "Recurrent", "cell": {"type": "my_cells.Mine"}}]))
    ['Recurrent', 'my_cells.Mine']
    """
    if isinstance(config, dict):
        yield str(config.get("type"))
    for item in config.values() if isinstance(config, dict) else config if isinstance(config, list) else ():
        yield from types_in(item)


def arguments(cls: type) -> list[str]:
    """Return the names of the arguments of a constructor.

    Examples
    --------
    >>> from rnnbp.layers import Window
    >>> arguments(Window)
    ['left', 'right']
    """
    return list(inspect.signature(cls).parameters)


def _argument(value: Any, name: str) -> Any:
    try:
        return getattr(value, name)
    except AttributeError:
        cls = type(value).__name__
        raise ValueError(f"a {cls} cannot be saved: it does not keep its argument {name!r} as {cls}.{name}") from None


def from_config(config: Any, classes: Mapping[str, type]) -> Any:
    """Return the object that `to_config` described.

    Parameters
    ----------
    config : None, bool, int, float, str, list or dict
        As `to_config` returns it.
    classes : mapping of str to type
        The classes that may be instantiated, by name.

    Raises
    ------
    ValueError
        If a class is not among `classes`, or does not take the arguments.

    Examples
    --------
    >>> from rnnbp.layers import Dense
    >>> from_config({"type": "Dense", "input_size": 3, "output_size": 2}, {"Dense": Dense})
    Dense(input_size=3, output_size=2, activation='linear')
    """
    if isinstance(config, list):
        return tuple(from_config(item, classes) for item in config)
    if not isinstance(config, dict):
        return config
    name = str(config.get("type"))
    if name not in classes:
        raise ValueError(f"unknown type {name!r}.{_advice(name, classes)}")
    values = {key: from_config(item, classes) for key, item in config.items() if key not in ("type", DIGEST)}
    try:
        found = _made(classes[name], values)
    except TypeError as error:
        raise ValueError(f"a {name} cannot be made of {sorted(values)}: {error}") from None
    if config.get(DIGEST, found_digest := getattr(found, "digest", None)) != found_digest:
        warnings.warn(
            f"the equation of {name} has changed since the model was saved: with the saved parameters it computes "
            "something else, unless it is only written differently",
            stacklevel=2,
        )
    return found


def _made(cls: type, values: dict[str, Any]) -> Any:
    """Return an object made of its arguments by name, of which one may be a ``*layers``."""
    parameters = inspect.signature(cls).parameters
    several = next((name for name, p in parameters.items() if p.kind is p.VAR_POSITIONAL), None)
    if several is None:
        return cls(**values)
    before = list(parameters)[: list(parameters).index(several)]
    missing = [name for name in (*before, several) if name not in values]
    if missing:
        raise TypeError(f"{', '.join(missing)} missing")
    return cls(*[values.pop(name) for name in before], *values.pop(several), **values)


def _advice(name: str, classes: Mapping[str, type]) -> str:
    module, _, cls = name.rpartition(".")
    if module and module not in sys.modules:
        return (
            f" A file does not import anything by itself: import the module {module!r} before, which defines the "
            f"declared cell, or give the class as classes=[{cls}]"
        )
    return f"{did_you_mean(name, classes)} A class of your own is given as classes=[{cls if module else '...'}]"


def by_name(*groups: Iterable[Any]) -> dict[str, type]:
    """Return a dictionary of classes by name.

    Examples
    --------
    >>> by_name([int], [str])
    {'int': <class 'int'>, 'str': <class 'str'>}
    """
    return {c.__name__: c for group in groups for c in group if isinstance(c, type)}


def python_scalar(value: Any) -> Any:
    """Return a NumPy scalar as a Python one, which JSON can represent, and anything else as it is.

    Examples
    --------
    >>> python_scalar(np.float32(0.5)), python_scalar("a")
    (0.5, 'a')
    """
    return value.item() if isinstance(value, np.generic) else value
