"""Descriptions that several docstrings share."""

import re
from textwrap import dedent, indent


def filled(text: str | None, **parts: str) -> str:
    r"""Return a docstring with a part in place of each line ``{name}``, indented as that line is.

    Python 3.13 removes the indentation that the lines of a docstring have in common, earlier versions keep it.

    Examples
    --------
    >>> print(filled("Sizes:\n  {sizes}", sizes="F\n  features\nH\n  units"))
    Sizes:
      F
        features
      H
        units
    """
    lines = []
    for line in (text or "").split("\n"):
        name = re.fullmatch(r"( *)\{(\w+)\}", line)
        lines.append(indent(dedent(parts[name[2]]), name[1]) if name and name[2] in parts else line)
    return "\n".join(lines)
