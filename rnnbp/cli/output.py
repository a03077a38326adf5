"""What commands print of scores, and the tables that they write."""

import sys
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rnnbp.runtime.files import replacing

if TYPE_CHECKING:
    import pandas as pd


def printable(text: str) -> str:
    r"""Return a text in which control characters, but line breaks and tabs, are escaped.

    A terminal takes escape sequences in a name from a file as commands.

    Examples
    --------
    >>> print(printable("a\x1b[31m\n\u202eb"))
    a\x1b[31m
    \u202eb
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escaped(c) if unicodedata.category(c) in ("Cc", "Cf") and c not in "\n\r\t" else c for c in text)


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


class _Printable:
    """Text file in which control characters are escaped."""

    def __init__(self, file: Any) -> None:
        self._file = file

    def write(self, text: str) -> int:
        self._file.write(printable(text))
        return len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


@contextmanager
def printing_safely() -> Iterator[None]:
    """Context in which what is printed to a terminal is `printable`; a file or pipe gets names as they are."""
    if not sys.stdout.isatty():
        yield
        return
    safe: Any = _Printable(sys.stdout)
    with redirect_stdout(safe):
        yield


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
