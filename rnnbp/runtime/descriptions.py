"""Text and HTML for reprs and messages: values, counts, shapes and tables of attributes."""

import html
import re
from collections.abc import Mapping, Sequence
from typing import Any

LONGEST_SHOWN = 80  # characters of a value in a message
MOST_SHOWN_BITS = 126  # of an integer in a message


def counted(number: int, what: str) -> str:
    """Return a count with its noun in singular or plural.

    Examples
    --------
    >>> counted(1, "step"), counted(2, "step")
    ('1 step', '2 steps')
    """
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def without_addresses(value: Any) -> str:
    """Return the representation of an object without addresses in memory, which differ between processes.

    Examples
    --------
    >>> class Example: ...
    >>> without_addresses([Example()])
    '[<...Example object>]'
    """
    return re.sub(r" at 0x[0-9A-Fa-f]+", "", repr(value))


def named_axes(shape: tuple[int, ...], axes: Sequence[str]) -> str:
    """Return a shape with the names of its axes; the last name is dropped where the shape lacks that axis.

    Examples
    --------
    >>> named_axes((7, 2), ("T", "B", "K")), named_axes((7,), ("B", "K"))
    ('(T, B) = (7, 2)', '(B,) = (7,)')
    """
    comma = "," if len(shape) == 1 else ""
    return f"({', '.join(axes[: len(shape)])}{comma}) = {shape}"


def some(names: Sequence[str], shown: int = 8) -> str:
    """Return names separated by commas, at most the first `shown`.

    Examples
    --------
    >>> some(["a", "b"]), some(list("abcd"), 2)
    ('a, b', 'a, b, ... (4 in all)')
    """
    more = "" if len(names) <= shown else f", ... ({len(names)} in all)"
    return ", ".join(names[:shown]) + more


def as_lines(title: str, parts: Mapping[str, Any]) -> str:
    """Return a title and one line per part.

    Examples
    --------
    >>> print(as_lines("Trainer: 2 epochs", {"loss": "CrossEntropy()", "clip": 1}))
    Trainer: 2 epochs
      loss  CrossEntropy()
      clip  1
    """
    width = max(map(len, parts))
    return "\n".join([title, *(f"  {name:<{width}}  {value}" for name, value in parts.items())])


def as_html(title: str, parts: Mapping[str, Any]) -> str:
    """Return a title and its parts as an HTML table.

    Examples
    --------
    >>> as_html("Trainer", {"clip": "<1>"})
    '<table><caption>Trainer</caption><tr><th>clip</th><td>&lt;1&gt;</td></tr></table>'
    """
    rows = (f"<tr><th>{html.escape(k)}</th><td>{html.escape(str(v))}</td></tr>" for k, v in parts.items())
    return f"<table><caption>{html.escape(title)}</caption>{''.join(rows)}</table>"


def got(value: Any) -> str:
    """Return the end of an error message, which shows what came.

    Examples
    --------
    >>> got(0.5)
    'got 0.5'
    """
    return f"got {shown(value)}"


def shown(value: Any) -> str:
    """Return what an error says of a value: its repr, cut where it is long; of a huge integer its number of bits.

    Examples
    --------
    >>> shown("text"), shown(10**400), shown("ab" * 100)[-6:]
    ("'text'", 'an integer of 1329 bits', 'aba...')
    """
    if isinstance(value, int) and value.bit_length() > MOST_SHOWN_BITS:
        return f"an integer of {value.bit_length()} bits"
    try:
        text = " ".join(repr(value).split())
    except Exception:  # of an object of the user's
        text = f"a {type(value).__name__}"
    return text if len(text) <= LONGEST_SHOWN else text[:LONGEST_SHOWN] + "..."
