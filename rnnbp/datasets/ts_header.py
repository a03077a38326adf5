"""Header of a .ts file, the lines before @data."""

import re
from dataclasses import dataclass, field
from functools import cached_property

from rnnbp.runtime import did_you_mean, repeated

FLAGS = ("timeStamps", "missing", "univariate", "equalLength", "targetLabel", "classLabel")
SIZES = ("dimension", "dimensions", "seriesLength")
DIRECTIVES = ("problemName", *FLAGS, *SIZES, "data")
SPELLING = {name.lower(): name for name in DIRECTIVES}


class LineError(ValueError):
    """Malformed line; the reader adds its position.

    Examples
    --------
    >>> raise LineError("a dimension is empty")
    Traceback (most recent call last):
    rnnbp.datasets.ts_header.LineError: a dimension is empty
    """


@dataclass
class Header:
    """Parser of a header: the directives read so far; its properties are those of the whole, after @data.

    Examples
    --------
    >>> header = Header()
    >>> [header.take(line) for line in ("@dimensions 2", "@classLabel true no yes", "@data")]
    [False, False, True]
    >>> header.dimensions, header.classes
    (2, ['no', 'yes'])
    """

    values: dict[str, list[str]] = field(default_factory=dict)

    def take(self, text: str) -> bool:
        """Parse a header line; return True for @data."""
        if not text.startswith("@"):
            raise LineError(f"a line before @data must begin with @, # or %, got {text[:40]!r}")
        word, *values = text[1:].split() or [""]
        name = SPELLING.get(word.lower())
        if name is None:
            raise LineError(f"unknown directive @{word[:40]}.{did_you_mean(word, DIRECTIVES)}")
        if name == "data":
            self._check()
            return True
        if name in self.values:
            raise LineError(f"@{name} is there twice")
        _check_values(name, values)
        self.values[name] = values
        return False

    def _check(self) -> None:
        if self._flag("classLabel") and self._flag("targetLabel"):
            raise LineError("@classLabel and @targetLabel cannot both be true")

    def _flag(self, name: str) -> bool:
        return self.values.get(name, ["false"])[0].lower() == "true"

    def _size(self, name: str) -> int | None:
        return int(self.values[name][0]) if name in self.values else None

    @cached_property
    def timestamps(self) -> bool:
        """Whether values are stored as (time,value)."""
        return self._flag("timeStamps")

    @cached_property
    def classes(self) -> list[str] | None:
        """Names of the classes, in the header's order; None if targets are values or there are none."""
        return self.values["classLabel"][1:] if self._flag("classLabel") else None

    @cached_property
    def class_set(self) -> frozenset[str]:
        """The same names, as a set."""
        return frozenset(self.classes or ())

    @cached_property
    def labelled(self) -> bool:
        """Whether a class or a value ends each line."""
        return self._flag("classLabel") or self._flag("targetLabel")

    @cached_property
    def dimensions(self) -> int | None:
        """Number of dimensions F, if the header has it; @univariate is often wrongly true for several."""
        return self._size("dimensions") or self._size("dimension")

    @property
    def univariate(self) -> bool:
        """Whether the header declares one dimension."""
        return self._flag("univariate")

    @cached_property
    def equal_length(self) -> bool:
        """Whether the header declares that all sequences have the same length."""
        return self._flag("equalLength")

    @cached_property
    def length(self) -> int | None:
        """Length T of all sequences, if the header has it."""
        return self._size("seriesLength")


def _check_values(name: str, values: list[str]) -> None:
    if not values:
        raise LineError(f"@{name} needs a value")
    if name in FLAGS and values[0].lower() not in ("true", "false"):
        raise LineError(f"@{name} must be true or false, got {values[0][:40]!r}")
    if name in SIZES and not re.fullmatch("[1-9][0-9]{0,8}", values[0]):
        raise LineError(f"@{name} must be a positive integer of at most 9 digits, got {values[0][:40]!r}")
    if name == "classLabel" and values[0].lower() == "true":
        twice = repeated(values[1:])
        if len(values) < 2 or twice is not None:
            raise LineError(
                "@classLabel true needs the classes" if twice is None else f"@classLabel has {twice!r} twice"
            )
