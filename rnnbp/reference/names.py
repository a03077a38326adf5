"""The public names of the package, each with the page that documents it."""

import inspect
from dataclasses import dataclass, field
from functools import cache, cached_property
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import rnnbp

PACKAGE = Path(rnnbp.__file__).parent

# The rooms in the order of the layout, from the top to the bottom; then this one.
ROOMS = (
    *("reproduction", "applications", "comparison", "benchmark", "estimators", "interop", "diagnostics", "reservoirs"),
    *("training", "gradients", "models", "layers", "losses", "optimizers", "metrics", "kernels", "solvers", "datasets"),
    *("cells", "decoding", "features", "audio", "data", "plotting", "core", "runtime", "reference"),
)
# Files that list their own public names in `__all__`.
PUBLIC_FILES = ("rnnbp.core.initializers", "rnnbp.optimizers.schedules")


@dataclass(frozen=True)
class Room:
    """Package, or file, with public names of its own.

    Parameters
    ----------
    name : str
        Its dotted name, ``"rnnbp.layers"``.

    Attributes
    ----------
    module : module
    page : str
        Its page's address, without ``.html``.
    summary : str
        The first line of its docstring.

    Examples
    --------
    >>> room = Room("rnnbp.gradients.online")
    >>> room.page, room.summary[:17]
    ('gradients.online/index', 'Online algorithms')
    """

    name: str

    @property
    def module(self) -> ModuleType:
        return import_module(self.name)

    @property
    def page(self) -> str:
        return f"{self.name.removeprefix('rnnbp.')}/index"

    @property
    def summary(self) -> str:
        return first_line(self.module)


@dataclass(frozen=True)
class PublicName:
    """Public class, function or constant, documented once under its shortest dotted name.

    Parameters
    ----------
    room : Room
        The room whose page lists it.
    short : str
        Its name in the room, ``"LSTM"``.
    value : object
    aliases : tuple of str
        Every dotted name under which a user can find it, the shortest first, and that of the file which defines it.

    Attributes
    ----------
    name : str
        The first of the aliases, ``"rnnbp.LSTM"``.
    kind : str
        ``"class"``, ``"exception"``, ``"function"`` or ``"data"``.
    page : str
        Its page's address, without ``.html``.
    summary : str
        The first line of its docstring; of a constant, its value.

    Examples
    --------
    >>> lstm = next(name for name in public_names() if name.short == "LSTM")
    >>> lstm.name, lstm.kind, lstm.page
    ('rnnbp.LSTM', 'class', 'layers/LSTM')
    """

    room: Room
    short: str
    value: Any = field(repr=False, compare=False)
    aliases: tuple[str, ...] = field(repr=False, compare=False)

    @property
    def name(self) -> str:
        return self.aliases[0]

    @cached_property
    def kind(self) -> str:
        if inspect.isclass(self.value):
            return "exception" if issubclass(self.value, BaseException) else "class"
        return "function" if callable(self.value) and inspect.isroutine(self.value) else "data"

    @property
    def page(self) -> str:
        twins = [other for other in self.room.module.__all__ if other.lower() == self.short.lower()]
        # `MFCC` and `mfcc` would be one file where the file system ignores case
        ending = "-class" if len(twins) > 1 and self.kind == "class" else ""
        return f"{self.room.page.removesuffix('index')}{self.short}{ending}"

    @property
    def summary(self) -> str:
        return shortened(self.value) if self.kind == "data" else first_line(self.value)


def first_line(value: object) -> str:
    """Return the first line of an object's docstring, as a sentence of its own.

    Examples
    --------
    >>> first_line(rnnbp.LSTM)
    'Long short-term memory: (T, B, F) -> (T, B, H), or 2 H where bidirectional.'
    """
    return (inspect.getdoc(value) or "").partition("\n")[0].removesuffix("::").removesuffix(":")


def shortened(value: object, width: int = 90) -> str:
    """Return the representation of a constant in at most `width` characters.

    Examples
    --------
    >>> shortened("x" * 100, 8)
    "'xxxx..."
    """
    text = repr(value)
    return text if len(text) <= width else f"{text[: width - 3]}..."


@cache
def public_rooms() -> tuple[Room, ...]:
    """Return every room in the order of the layout, each followed by the packages and public files in it.

    Examples
    --------
    >>> [room.name for room in public_rooms() if "gradients" in room.name]
    ['rnnbp.gradients', 'rnnbp.gradients.checkpointing', 'rnnbp.gradients.online']
    """
    stubs = (path.parent.relative_to(PACKAGE.parent).parts for path in PACKAGE.rglob("__init__.pyi"))
    names = sorted({".".join(parts) for parts in stubs} - {"rnnbp"} | set(PUBLIC_FILES))
    place = {room: number for number, room in enumerate(ROOMS)}
    return tuple(Room(name) for name in sorted(names, key=lambda name: place.get(name.split(".")[1], len(ROOMS))))


@cache
def public_names() -> tuple[PublicName, ...]:
    """Return the public names of all rooms, each once.

    Examples
    --------
    >>> names = [found.name for found in public_names()]
    >>> len(names) == len(set(names)), "rnnbp.Trainer" in names, "rnnbp.cells.QRNNCell" in names
    (True, True, True)
    """
    found: dict[object, list[tuple[str, str, Any]]] = {}
    for room in (Room("rnnbp"), *public_rooms()):
        for name in room.module.__all__:
            value = getattr(room.module, name)
            if not inspect.ismodule(value):
                key = id(value) if callable(value) and hasattr(value, "__module__") else (room.name, name)
                found.setdefault(key, []).append((room.name, name, value))
    return tuple(_public_name(places) for places in found.values())


@cache
def public_classes() -> dict[type, PublicName]:
    """Return the public names of classes, by class.

    Examples
    --------
    >>> public_classes()[rnnbp.Trainer].name
    'rnnbp.Trainer'
    """
    return {name.value: name for name in public_names() if inspect.isclass(name.value)}


def _public_name(places: list[tuple[str, str, Any]]) -> PublicName:
    """Return the public name of an object that is found in several rooms."""
    *_, value = places[0]
    dotted = sorted((f"{room}.{name}" for room, name, _ in places), key=lambda text: text.count("."))
    home = getattr(value, "__module__", None) or ""
    rooms = [(room, name) for room, name, _ in places if room != "rnnbp"]
    room, name = min(rooms, key=lambda place: (not home.startswith(place[0]), len(place[0])))
    defined = [f"{home}.{value.__qualname__}"] if home.startswith("rnnbp") and hasattr(value, "__qualname__") else []
    return PublicName(Room(room), name, value, (*dict.fromkeys([*dotted, *defined]),))
