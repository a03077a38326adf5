"""Sphinx extension: names in backticks are links where they are public, in the words of the page they stand on."""

import inspect
import re
from functools import cache
from typing import Any

from rnnbp.reference.members import members
from rnnbp.reference.names import PublicName, public_classes, public_names, public_rooms

NAME = re.compile(r"\.?[A-Za-z_]\w*(\.[A-Za-z_]\w*)*(\(\))?")


@cache
def targets() -> dict[str, str]:
    """Return the documented name of every dotted name: `rnnbp.layers.LSTM` is `rnnbp.LSTM`.

    Examples
    --------
    >>> targets()["rnnbp.training.trainer.Trainer.fit"]
    'rnnbp.Trainer.fit'
    """
    found = {room.name: room.name for room in public_rooms()} | {"rnnbp": "rnnbp"}
    for name in public_names():
        for alias in name.aliases:
            found[alias] = name.name
            found |= {f"{alias}.{member}": f"{documented}.{member}" for member, documented in documented_in(name)}
    return found


@cache
def documented_in(name: PublicName) -> tuple[tuple[str, str], ...]:
    """Return the members of a class, each with the name of the class whose page describes it."""
    if not inspect.isclass(name.value):
        return ()
    classes = public_classes()
    return tuple((member.name, classes.get(member.owner, name).name) for member in members(name.value))


@cache
def by_page() -> dict[str, PublicName]:
    """Return the public names by page."""
    return {name.page: name for name in public_names()}


@cache
def by_short_name() -> dict[str, list[str]]:
    """Return the documented names by their last part."""
    found: dict[str, list[str]] = {}
    for name in public_names():
        found.setdefault(name.short, []).append(name.name)
    return found


@cache
def types() -> frozenset[str]:
    """Return the documented names of classes, and of what else may stand as a type."""
    return frozenset(name.name for name in public_names() if name.kind != "function")


@cache
def arguments(name: PublicName) -> frozenset[str]:
    """Return the names of the arguments of a function, or of a class and its methods."""
    values = [name.value]
    if inspect.isclass(name.value):
        values += [getattr(name.value, member.name) for member in members(name.value)]
    found = set[str]()
    for value in values:
        if callable(value):
            try:
                found |= set(inspect.signature(value).parameters)
            except (TypeError, ValueError):
                continue
    return frozenset(found)


def returned(value: Any) -> str:
    """Return the documented name of the class that a function says it returns, or an empty string."""
    annotation = getattr(value, "__annotations__", {}).get("return")
    return targets().get(f"{getattr(annotation, '__module__', '')}.{getattr(annotation, '__qualname__', '')}", "")


def resolve(text: str, page: str) -> str | None:
    """Return the documented name that a name in backticks on a page stands for, or None.

    In this order: an argument of the page's function or class, which is no link; a member of the page's class, or of
    the class that the page's function returns; a name of the same room, of `rnnbp`, or of the only room that has it.

    Examples
    --------
    >>> resolve("GRU", "layers/LSTM"), resolve("optimizer", "training/Trainer"), resolve(".fit", "training/Trainer")
    ('rnnbp.GRU', None, 'rnnbp.Trainer.fit')
    >>> resolve(".to_html()", "comparison/compare")
    'rnnbp.Report.to_html'
    >>> resolve("SequenceDataset.from_stream", "layers/LSTM")
    'rnnbp.SequenceDataset.from_stream'
    """
    if not NAME.fullmatch(text):
        return None
    text = text.removesuffix("()")
    here, known = by_page().get(page), targets()
    if here is not None and text in arguments(here):
        return None
    room = here.room.name if here else f"rnnbp.{page.removesuffix('/index')}"
    own = [f"{owner}.{text.lstrip('.')}" for owner in (here.name, returned(here.value))] if here else []
    if text.startswith("."):
        candidates = own
    else:
        candidates = [*own, text, f"{room}.{text}", f"{room.rpartition('.')[0]}.{text}"]
        if "." not in text and f"rnnbp.{text}" in {room.name for room in public_rooms()}:
            candidates.remove(f"{room.rpartition('.')[0]}.{text}")  # a word such as `data`, no room
        else:
            first, _, rest = text.partition(".")
            only = by_short_name().get(first, [])
            candidates += [f"rnnbp.{text}", *([f"{only[0]}.{rest}".rstrip(".")] if len(only) == 1 else [])]
    return next((known[name] for name in candidates if name in known), None)


def name_role(kind: str, raw: str, text: str, line: int, inliner: Any, options: Any = None, content: Any = ()) -> Any:
    """Return a link to a public name, or the text as code: the role of text in single backticks."""
    from docutils import nodes
    from sphinx.addnodes import pending_xref

    shown, target = text, text
    if given := re.fullmatch(r"(.+) <(.+)>", text):
        shown, target = given.groups()
    page = inliner.document.settings.env.docname
    code = nodes.literal(raw, shown, classes=["py", "name"])
    if (found := resolve(target, page)) is None:
        return [code], []
    link = pending_xref(raw, code, refdomain="py", reftype="obj", reftarget=found, refexplicit=True, refdoc=page)
    return [link], []


def resolve_types(app: Any, doctree: Any) -> None:
    """Give the names in types and under See Also their targets, or leave them as text."""
    from sphinx.addnodes import pending_xref

    page = app.env.current_document.docname
    for link in list(doctree.findall(pending_xref)):
        if link.get("refdomain") == "py" and not link.get("refexplicit"):
            found = resolve(link["reftarget"], page)
            if found is None or (link["reftype"] == "class" and found not in types()):
                link.parent.replace(link, link.children)
            else:
                link["reftarget"], link["refspecific"] = found, False


def navigation(app: Any, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """Replace Furo's side bar by the rooms, the current one with its names."""
    here, to = by_page().get(page), context["pathto"]
    current = here.room.page if here else page
    lines = []
    for room in (room for room in public_rooms() if room.page in app.env.found_docs):
        inner = ""
        if room.page == current:
            names = sorted((name for name in public_names() if name.room == room), key=lambda name: name.short.lower())
            inner = "".join(item(to(name.page), name.short, "l2", name.page == page) for name in names)
            inner = f"<ul>{inner}</ul>" if inner else ""
        lines.append(item(to(room.page), room.name.removeprefix("rnnbp."), "l1", room.page == current, inner))
    context["furo_navigation_tree"] = f"<ul>{''.join(lines)}</ul>"


def no_tree(app: Any, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """Spare Furo the side bar that `navigation` replaces, which takes an eighth of the time."""
    context["toctree"] = lambda **options: ""


def item(address: str, text: str, level: str, current: bool, inner: str = "") -> str:
    """Return an entry of the side bar."""
    marks = f"toctree-{level}" + (" current current-page" if current else "")
    return f'<li class="{marks}"><a class="reference internal" href="{address}">{text}</a>{inner}</li>'


def setup(app: Any) -> dict[str, bool]:
    """Connect the functions of this file to Sphinx."""
    app.add_role("name", name_role)
    app.connect("doctree-read", resolve_types)
    app.connect("html-page-context", no_tree, priority=400)  # before Furo's, whose priority is 500
    app.connect("html-page-context", navigation, priority=600)
    app.connect("builder-inited", lambda app: app.add_css_file("names.css", priority=700))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
