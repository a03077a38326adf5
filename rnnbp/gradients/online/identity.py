"""Keys of caches that tell objects apart, even equal ones: cells may have fields that are not compared."""

from typing import Any


class Identity:
    """A key for one object.

    Parameters
    ----------
    value : object

    Examples
    --------
    >>> a, b = [], []
    >>> Identity(a) == Identity(a), Identity(a) == Identity(b)
    (True, False)
    """

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Identity) and self.value is other.value

    def __hash__(self) -> int:
        return id(self.value)
