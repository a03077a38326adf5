"""Build of the API reference, and the check that nothing in it is broken."""

import io
import re
import shutil
import tempfile
from collections.abc import Sequence
from html import unescape
from pathlib import Path
from urllib.parse import unquote

import rnnbp
from rnnbp.reference.names import Room, public_rooms
from rnnbp.reference.pages import write_pages
from rnnbp.runtime import choice, cores

COLOUR = re.compile(r"\x1b\[[0-9;]*m")

SETTINGS = {
    "project": "rnnbp",
    "version": rnnbp.__version__,
    "release": rnnbp.__version__,
    "extensions": ["rnnbp.reference.links"],
    "default_role": "name",
    "highlight_language": "none",  # of equations; examples are recognised
    "python_maximum_signature_line_length": 100,
    "add_module_names": False,
    "toc_object_entries_show_parents": "hide",
    "html_theme": "furo",
    "html_title": f"rnnbp {rnnbp.__version__}",
    "html_static_path": ["static"],
    "html_copy_source": False,
    "html_use_index": False,
    "html_domain_indices": False,
    "html_show_sphinx": False,
    "html_show_copyright": False,
}


class BrokenReferenceError(ValueError):
    """Warning of Sphinx, or a link that leads nowhere.

    Examples
    --------
    >>> raise BrokenReferenceError("a.html links to b.html, which does not exist")
    Traceback (most recent call last):
    rnnbp.reference.build.BrokenReferenceError: a.html links to b.html, which does not exist
    """


def build_reference(folder: str | Path = "build/api", rooms: Sequence[str] = ()) -> Path:
    """Build the API reference and check it.

    Parameters
    ----------
    folder : str or Path, default "build/api"
        Where the pages are written. The pages of an earlier build are deleted.
    rooms : sequence of str, default all
        The packages to build pages of, ``["layers", "cells"]``, for a look at docstrings at work.

    Returns
    -------
    Path
        The start page.

    Raises
    ------
    ValueError
        If there is no room of a name.
    BrokenReferenceError
        If a docstring is malformed, or a link leads nowhere; the message lists all.
    ImportError
        If Sphinx or its theme Furo is not installed.

    Examples
    --------
    >>> build_reference("api")  # doctest: +SKIP
    PosixPath('api/index.html')
    """
    try:
        import furo  # noqa: F401 - the theme
        from sphinx.application import Sphinx
    except ImportError as error:
        raise ImportError("the API reference needs Sphinx and Furo: pip install 'rnnbp[docs]'") from error
    chosen = chosen_rooms(rooms)
    target, warnings = Path(folder), io.StringIO()
    if (target / ".buildinfo").exists():  # which Sphinx writes
        shutil.rmtree(target)
    with tempfile.TemporaryDirectory() as work:
        source = Path(work) / "source"
        write_pages(source, chosen)
        (source / "static").mkdir()
        style = Path(__file__).with_name("names.css").read_text(encoding="utf-8")
        (source / "static" / "names.css").write_text(style, encoding="utf-8")
        app = Sphinx(
            source, None, target, Path(work) / "trees", "html", SETTINGS, None, warnings, True, parallel=cores()
        )
        app.build()
        problems = [COLOUR.sub("", line).replace(f"{source}/", "") for line in warnings.getvalue().splitlines()]
    problems += broken_links(target)
    if problems:
        raise BrokenReferenceError("\n".join(problems))
    return target / "index.html"


def chosen_rooms(names: Sequence[str]) -> tuple[Room, ...]:
    """Return the rooms of these names, or all of them.

    Examples
    --------
    >>> [room.name for room in chosen_rooms(["training", "metrics"])]
    ['rnnbp.training', 'rnnbp.metrics']
    """
    by_name = {room.name.removeprefix("rnnbp."): room for room in public_rooms()}
    for name in names:
        choice("rooms", name, by_name)
    return tuple(room for name, room in by_name.items() if not names or name in names)


def broken_links(folder: Path) -> list[str]:
    """Return a sentence for every link within the pages of a folder that leads to no page or to no place on it.

    Parameters
    ----------
    folder : Path

    Returns
    -------
    list of str

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = (Path(folder) / "a.html").write_text('<p id="top"><a href="#top"></a><a href="b.html"></a>')
    ...     broken_links(Path(folder))
    ['a.html links to b.html, which does not exist']
    """
    texts = {path.resolve(): path.read_text(encoding="utf-8") for path in sorted(folder.rglob("*.html"))}
    places = {path: set(re.findall(r'\bid="([^"]*)"', text)) for path, text in texts.items()}
    broken = []
    for path, text in texts.items():
        for link in sorted(set(re.findall(r'\b(?:href|src)="([^"]*)"', text))):
            if re.match(r"[a-z]+:", link):
                continue
            address, _, place = unescape(link).partition("#")
            file = (path.parent / unquote(address.partition("?")[0])).resolve() if address else path
            if not file.exists():
                broken.append(f"{path.relative_to(folder.resolve())} links to {link}, which does not exist")
            elif place and file in places and place not in places[file]:
                broken.append(f"{path.relative_to(folder.resolve())} links to {link}, a place that does not exist")
    return broken
