"""What commands print of scores, and the tables that they write."""

from pathlib import Path
from typing import TYPE_CHECKING

from rnnbp.runtime.files import replacing

if TYPE_CHECKING:
    import pandas as pd


def print_scores(scores: dict[str, float]) -> None:
    """Print scores by name in one line."""
    print("  ".join(f"{name} {value:.4f}" for name, value in scores.items()))


def check_table_target(option: str, path: Path) -> None:
    """Raise unless a table can be written to a file of this name, as CSV or Parquet.

    Raises
    ------
    ValueError
        If its name ends otherwise.
    ImportError
        If pyarrow, which writes .parquet files, is not installed.
    """
    from rnnbp.runtime import require

    if path.suffix.lower() not in (".csv", ".parquet"):
        raise ValueError(f"{option} must name a .csv or .parquet file, got {str(path)!r}")
    if path.suffix.lower() == ".parquet":
        require("pyarrow", extra="parquet")


def write_table(table: "pd.DataFrame", path: Path) -> None:
    """Write a table without its index as CSV, or as Parquet where the name says so, and print its path."""
    with replacing(path) as temporary:
        if path.suffix.lower() == ".parquet":
            table.to_parquet(temporary, index=False)
        else:
            table.to_csv(temporary, index=False, lineterminator="\n")
    print(f"written: {path}")
