"""Every public name is documented: a first line, its arguments, and an example; and its text renders as it is meant."""

import inspect
import re

from rnnbp.reference import PublicName, public_names

NAMES = [name for name in public_names() if name.kind != "data"]
# Arguments that Python or a base class documents.
INHERITED = {"self", "cls", "args", "kwargs"}


def documented_arguments(text: str) -> set[str]:
    """Return the names under Parameters and Attributes of a numpydoc docstring."""
    found = set()
    for section in re.findall(
        r"(?:^|\n)(?:Parameters|Attributes)\n-+\n(.*?)(?=\n\n\S[^\n]*\n-{3,}|\Z)", text, re.DOTALL
    ):
        for line in section.splitlines():
            if line and not line.startswith(" "):
                found |= {part.strip(" *") for part in line.partition(" : ")[0].split(",")}
    return found


def undocumented_arguments(thing: object) -> set[str]:
    """Return the arguments of a function or class that its docstring does not name."""
    try:
        arguments = inspect.signature(thing).parameters
    except (TypeError, ValueError):
        return set()
    return set(arguments) - INHERITED - documented_arguments(inspect.getdoc(thing) or "")


def missing_in(name: PublicName) -> list[str]:
    """Return what the docstring of a public name lacks."""
    text = inspect.getdoc(name.value) or ""
    first, _, rest = text.partition("\n")
    missing = []
    if not re.search(r"[.:)]$", first):
        missing.append(f"a first line that is a sentence: {first!r}")
    if rest and not rest.startswith("\n"):
        missing.append("an empty line after the first")
    if arguments := undocumented_arguments(name.value):
        missing.append(f"Parameters for {', '.join(sorted(arguments))}")
    if ">>>" not in text:
        missing.append("an example")
    return missing
