"""Tables in Markdown, made from the file of figures, and put into the files that show them."""

import re
from collections.abc import Iterable
from pathlib import Path

from rnnbp.reproduction.figures import HEADING, Figure, figures_of
from rnnbp.runtime import choice, replacing

MARKED = re.compile(r"(<!-- table: (?P<name>[\w-]+)(?:; (?P<rows>.*?))? -->\n)(?P<body>.*?)(<!-- end -->)", re.DOTALL)


def markdown(name: str, rows: Iterable[str] | None = None) -> str:
    """Return a table in Markdown: as README and the notebooks show it.

    Where a figure is both published and recorded, the published one has a column of its own; where it is published
    alone, it is in italics. The lines below name the sources.

    Parameters
    ----------
    name : str
        A name in `names`.
    rows : iterable of str, optional
        The rows to show, in this order. Default: all.

    Raises
    ------
    ValueError
        If there is no table of that name, or no such row in it.

    Examples
    --------
    >>> print(markdown("pictures", ["40 people (ORL): eigenfaces"]))
    | pictures | network |
    | --- | --- |
    | 40 people (ORL): eigenfaces | *89.5 %* |
    <BLANKLINE>
    *Published: S. Lawrence, C. L. Giles, A. C. Tsoi & A. D. Back (1997), ...*
    <BLANKLINE>
    """
    given = figures_of(name)
    heading = next((figure.value for figure in given if figure.origin == HEADING), "")
    cells = {(f.row, f.column, f.origin): f for f in given if f.origin != HEADING}
    every = list(dict.fromkeys(row for row, _, _ in cells))
    chosen = every if rows is None else [choice("row", row, every) for row in rows]
    shown = [figure for figure in cells.values() if figure.row in chosen]
    columns = list(_columns(cells, dict.fromkeys(figure.column for figure in shown)))
    lines = [[heading, *(header for header, _, _ in columns)], ["---"] * (1 + len(columns))]
    for row in chosen:
        lines.append([row, *(_cell(cells, row, column, origins) for _, column, origins in columns)])
    table = "".join(f"| {' | '.join(line)} |\n" for line in lines)
    return table + "".join(f"\n{line}\n" for line in _sources(shown))


def _columns(
    cells: dict[tuple[str, str, str], Figure], columns: Iterable[str]
) -> Iterable[tuple[str, str, tuple[str, ...]]]:
    """Yield the header of each column that is shown, its name in the file, and the origins of what it shows."""
    both = {column for row, column, origin in cells if origin == "published" and (row, column, "recorded") in cells}
    for column in columns:
        if column in both:
            yield "published" if len(both) == 1 else f"{column}, published", column, ("published",)
            yield column, column, ("recorded",)
        else:
            yield column, column, ("recorded", "published")


def _cell(cells: dict[tuple[str, str, str], Figure], row: str, column: str, origins: tuple[str, ...]) -> str:
    for origin in origins:
        figure = cells.get((row, column, origin))
        if figure is not None:
            return f"*{figure.shown}*" if origin == "published" and len(origins) > 1 else figure.shown
    return ""


def _sources(figures: list[Figure]) -> Iterable[str]:
    """Yield the lines below a table, one for each origin."""
    published = dict.fromkeys(figure.source for figure in figures if figure.origin == "published")
    recorded = dict.fromkeys((figure.source, figure.version) for figure in figures if figure.origin == "recorded")
    if published:
        yield f"*Published: {'; '.join(published)}.*"
    if recorded:
        versions = ", ".join(dict.fromkeys(version for _, version in recorded))
        sources = "; ".join(dict.fromkeys(_as_code(source) for source, _ in recorded))
        yield f"*Recorded with rnnbp {versions}: {sources}.*"


def _as_code(source: str) -> str:
    return f"`{source}`" if re.match(r"rnnbp |python |PYTHONPATH=|notebooks/", source) else source


def rewrite_tables(path: str | Path) -> bool:
    """Bring the marked tables of a Markdown file up to date with the file of figures.

    A table stands between the lines ``<!-- table: NAME -->`` and ``<!-- end -->``; with
    ``<!-- table: NAME; ROW | ROW -->``, of these rows alone. A notebook shows a table by a cell that calls `markdown`.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    bool
        Whether the file has changed.

    Raises
    ------
    ValueError
        If a table or a row is unknown, or a marked table has no end.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "README.md"
    >>> _ = path.write_text("<!-- table: pictures; 40 people (ORL): eigenfaces -->\\n<!-- end -->\\n")
    >>> rewrite_tables(path), rewrite_tables(path)
    (True, False)
    >>> path.read_text().splitlines()[1]
    '| pictures | network |'
    """
    path = Path(path)
    before = path.read_text(encoding="utf-8")
    after = with_tables(before)
    if after == before:
        return False
    with replacing(path) as temporary:
        temporary.write_text(after, encoding="utf-8")
    return True


def with_tables(text: str) -> str:
    """Return a Markdown text whose marked tables are up to date."""
    if len(MARKED.findall(text)) != text.count("<!-- table: "):
        raise ValueError("each line <!-- table: NAME --> must be followed by the table and a line <!-- end -->")

    def replaced(match: re.Match[str]) -> str:
        rows = None if match["rows"] is None else match["rows"].split(" | ")
        return f"{match[1]}{markdown(match['name'], rows)}{match[5]}"

    return MARKED.sub(replaced, text)
