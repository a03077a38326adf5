"""Reproduction of a table: its figures computed again, beside the published and the recorded ones."""

import csv
from collections.abc import Callable, Iterable, Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path

import pandas as pd

from rnnbp.reproduction.figures import HEADING, ORIGINS, Figure, names, read_figures, table
from rnnbp.runtime import job_count, positive_int, replacing

DIGITS = {"%": ".2f", "": ".4g", **dict.fromkeys(("s", "ms", "µs", "MB"), ".3g")}


@dataclass(frozen=True)
class Settings:
    """What a reproduction is run with.

    Parameters
    ----------
    seeds : int
        Number of seeds, 0, 1, ...
    data : Path, optional
        Where the data is. Default: bundled, generated, or downloaded.
    checkpoints : Path, optional
        Folder for checkpoints, from which an interrupted run resumes.
    n_jobs : int, optional
        Number of runs that train at the same time, as in `rnnbp.compare`.
    progress : bool, default True

    Raises
    ------
    ValueError
        If `seeds` is not a positive integer, or `n_jobs` no number of workers.

    Examples
    --------
    >>> Settings(seeds=0)
    Traceback (most recent call last):
    ValueError: seeds must be a positive integer, got 0
    """

    seeds: int
    data: Path | None = None
    checkpoints: Path | None = None
    n_jobs: int | None = None
    progress: bool = True

    def __post_init__(self) -> None:
        positive_int("seeds", self.seeds)
        job_count(self.n_jobs)


@dataclass(frozen=True)
class Measured:
    """A figure that a reproduction found: the value of a cell of a table, a number or a text."""

    table: str
    row: str
    column: str
    value: float | str
    unit: str = "%"

    def figure(self, source: str, version: str) -> Figure:
        """Return the line of the file of figures.

        Examples
        --------
        >>> Measured("mnist-1d", "GRU", "shuffled", 57.0).figure("rnnbp reproduce mnist-1d", "0.1.0").value
        '57.00'
        """
        value, unit = self.value, self.unit
        if isinstance(value, str):
            shown, unit = value, "text"
        else:
            shown = f"{value:.0f}" if not unit and float(value).is_integer() else format(value, DIGITS[unit])
            shown = f"{float(shown):.0f}" if "e+" in shown else shown  # 236 ms, and no 2.36e+02
        return Figure(self.table, self.row, self.column, shown, unit, "recorded", source, version)


@dataclass(frozen=True)
class Reproduction:
    """A table that can be computed again.

    Parameters
    ----------
    about : str
        What is in the table.
    time : str
        Of the run, on two cores.
    needs : str
        Data and packages it needs that are not in the installation.
    run : callable
        ``run(settings)`` yields the figures.
    seeds : int, optional
        Default number of seeds. None: the figures have no seeds.
    takes_data : bool, default False
        Whether the data can be in a folder of the user's.
    resumes : bool, default True
        Whether an interrupted run resumes from checkpoints.
    heading : str, default 'network'
        Of the first column, where the table is a new one.
    """

    about: str
    time: str
    needs: str
    run: Callable[[Settings], Iterable[Measured]]
    seeds: int | None = 3
    takes_data: bool = False
    resumes: bool = True
    heading: str = "network"

    def check(self, given: Iterable[str]) -> None:
        """Raise unless the options that are given, of 'seeds', 'data' and 'checkpoints', have an effect.

        Raises
        ------
        ValueError
        """
        taken = {"seeds": self.seeds is not None, "data": self.takes_data, "checkpoints": self.resumes}
        for option in given:
            if not taken[option]:
                others = [f"--{name}" for name, effect in taken.items() if effect]
                has = f"it takes {' and '.join(others)}" if others else "it takes none of this kind"
                raise ValueError(f"--{option} has no effect on the reproduction of {self.about}; {has}: leave it out")


