"""The methods and properties that the page of a class documents, and those that it takes from other classes."""

import inspect
from collections.abc import Iterator
from functools import cached_property
from typing import Any, NamedTuple

SPECIAL = ("__call__", "__getitem__")


class Member(NamedTuple):
    """Method or property of a class: its name, as it stands in the class, and the class that documents it."""

    name: str
    value: Any
    owner: type


def members(cls: type) -> Iterator[Member]:
    """Yield the public methods and properties of a class that this package documents, in the order of definition.

    Those without a docstring of their own are documented by the base class whose method they override.

    Examples
    --------
    >>> import rnnbp
    >>> [(member.name, member.owner.__name__) for member in members(rnnbp.ErrorRate)][:2]
    [('errors', 'ErrorRate'), ('rate', 'ErrorRate')]
    """
    seen = set()
    for base in cls.__mro__:
        for name, value in vars(base).items():
            if name not in seen and (name in SPECIAL or not name.startswith("_")) and is_member(value):
                seen.add(name)
                if owner := documenting(cls, name):
                    yield Member(name, value, owner)


def is_member(value: object) -> bool:
    """Return whether a value of a class body is a method or property.

    Examples
    --------
    >>> is_member(property(len)), is_member(3)
    (True, False)
    """
    return inspect.isfunction(value) or isinstance(value, property | cached_property | classmethod | staticmethod)


def documenting(cls: type, name: str) -> type | None:
    """Return the first class of this package in the method resolution order that has a docstring for `name`.

    Examples
    --------
    >>> import rnnbp
    >>> documenting(rnnbp.Dense, "forward").__name__
    'Layer'
    """
    for base in cls.__mro__:
        ours = base.__module__.partition(".")[0] == "rnnbp"
        if ours and name in vars(base) and vars(base)[name].__doc__:  # None has a docstring since Python 3.13
            return base
    return None
