"""What an object was made from, as JSON, and back: how models are saved without pickle.

An object is described by its class's name and the arguments of its constructor, which it keeps under the same names, as
all of the package's layers, cells, initializers and losses do. Only classes that are named here or by the caller are
made on the way back, so nothing in a file can run code.
"""

import inspect
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from rnnbp.runtime.checks import did_you_mean


def to_config(value: Any) -> Any:
    """`value` as what JSON can hold.

    Raises
    ------
    ValueError
        If an object does not keep an argument of its constructor under the argument's name.

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
    return {"type": type(value).__name__} | {name: to_config(_argument(value, name)) for name in arguments(type(value))}


def arguments(made: type) -> list[str]:
    """The names of a constructor's arguments.

    Examples
    --------
    >>> from rnnbp.layers import Window
    >>> arguments(Window)
    ['left', 'right']
    """
    return list(inspect.signature(made).parameters)


def _argument(value: Any, name: str) -> Any:
    try:
        return getattr(value, name)
    except AttributeError:
        made = type(value).__name__
        raise ValueError(f"a {made} cannot be saved: it does not keep its argument {name!r} as {made}.{name}") from None


def from_config(config: Any, classes: Mapping[str, type]) -> Any:
    """The object again.

    Parameters
    ----------
    config : as `to_config` returns it
    classes : mapping of str to type
        The classes that may be made, by name.

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
        raise ValueError(
            f"unknown type {name!r}.{did_you_mean(name, classes)} A class of your own is given as classes=[...]"
        )
    values = {key: from_config(item, classes) for key, item in config.items() if key != "type"}
    try:
        return classes[name](**values)
    except TypeError as error:
        raise ValueError(f"a {name} cannot be made of {sorted(values)}: {error}") from None


def by_name(*groups: Iterable[Any]) -> dict[str, type]:
    """Classes under their names.

    Examples
    --------
    >>> by_name([int], [str])
    {'int': <class 'int'>, 'str': <class 'str'>}
    """
    return {c.__name__: c for group in groups for c in group if isinstance(c, type)}
