"""Sources of the pages in reStructuredText: the start page, a page for each room and one for each public name."""

import dataclasses
import inspect
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from textwrap import indent
from typing import Any

from rnnbp.reference.members import Member, members
from rnnbp.reference.names import PublicName, Room, public_classes, public_names, public_rooms, shortened

START = """
rnnbp
=====

Backpropagation through time on NumPy: one cell, every way to run it and every way to differentiate it. What is used
most is in ``rnnbp`` itself, so that `rnnbp.layers.LSTM` is ``rnnbp.LSTM``.
"""


def write_pages(folder: Path, rooms: Sequence[Room]) -> None:
    """Write the sources of the pages of rooms into a folder, and a start page.

    Parameters
    ----------
    folder : Path
    rooms : sequence of Room
    """
    pages = {"index": start_page(rooms)}
    pages |= {room.page: room_page(room) for room in rooms}
    pages |= {name.page: name_page(name) for name in public_names() if name.room in rooms}
    for page, text in pages.items():
        path = folder / f"{page}.rst"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def start_page(rooms: Sequence[Room]) -> str:
    """Return the start page: the rooms in the order of the layout, one sentence each, then the names of `rnnbp`."""
    top = [name for name in public_names() if name.name.count(".") == 1]
    listed = "".join(f"   {room.page}\n" for room in rooms)
    return (
        f".. py:module:: rnnbp\n\n{START.strip()}\n\n{titled('Packages', '-')}"
        + table((f":name:`{room.name.removeprefix('rnnbp.')} <{room.name}>`", room.summary) for room in rooms)
        + titled("In rnnbp itself", "-")
        + table((f":name:`{name.short} <{name.name}>`", name.summary) for name in sorted(top, key=alphabetically))
        + f".. toctree::\n   :hidden:\n\n{listed}"
    )


def room_page(room: Room) -> str:
    """Return the page of a room: its docstring, and a table of its public names."""
    listed = [name for name in public_names() if name.room == room]
    inner = [other for other in public_rooms() if other.name.startswith(f"{room.name}.")]
    return (
        f".. py:module:: {room.name}\n\n{titled(room.name, '=')}{docstring(room.module)}\n\n"
        + table((f":name:`{other.name.removeprefix('rnnbp.')} <{other.name}>`", other.summary) for other in inner)
        + table((f":name:`{name.short} <{name.name}>`", name.summary) for name in sorted(listed, key=alphabetically))
    )


def name_page(name: PublicName) -> str:
    """Return the page of a public name: signature, docstring, and for a class its methods and properties."""
    body = docstring(name.value) if name.kind != "data" else f"``{shortened(name.value, 2000)}``"
    rooms = {room.name for room in public_rooms()}
    if also := [f"``{alias}``" for alias in name.aliases[1:] if alias.rpartition(".")[0] in rooms]:
        body += f"\n\nThe same as {', '.join(also)}."
    if inspect.isclass(name.value):
        body += "".join(f"\n\n{part}" for part in class_parts(name))
    head = f".. py:{name.kind}:: {name.name}{signature(name.value, name.kind)}"
    return f":orphan:\n\n{titled(name.short, '=')}{head}\n\n{indent(body, '   ')}\n"


def class_parts(name: PublicName) -> Iterator[str]:
    """Yield the descriptions of the methods and properties of a class, then links to those of other public classes."""
    elsewhere: dict[PublicName, list[Member]] = defaultdict(list)
    for member in members(name.value):
        other = public_classes().get(member.owner)
        if other in (None, name):
            yield member_description(member, name)
        else:
            elsewhere[other].append(member)
    for other, found in elsewhere.items():
        links = ", ".join(f":name:`{member.name} <{other.name}.{member.name}>`" for member in found)
        yield f"As in :name:`{other.short} <{other.name}>`: {links}"


def member_description(member: Member, of: PublicName) -> str:
    """Return the directive that describes a method or property."""
    value, options = member.value, ""
    if isinstance(value, classmethod | staticmethod):
        options = f"   :{type(value).__name__}:\n"
    if isinstance(value, property | cached_property):
        head = f".. py:property:: {of.name}.{member.name}"
    else:
        head = f".. py:method:: {of.name}.{member.name}{signature(getattr(of.value, member.name), 'method', value)}"
    text = docstring(vars(member.owner)[member.name])
    return f"{head}\n{options}\n{indent(text, '   ')}"


def signature(value: Any, kind: str, defined: object = None) -> str:
    """Return the arguments of a class or function with their defaults, without types: these are under Parameters.

    Examples
    --------
    >>> import rnnbp
    >>> signature(rnnbp.LSTM, "class")
    '(input_size, hidden_size, num_layers=1, *, bidirectional=False, dropout=0.0, init=Uniform())'
    """
    if kind in ("data", "exception"):
        return ""
    try:
        found = inspect.signature(value)
    except (TypeError, ValueError):
        return ""
    parameters = [parameter.replace(annotation=parameter.empty) for parameter in found.parameters.values()]
    if inspect.isfunction(value) and inspect.isfunction(defined) and parameters:
        parameters = parameters[1:]  # self
    parameters = [p if p.default is p.empty else p.replace(default=Shown(default_of(value, p))) for p in parameters]
    return str(found.replace(parameters=parameters, return_annotation=found.empty))


def default_of(value: Any, parameter: inspect.Parameter) -> Any:
    """Return the default of an argument; of a dataclass's field also where it is made anew for each object."""
    fields = dataclasses.fields(value) if dataclasses.is_dataclass(value) else ()
    made = {field.name: field.default_factory for field in fields if callable(field.default_factory)}
    return made[parameter.name]() if parameter.name in made else parameter.default


class Shown:
    """Default value in a signature: a function or class by its name."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __repr__(self) -> str:
        named = inspect.isroutine(self.value) or inspect.isclass(self.value)
        return str(self.value.__name__) if named else repr(self.value)


def docstring(value: object) -> str:
    """Return the docstring of an object in reStructuredText, its numpydoc sections as fields and headings.

    Examples
    --------
    >>> import sphinx.ext.napoleon
    >>> print(docstring(max)[:40])
    max(iterable, *[, default=obj, key=func]
    """
    from sphinx.ext.napoleon import Config
    from sphinx.ext.napoleon.docstring import NumpyDocstring

    text = inspect.getdoc(value) or ""
    settings: Any = Config(napoleon_custom_sections=[("Attributes", "params_style")])
    return str(NumpyDocstring(text, settings, what="function"))


def titled(text: str, line: str) -> str:
    """Return a heading, with space for what follows."""
    return f"{text}\n{line * len(text)}\n\n"


def table(rows: Any) -> str:
    """Return a table of (link, sentence) without a header."""
    lines = [f"   * - {link}\n     - {escaped(sentence)}\n" for link, sentence in rows]
    return f".. list-table::\n   :widths: auto\n   :class: names\n\n{''.join(lines)}\n" if lines else ""


def escaped(sentence: str) -> str:
    """Return a sentence in which a lone asterisk or bar has no meaning."""
    return re.sub(r"(?<![`\\])([*|])", r"\\\1", sentence)


def alphabetically(name: PublicName) -> tuple[bool, str]:
    """Return the key that orders names: classes, then functions and constants, by name."""
    return name.kind not in ("class", "exception"), name.short.lower()
