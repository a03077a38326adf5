"""What commands print of scores, and the tables that they write."""

from pathlib import Path
from typing import TYPE_CHECKING

from rnnbp.runtime.files import replacing

if TYPE_CHECKING:
    import pandas as pd


def print_scores(scores: dict[str, float]) -> None:
    """Print scores by name in one line."""
    print("  ".join(f"{name} {value:.4f}" for name, value in scores.items()))


def write_csv(table: "pd.DataFrame", path: Path) -> None:
    """Write a table without its index as CSV, and print its path."""
    with replacing(path) as temporary:
        table.to_csv(temporary, index=False, lineterminator="\n")
    print(f"written: {path}")
