"""Every public name is documented: a first line, its arguments, and an example; and its text renders as it is meant."""

import inspect
import re

import pytest

from rnnbp.reference import PublicName, Room, public_names

# Packages of helpers for the other packages: one line says what such a function does and with which arguments.
HELPERS = {"rnnbp.runtime", "rnnbp.benchmark", "rnnbp.gradients.checkpointing"}
INHERITED = {"self", "cls", "args", "kwargs"} | {"data", "index", "columns", "dtype", "copy"}  # the latter, of pandas


def documented_arguments(text: str) -> set[str]:
    """Return the names under Parameters and Attributes of a numpydoc docstring."""
    found = set()
    for title, section in re.findall(r"(?:^|\n)(\w+)\n-{3,}\n(.*?)(?=\n\n\S[^\n]*\n-{3,}|\Z)", text, re.DOTALL):
        for line in section.splitlines():
            if title in ("Parameters", "Attributes") and line[:1].strip():
                found |= {part.strip(" *") for part in line.partition(" : ")[0].split(",")}
    return found


def arguments_of(thing: object) -> set[str]:
    """Return the names of the arguments of a function or class."""
    try:
        return {name for name in inspect.signature(thing).parameters if not name.startswith("_")}
    except (TypeError, ValueError):
        return set()


def needs_example(name: PublicName) -> bool:
    """Return whether users call a name: not a base class, a result that they are given, or an exception."""
    text = inspect.getdoc(name.value) or ""
    if name.kind == "function":
        return True
    result = "Attributes\n---" in text and "Parameters\n---" not in text
    base = inspect.isabstract(name.value) or getattr(name.value, "_is_protocol", False) or text.startswith("Base class")
    return name.kind == "class" and not (result or base)


def missing_in(name: PublicName) -> list[str]:
    """Return what the docstring of a public name lacks."""
    text = inspect.getdoc(name.value) or ""
    first, _, rest = text.partition("\n")
    missing = []
    if not re.search(r"[.:)?]$", first):
        missing.append(f"a first line that is a sentence: {first!r}")
    if rest and not rest.startswith("\n"):
        missing.append("an empty line after the first")
    inherited = INHERITED if name.short == "History" else {"self", "cls", "args", "kwargs"}
    if name.room.name not in HELPERS:
        undocumented = arguments_of(name.value) - inherited - documented_arguments(text)
        missing += [f"Parameters: {argument}" for argument in sorted(undocumented)]
        missing += ["an example"] if needs_example(name) and ">>>" not in text else []
    return missing


def malformed_in(text: str) -> list[str]:
    """Return what reStructuredText would read otherwise than it is meant, or not at all."""
    prose = re.sub(r"(?m)^ *>>> (.*\n)+?( *\n|\Z)", "\n", text + "\n")  # examples
    prose = re.sub(r"::\n\n(?:(?: {4}.*)?\n)+", ".\n\n", prose)  # equations
    prose = re.sub(r"(?m)^[\w, ]+ : .*$", "name", prose)  # names and types under Parameters and Attributes
    prose = re.sub(r"``.+?``", "code", prose, flags=re.DOTALL)
    prose = re.sub(r"(?<!`)`[^`\n]+`(?!`)", "name", prose)
    wrong = {
        "a backtick without its partner": r"`",
        "bars, as of a norm, outside ``code``": r"(?<!\S)\|[^\s|](?:[^|\n]*[^\s|])?\|(?![\w|])",
        "a name that ends in an underscore, outside ``code``": r"\b\w+_(?=[\s,.;:)]|$)",
        "an equation without :: before it": r"(?m)^( *)\S.*[^:]\n\n\1 {4,}[^\s>\-*].* = ",
    }
    return [name for name, pattern in wrong.items() if re.search(pattern, prose)]


def names() -> list[PublicName]:
    """Return the public classes and functions; not at import, as that loads the whole package."""
    return [name for name in public_names() if name.kind != "data"]


def test_public_names_have_a_first_line_their_arguments_and_an_example():
    lacking = {name.name: missing for name in names() if (missing := missing_in(name))}
    assert not lacking
    assert len(names()) > 500


def test_docstrings_render_as_they_are_meant():
    texts = {name.name: inspect.getdoc(name.value) or "" for name in names()}
    assert not {name: wrong for name, text in texts.items() if (wrong := malformed_in(text))}


def test_what_a_docstring_lacks_is_found():
    def function(a, b=1):
        """Return it

        Parameters
        ----------
        b : int
            A number.
        """

    name = PublicName(Room("rnnbp.layers"), "function", function, ("rnnbp.function",))
    assert missing_in(name) == ["a first line that is a sentence: 'Return it'", "Parameters: a", "an example"]


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("Return `a` and ``|b|``: ``x_`` is [y | z], ``b_hh``.", 0),
        ("It is::\n\n    y = |x| + `\n\nEnd.", 0),
        (">>> f(`)\n`\n", 0),
        ("Return `a.", 1),
        ("The norm |x| of it.", 1),
        ("The weights w_ of it.", 1),
        ("It is\n\n    y = x\n\nEnd.", 1),
    ],
)
def test_malformed_text_is_found(text, wrong):
    assert len(malformed_in(text)) == wrong
