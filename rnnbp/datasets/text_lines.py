"""The lines of a text file that comes from outside, with limits and with the place of what is wrong."""

from collections.abc import Iterator

from rnnbp.runtime import DAMAGED_GZIP, TextSource, opened_text, short_name

LONGEST = 2**16  # characters of a line of a word list


def text_lines(path: TextSource) -> Iterator[tuple[str, str]]:
    """Each line of a text file, or of a .gz of one, with its place for messages: 'words.txt, line 3'.

    Parameters
    ----------
    path : str, Path or file

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
    >>> from pathlib import Path
    >>> path = Path(tempfile.mkdtemp()) / "words.txt"
    >>> _ = path.write_text("cat\\ndog\\n")
    >>> list(text_lines(path))
    [('words.txt, line 1', 'cat'), ('words.txt, line 2', 'dog')]
    """
    name, number = short_name(path), 0
    try:
        with opened_text(path, encoding="latin-1") as file:  # which takes any byte: what may be there is for the reader
            while line := file.readline(LONGEST + 1):
                number += 1
                if len(line) > LONGEST:
                    raise ValueError(f"{name}, line {number}: the line is longer than {LONGEST} characters")
                yield f"{name}, line {number}", line.rstrip("\r\n")
    except DAMAGED_GZIP as error:
        raise ValueError(f"{name}, after line {number}: {error}") from None
