"""Reader of the one file of published and recorded figures, from which all tables are made."""

import csv
import re
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path

import pandas as pd

from rnnbp.datasets.bundled import bundled_path
from rnnbp.runtime import choice

FILE = "figures.csv"
ORIGINS = ("published", "recorded")
HEADING = "heading"  # origin of the one line of a table that names its first column
WHOLE = re.compile("[0-9]{1,300}")  # the digits of a number that is shown in groups of three
UNITS = ("", "%", "s", "ms", "µs", "MB", "text")


@dataclass(frozen=True)
class Figure:
    """One line of the file: a cell of a table, and where it comes from.

    Parameters
    ----------
    table, row, column : str
        Where it is shown.
    value : str
        The number with the digits that are shown, or a text where the unit is 'text'.
    unit : {'', '%', 's', 'ms', 'µs', 'MB', 'text'}
    origin : {'published', 'recorded', 'heading'}
        Whether others published it, or it was measured here.
    source : str
        Citation of a published figure, command of a recorded one.
    version : str
        The version of rnnbp of a recorded figure.

    Examples
    --------
    >>> Figure("mnist-1d", "MLP", "shuffled", "68", "%", "published", "Greydanus & Kobak", "").shown
    '68 %'
    >>> Figure("speed", "LSTM", "bytes", "12000", "", "recorded", "rnnbp bench", "0.1.0").shown
    '12,000'
    """

    table: str
    row: str
    column: str
    value: str
    unit: str
    origin: str
    source: str
    version: str

    @property
    def shown(self) -> str:
        """Return the value as a table shows it."""
        if self.unit == "text":
            return self.value
        number = f"{int(self.value):,}" if WHOLE.fullmatch(self.value) else self.value
        return f"{number} {self.unit}".strip()

    def fault(self) -> str | None:
        """Return what is wrong with the line, or None."""
        if self.origin not in (*ORIGINS, HEADING):
            return f"origin must be one of {', '.join(ORIGINS)}, got {self.origin!r}"
        if self.unit not in UNITS:
            return f"unit must be one of {', '.join(filter(None, UNITS))} or empty, got {self.unit!r}"
        needed = ("table", "value") if self.origin == HEADING else ("table", "row", "column", "value", "source")
        for name in needed:
            if not getattr(self, name).strip():
                return f"{name} is empty"
        if self.origin == "recorded" and not self.version:
            return "version is empty, and the figure is recorded"
        if self.unit != "text" and not _is_number(self.value):
            return f"value must be a number, got {self.value!r}; the unit of a text is 'text'"
        return None


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return "_" not in text  # Python's float accepts 1_000


def read_figures(path: str | Path) -> list[Figure]:
    """Read and check a file of figures.

    Parameters
    ----------
    path : str or Path
        A CSV file with the columns of `Figure`.

    Raises
    ------
    ValueError
        If a line is not a figure, or two lines are for the same cell; the message names file and line.
    """
    path, figures, seen = Path(path), [], dict[tuple[str, ...], int]()
    columns = [field.name for field in fields(Figure)]
    with path.open(encoding="utf-8", newline="") as file:
        lines = csv.reader(file, strict=True)
        try:
            header = next(lines, [])
            if header != columns:
                raise ValueError(f"the columns must be {', '.join(columns)}, got {', '.join(header)}")
            for cells in lines:
                figures.append(_figure(cells, len(columns), lines.line_num, seen))
        except (ValueError, csv.Error) as error:  # UnicodeDecodeError is a ValueError
            raise ValueError(f"{path.name}, line {max(lines.line_num, 1)}: {error}") from None
    return figures


def _figure(cells: list[str], width: int, line: int, seen: dict[tuple[str, ...], int]) -> Figure:
    """Return the figure of a line; `seen` has the lines of the figures before it."""
    if len(cells) != width:
        raise ValueError(f"expected {width} cells, got {len(cells)}")
    figure = Figure(*cells)
    key = (figure.table, figure.row, figure.column, figure.origin)
    fault = figure.fault()
    if fault is None and key in seen:
        fault = f"the figure of {figure.row!r}, {figure.column!r} is in line {seen[key]} already"
    if fault is not None:
        raise ValueError(fault)
    seen[key] = line
    return figure


@cache
def _tables() -> dict[str, list[Figure]]:
    """Return the figures of the bundled file, by table, in the file's order."""
    tables: dict[str, list[Figure]] = {}
    for figure in read_figures(bundled_path(FILE)):
        tables.setdefault(figure.table, []).append(figure)
    return tables


def figures_of(name: str) -> list[Figure]:
    """Return all figures of a table, with their sources.

    Parameters
    ----------
    name : str
        A name in `names`.

    Returns
    -------
    list of Figure
        In the file's order; the first one, of origin 'heading', names the column of the rows.

    Raises
    ------
    ValueError
        If there is no table of that name.

    Examples
    --------
    >>> [one.shown for one in figures_of("mnist-1d") if one.row == "GRU" and one.origin == "published"]
    ['91 %', '57 %']
    """
    tables = _tables()
    return tables[choice("table", name, tables)]


def names() -> list[str]:
    """Return the names of all tables.

    Examples
    --------
    >>> names()[0]
    'japanese-vowels'
    """
    return list(_tables())


def table(name: str) -> pd.DataFrame:
    """Return the numbers of a table, published and recorded side by side.

    Parameters
    ----------
    name : str
        A name in `names`.

    Returns
    -------
    DataFrame
        Indexed by `row` and `column`; columns `unit`, `published` and `recorded`, NaN where there is none.

    Raises
    ------
    ValueError
        If there is no table of that name.

    See Also
    --------
    markdown : the same as it is printed, with texts and sources.

    Examples
    --------
    >>> table("mnist-1d").loc[("GRU", "shuffled"), "published"]
    np.float64(57.0)
    """
    cells: dict[tuple[str, str], dict[str, str | float]] = {}
    for figure in figures_of(name):
        if figure.origin != HEADING and figure.unit != "text":
            cell = cells.setdefault((figure.row, figure.column), {"unit": figure.unit})
            cell[figure.origin] = float(figure.value)
    index = pd.MultiIndex.from_tuples(cells, names=["row", "column"])
    numbers = pd.DataFrame(list(cells.values()), index, columns=["unit", *ORIGINS])
    return numbers.astype(dict.fromkeys(ORIGINS, float))
