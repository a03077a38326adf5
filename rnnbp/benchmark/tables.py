"""Tables of results as CSV files."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from rnnbp.runtime import replacing


def write_tables(folder: Path, tables: Mapping[str, pd.DataFrame]) -> None:
    """Write tables as CSV files with four significant digits, each under its name.

    Parameters
    ----------
    folder : Path
        Created if it does not exist.
    tables : mapping of str to DataFrame

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_tables(Path(folder), {"times": pd.DataFrame({"us": [1.23456]})})
    ...     (Path(folder) / "times.csv").read_text()
    'us\\n1.235\\n'
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in tables.items():
        with replacing(folder / f"{name}.csv") as beside:
            table.to_csv(beside, index=False, float_format="%.4g", lineterminator="\n")
