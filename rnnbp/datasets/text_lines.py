"""Lines of text files from outside the package, with limits and with positions for error messages."""

from collections.abc import Iterator

from rnnbp.runtime import DAMAGED_GZIP, TextSource, opened_text, short_name

LONGEST = 2**16  # characters of a line of a word list


def text_lines(path: TextSource) -> Iterator[tuple[str, str]]:
    """Iterate over the lines of a text file or a .gz, each with its position for messages: 'words.txt, line 3'.

    Parameters
    ----------
    path : str, Path or file

    Yields
    ------
    place, line : str
        The line is without its line break.

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
        with opened_text(path, encoding="latin-1") as file:  # decodes any byte; the caller checks the characters
            while line := file.readline(LONGEST + 1):
                number += 1
                if len(line) > LONGEST:
                    raise ValueError(f"{name}, line {number}: the line is longer than {LONGEST} characters")
                yield f"{name}, line {number}", line.rstrip("\r\n")
    except DAMAGED_GZIP as error:
        raise ValueError(f"{name}, after line {number}: {error}") from None
