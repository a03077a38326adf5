"""Tables as CSV files: those of others are read with limits, those of results are written."""

import csv
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from rnnbp.runtime.files import checked_path, replacing
from rnnbp.runtime.sources import DAMAGED_GZIP, TextSource, named, opened_text

if TYPE_CHECKING:
    import pandas as pd

MOST_COLUMNS = 2**14  # as spreadsheets have; pandas takes a quarter of a millisecond for each, empty ones too
MOST_REPEATED = 100  # columns with the name of another: pandas names them anew in a time that is quadratic


def write_tables(folder: str | Path, tables: "Mapping[str, pd.DataFrame]", digits: int | None = None) -> None:
    """Write tables as CSV files, each under its name, without their indices.

    Parameters
    ----------
    folder : str or Path
        Created if it does not exist.
    tables : mapping of str to DataFrame
    digits : int, optional
        Number of significant digits. Default: all.

    Examples
    --------
    >>> import tempfile
    >>> import pandas as pd
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_tables(folder, {"times": pd.DataFrame({"us": [1.23456]})}, digits=4)
    ...     (Path(folder) / "times.csv").read_text()
    'us\\n1.235\\n'
    """
    folder = checked_path("folder", folder)
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in tables.items():
        with replacing(folder / f"{name}.csv") as beside:
            table.to_csv(
                beside, index=False, float_format=None if digits is None else f"%.{digits}g", lineterminator="\n"
            )


def read_csv(path: TextSource, **options: Any) -> "pd.DataFrame":
    """Read a CSV file, plain or compressed by gzip, that others wrote.

    Parameters
    ----------
    path : str, Path or file
    **options
        Of `pandas.read_csv`.

    Returns
    -------
    DataFrame

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is not such a file, or damaged, unpacks to more than a text does, has more than 16,384 columns or 100 of
        the same name; the message begins with its name.

    Examples
    --------
    >>> import io
    >>> read_csv(io.BytesIO(b"a,b\\n1,x\\n")).to_dict("list")
    {'a': [1], 'b': ['x']}
    """
    import pandas as pd

    try:
        with opened_text(path, encoding="utf-8", newline="") as file, warnings.catch_warnings():
            warnings.simplefilter("ignore", pd.errors.DtypeWarning)  # of columns with numbers and texts
            warnings.simplefilter("error", pd.errors.ParserWarning)  # of rows with more cells than the header, cut
            _check_header(file)
            return pd.read_csv(file, index_col=False, **options)
    except FileNotFoundError:
        raise
    except pd.errors.ParserWarning:
        raise ValueError(f"{named(path)} cannot be read as a table: its rows have more cells than its header") from None
    except (ValueError, OverflowError, RecursionError, *DAMAGED_GZIP) as error:
        raise ValueError(f"{named(path)} cannot be read as a table: {' '.join(str(error).split())}") from None


def _check_header(file: TextIO) -> None:
    """Raise if a table has so many columns that reading them would take minutes; the file stays where it was."""
    if not file.seekable():
        return
    start = file.tell()
    try:
        columns = next((row for row in csv.reader(file) if "".join(row).strip() or len(row) > 1), [])
    except csv.Error:  # what pandas explains
        columns = []
    file.seek(start)
    if len(columns) > MOST_COLUMNS:
        raise ValueError(f"it has {len(columns)} columns, at most {MOST_COLUMNS} are taken: leave some out")
    names = [name for name in columns if name]
    if (again := len(names) - len(set(names))) > MOST_REPEATED:
        raise ValueError(f"{again} of its {len(columns)} columns have the name of another: name them differently")
