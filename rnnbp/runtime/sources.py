"""Input of readers: a path or an open file."""

import gzip
import io
import os
import stat
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, TextIO

Source = str | os.PathLike[str] | BinaryIO
TextSource = Source | TextIO
BUFFER = 2**16  # bytes: most recordings of a word are read at once
GZIP = b"\x1f\x8b"
DAMAGED_GZIP = (EOFError, gzip.BadGzipFile, zlib.error)  # raised on reading a damaged file
MOST_EXPANSION = (
    200  # times the size of a file that it may unpack to, if that is more than the following: text has 3 to 20
)
UNPACKED = 2**25  # bytes that any file may unpack to


@dataclass(frozen=True)
class Opened:
    """File opened at its beginning.

    Parameters
    ----------
    name : str
        Name in messages: the path in quotes, or the type of the file object.
    file : file object
        Binary and seekable.
    size : int
        Size in bytes.
    """

    name: str
    file: BinaryIO
    size: int


def existing(path: str | os.PathLike[str]) -> int:
    """Return the size of a file in bytes, or raise if there is no such file.

    Raises
    ------
    FileNotFoundError
        If there is no such file; the message names it.

    Examples
    --------
    >>> existing("no.wav")
    Traceback (most recent call last):
    FileNotFoundError: path: there is no file 'no.wav'
    """
    with suppress(FileNotFoundError, NotADirectoryError, ValueError):  # ValueError: the name has a null byte
        found = os.stat(path)  # noqa: PTH116 (a Path takes longer to make than a file to open)
        if stat.S_ISREG(found.st_mode):
            return found.st_size
    raise FileNotFoundError(f"path: there is no file {os.fspath(path)!r}")


@contextmanager
def opened(source: Source) -> Iterator[Opened]:
    """Open a path, or read the rest of an open file into memory; the caller's file stays open.

    Parameters
    ----------
    source : path or binary file
        A file is read from its current position: it may be a pipe, a member of an archive, or `io.BytesIO`.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is neither a path nor a file opened in binary mode.

    Examples
    --------
    >>> with opened(io.BytesIO(b"abc")) as source:
    ...     source.name, source.size
    ('<BytesIO>', 3)
    """
    if isinstance(source, str | os.PathLike):
        size = existing(source)
        with open(source, "rb", buffering=BUFFER) as file:  # noqa: PTH123
            yield Opened(repr(os.fspath(source)), file, size)
        return
    data = _checked(source).read()
    if not isinstance(data, bytes):
        raise ValueError(f"path must be opened in binary mode, open(..., 'rb'); {named(source)} gives text")
    yield Opened(named(source), io.BytesIO(data), len(data))


@contextmanager
def opened_text(
    source: TextSource, *, encoding: str, errors: str = "strict", newline: str | None = None
) -> Iterator[TextIO]:
    """Open a text file, plain or compressed by gzip, from a path or an open file of text or bytes.

    Parameters
    ----------
    source : path or file
    encoding, errors : str
        As `open` takes them.
    newline : str, optional
        As `open` takes it; "" leaves line breaks unchanged.

    Raises
    ------
    FileNotFoundError, ValueError
        As `opened`.
    EOFError, gzip.BadGzipFile, zlib.error
        On reading, if it is compressed and damaged, or unpacks to more than 200 times its size (and 32 MB).

    Examples
    --------
    >>> with opened_text(io.BytesIO(gzip.compress(b"a line")), encoding="ascii") as file:
    ...     file.read()
    'a line'
    """
    if not isinstance(source, str | os.PathLike) and isinstance(_checked(source).read(0), str):
        yield source  # type: ignore[misc]
        return
    with opened(source) as found:  # type: ignore[arg-type]
        packed = found.file.read(2) == GZIP or (found.size and found.name.endswith(".gz'"))
        found.file.seek(0)
        plain: Any = _Unpacked(found) if packed else found.file
        with io.TextIOWrapper(plain, encoding, errors, newline) as text:
            yield text


class _Unpacked(gzip.GzipFile):
    """Contents of a compressed file, limited to some times its size: a bomb unpacks to a thousand times."""

    def __init__(self, packed: Opened) -> None:
        super().__init__(fileobj=packed.file, mode="rb")
        self._most = max(UNPACKED, MOST_EXPANSION * packed.size)

    def read(self, size: int | None = -1) -> bytes:
        if size is None or size < 0:
            return b"".join(iter(lambda: self.read1(BUFFER), b""))
        return self._checked(super().read(size))

    def read1(self, size: int = -1) -> bytes:
        return self._checked(super().read1(size))

    def _checked(self, data: bytes) -> bytes:
        if self.tell() > self._most:
            raise gzip.BadGzipFile(f"it unpacks to more than {self._most} bytes, which no text of its size does")
        return data


def named(source: Any) -> str:
    """Return the name of a source in messages: the path in quotes, or the type of the object.

    Examples
    --------
    >>> named("a/b.wav"), named(io.BytesIO())
    ("'a/b.wav'", '<BytesIO>')
    """
    path = source if isinstance(source, str | os.PathLike) else getattr(source, "name", None)
    return repr(str(path)) if isinstance(path, str | os.PathLike) else f"<{type(source).__name__}>"


def short_name(source: Any) -> str:
    """Return the name of a file without its folder, for messages of text readers.

    Examples
    --------
    >>> short_name("a/b.ts"), short_name(io.BytesIO())
    ('b.ts', '<BytesIO>')
    """
    if isinstance(source, str | os.PathLike):
        return Path(source).name
    return named(source)


def bytes_left(file: BinaryIO) -> int:
    """Return the number of bytes from the current position of a file to its end.

    Examples
    --------
    >>> file = io.BytesIO(b"abc")
    >>> _ = file.read(1)
    >>> bytes_left(file)
    2
    """
    here = file.tell()
    end = file.seek(0, os.SEEK_END)
    file.seek(here)
    return end - here


def _checked(source: Any) -> Any:
    if isinstance(source, bytes | bytearray | memoryview):
        raise ValueError("path must be a path or an open file, got bytes: give io.BytesIO of them")
    if not callable(getattr(source, "read", None)):
        raise ValueError(f"path must be a path, or a file opened in binary mode, got {source!r:.60}")
    return source
