"""The lines of a text file that comes from outside, with limits and with the place of what is wrong."""

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

LONGEST = 2**16  # characters of a line of a word list


def text_lines(path: str | Path) -> Iterator[tuple[str, str]]:
    """Each line of a text file, or of a .gz of one, with its place for messages: 'words.txt, line 3'.

    Parameters
    ----------
    path : str or Path

    Yields
    ------
    place, line : str
        The line without what ends it.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If a line is longer than 65,536 characters, or a .gz is damaged.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "words.txt"
    >>> _ = path.write_text("cat\\ndog\\n")
    >>> list(text_lines(path))
    [('words.txt, line 1', 'cat'), ('words.txt, line 2', 'dog')]
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"path: there is no file {str(path)!r}")
    number = 0
    try:
        with _opened(path) as file:
            while line := file.readline(LONGEST + 1):
                number += 1
                if len(line) > LONGEST:
                    raise ValueError(f"{path.name}, line {number}: the line is longer than {LONGEST} characters")
                yield f"{path.name}, line {number}", line.rstrip("\r\n")
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise ValueError(f"{path.name}, after line {number}: {error}") from None


def _opened(path: Path) -> TextIO:
    # Latin-1 takes any byte: what a line may hold is for its reader to say.
    return gzip.open(path, "rt", encoding="latin-1") if path.suffix == ".gz" else path.open(encoding="latin-1")
