"""Tables of results as CSV files."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from rnnbp.runtime.files import replacing

if TYPE_CHECKING:
    import pandas as pd


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
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in tables.items():
        with replacing(folder / f"{name}.csv") as beside:
            table.to_csv(
                beside, index=False, float_format=None if digits is None else f"%.{digits}g", lineterminator="\n"
            )