def side_by_side(figures: Sequence[Figure], name: str) -> pd.DataFrame:
    """Return the new figures of a table beside the published and the recorded ones.

    Parameters
    ----------
    figures : sequence of Figure
        New ones.
    name : str
        The table.

    Returns
    -------
    DataFrame
        Indexed by `column` and `row`, only with columns of which there are new figures; columns `unit`, `published`,
        `recorded` and `new`, NaN where there is none.

    Examples
    --------
    >>> new = Measured("mnist-1d", "GRU", "shuffled", 57.5).figure("rnnbp reproduce mnist-1d", "0.1.0")
    >>> side_by_side([new], "mnist-1d").loc[("shuffled", "GRU"), ["published", "new"]].tolist()
    [57.0, 57.5]
    """
    new = {(f.row, f.column): f for f in figures if f.table == name and f.unit != "text" and f.origin != HEADING}
    known = table(name) if name in names() else pd.DataFrame(columns=["unit", *ORIGINS])
    cells = list(dict.fromkeys([*(cell for cell in known.index if cell[1] in {c for _, c in new}), *new]))
    rows = [
        {
            "unit": new[cell].unit if cell in new else known.loc[cell, "unit"],
            **{origin: known.loc[cell, origin] if cell in known.index else float("nan") for origin in ORIGINS},
            "new": float(new[cell].value) if cell in new else float("nan"),
        }
        for cell in cells
    ]
    index = pd.MultiIndex.from_tuples([(column, row) for row, column in cells], names=["column", "row"])
    return pd.DataFrame(rows, index)


def printed(figures: Sequence[Figure]) -> str:
    """Return the new figures of all tables as text: a block for each column, published, recorded and new side by side.

    Examples
    --------
    >>> new = Measured("mnist-1d", "MLP", "shuffled", 68.25).figure("rnnbp reproduce mnist-1d", "0.1.0")
    >>> print(printed([new]).splitlines()[0])
    mnist-1d: shuffled, %  published  recorded    new
    """
    blocks = []
    for name in dict.fromkeys(figure.table for figure in figures):
        together = side_by_side(figures, name)
        for column, block in together.groupby(level="column", sort=False):
            unit = next(filter(None, block["unit"]), "")
            title = f"{name}: {column}" + (f", {unit}" if unit else "")
            shown = block.droplevel("column").drop(columns="unit").rename_axis(None)
            shown.columns.name = title
            numbers = shown.map(lambda value, unit=unit: format(value, DIGITS[unit]) if value == value else "-")
            blocks.append(numbers.dropna(axis=1, how="all").to_string())
    return "\n\n".join(blocks)


def write_figures(path: str | Path, figures: Sequence[Figure]) -> None:
    """Write new figures to a file of figures: those of the same cells that are recorded there are replaced.

    Parameters
    ----------
    path : str or Path
        A file with the columns of the bundled one, which keeps its published and its other figures, or a new file.
    figures : sequence of Figure

    Raises
    ------
    ValueError
        If the file exists and is no file of figures.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "new.csv"
    >>> for score in (57.5, 58.0):
    ...     write_figures(path, [Measured("mnist-1d", "GRU", "shuffled", score).figure("rnnbp reproduce", "0.1.0")])
    >>> [figure.value for figure in read_figures(path)]
    ['58.00']
    """
    path = Path(path)
    kept = read_figures(path) if path.is_file() else []
    headed = {figure.table for figure in kept if figure.origin == HEADING}
    new = {(f.table, f.row, f.column): f for f in figures if f.origin != HEADING or f.table not in headed}
    merged = [new.pop((f.table, f.row, f.column), f) if f.origin == "recorded" else f for f in kept]
    for figure in new.values():  # after the last one of its table
        places = [place for place, other in enumerate(merged) if other.table == figure.table]
        merged.insert(places[-1] + 1 if places else len(merged), figure)
    with replacing(path) as beside, beside.open("w", encoding="utf-8", newline="") as file:
        lines = csv.writer(file, lineterminator="\n")
        lines.writerow(field.name for field in fields(Figure))
        lines.writerows(astuple(figure) for figure in merged)
