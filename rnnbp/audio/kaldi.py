"""Kaldi's archives (.ark) and their indices (.scp), in text and binary."""

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import ArrayLike

from rnnbp.audio.kaldi_binary import KaldiError, binary, read_binary
from rnnbp.data import MEMORY, LazySequences
from rnnbp.runtime import (
    DAMAGED_GZIP,
    Opened,
    Source,
    TextSource,
    got,
    named,
    opened,
    opened_text,
    refuses_by_name,
    replacing,
)

Array = np.ndarray
LONGEST_KEY = 4096
MOST_DIGITS = 18  # of an offset
LONGEST_LINE = 2**24  # bytes: a row of a matrix, or a vector


def read_ark(path: Source) -> Iterator[tuple[str, Array]]:
    """Iterate over the matrices and vectors of a Kaldi archive, text or binary.

    Parameters
    ----------
    path : str, Path or binary file

    Yields
    ------
    key : str
    array : ndarray (T, F) or (n,)
        float32 or float64 as stored in binary, float32 if compressed, float64 from text.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is not such an archive, is truncated, or has a number that is not finite; the message begins with its name
        and the key.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "feats.ark"
    >>> write_ark(path, {"utt1": np.array([[1.0, 2.0]])})
    >>> dict(read_ark(path))
    {'utt1': array([[1., 2.]])}
    """
    with opened(path) as source:
        while key := _key(source):
            yield key, _object(source, key)


def _key(source: Opened) -> str:
    """Read the next key; empty at the end of the file."""
    data = b""
    while (byte := source.file.read(1)) not in (b"", b" ", b"\t"):
        data = b"" if byte in b"\r\n" and not data else data + byte
        if len(data) > LONGEST_KEY or (byte in b"\r\n\0" and data):
            raise ValueError(f"{source.name} is not a Kaldi archive: it has {data[:20]!r} where a key should be")
    if byte == b"" and data:
        raise ValueError(f"{source.name} is cut off behind {data[:20]!r}")
    if byte and not data:
        raise ValueError(f"{source.name} is not a Kaldi archive: it has a space where a key should be")
    return data.decode("utf-8", "replace")


def _object(source: Opened, key: str) -> Array:
    """Read the matrix or vector at the file's position."""
    file = source.file
    here = file.tell()
    try:
        if file.read(2) == b"\0B":
            with np.errstate(over="ignore", invalid="ignore"):  # the result is checked
                array = read_binary(file)
        else:
            file.seek(here)
            array = _read_text(file)
        if not np.isfinite(array).all():
            where = np.argwhere(~np.isfinite(array))[0].tolist()
            raise KaldiError(f"holds {array[tuple(where)]} at {where}: not finite")
    except KaldiError as error:
        raise ValueError(f"{source.name}: {key!r} {error}") from None
    return array


def _read_text(file: BinaryIO) -> Array:
    """Read text: ``[ 1 2 ]`` is a vector; a matrix has its first row on the line after the bracket."""
    first = _line(file).strip()
    if not first.startswith(b"["):
        raise KaldiError(f"must begin with '[', or be binary: it begins with {first[:20]!r}")
    rows = [first[1:].strip()]
    while not rows[-1].endswith(b"]"):
        line = _line(file)
        if not line:
            raise KaldiError("is cut off: it has no ']'")
        rows.append(line.strip())
    rows[-1] = rows[-1][:-1]
    try:
        numbers = [_numbers(row.split()) for row in rows if row.strip()]
    except ValueError as error:
        raise KaldiError(f"holds what is no number: {str(error)[-60:]}") from None
    if not numbers:
        raise KaldiError("is empty")
    if len({len(row) for row in numbers}) > 1:
        raise KaldiError(f"has rows of {len(numbers[0])} numbers and of other sizes")
    return numbers[0] if len(rows) == 1 else np.stack(numbers)


def _numbers(words: list[bytes]) -> Array:
    if odd := next((word for word in words if b"_" in word), None):  # Python's float accepts 1_000
        raise ValueError(repr(odd[:40]))
    return np.array(words, np.float64)


def _line(file: BinaryIO) -> bytes:
    line = file.readline(LONGEST_LINE)
    if len(line) == LONGEST_LINE:
        raise KaldiError(f"has a line of {LONGEST_LINE} bytes or more")
    return line


@dataclass(frozen=True)
class _Indexed:
    """Loader of the entries of an index."""

    keys: tuple[str, ...]
    paths: tuple[Path, ...]
    offsets: tuple[int, ...]

    def __call__(self, place: int) -> Array:
        with opened(self.paths[place]) as source:
            source.file.seek(self.offsets[place])
            return _object(source, self.keys[place])


@refuses_by_name
def read_scp(path: TextSource, memory: int = MEMORY, within: str | Path | None = None) -> LazySequences:
    """Read a Kaldi index as lazily loaded sequences.

    Parameters
    ----------
    path : str, Path or file
        Lines ``key file:offset`` or ``key file``; files are relative to the working directory, as in Kaldi, or else to
        the folder of the index where that is a path. Commands (``... |``) are not run, and ranges (``[0:9]``) are not
        supported.
    memory : int, default 2**28
        The most bytes that are cached in memory.
    within : str or Path, optional
        A folder that all files must be in, links followed: for an index that others wrote. Default: an index may name
        any file, as in Kaldi.

    Returns
    -------
    LazySequences
        For `rnnbp.SequenceDataset`; its `names` are the keys.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If a line is malformed or names a file that is not `within`, or there is none; the message begins with the
        file's name and the line.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> write_ark(folder / "feats.ark", {"utt1": np.ones((3, 2)), "utt2": np.zeros((4, 2))}, scp=folder / "feats.scp")
    >>> lazy = read_scp(folder / "feats.scp")
    >>> lazy.names, lazy[1].shape
    (['utt1', 'utt2'], (4, 2))
    """
    name, folder = named(path), Path(path).parent if isinstance(path, str | os.PathLike) else Path()
    keys, paths, offsets = [], [], []
    placed: dict[str, Path] = {}  # by its text: making and hashing a path takes five times as long
    try:
        with opened_text(path, encoding="utf-8", errors="replace") as file:
            for number, line in enumerate(file, 1):
                if line.strip():
                    key, place, offset = _indexed(f"{name}, line {number}", line)
                    keys.append(key)
                    if place not in placed:
                        placed[place] = _placed(f"{name}, line {number}", Path(place), folder, within)
                    paths.append(placed[place])
                    offsets.append(offset)
    except DAMAGED_GZIP as error:
        raise ValueError(f"{name}, after line {len(keys)}: {error}") from None
    if not keys:
        raise ValueError(f"{name} is empty")
    return LazySequences(_Indexed(tuple(keys), tuple(paths), tuple(offsets)), len(keys), memory, names=keys)


def _indexed(where: str, line: str) -> tuple[str, str, int]:
    key, _, place = line.strip().partition(" ")
    place = place.strip()
    if not place:
        raise ValueError(f"{where}: it must be 'key file:offset', got {line.strip()[:60]!r}")
    if place.endswith(("|", "]")):
        raise ValueError(f"{where}: commands and ranges are not taken, got {place[-60:]!r}")
    file, colon, offset = place.rpartition(":")
    if not (colon and offset.isdecimal()):
        return key, place, 0
    if len(offset) > MOST_DIGITS:
        raise ValueError(f"{where}: no file has an offset of {len(offset)} digits, got {offset[:40]!r}")
    return key, file, int(offset)


def _placed(where: str, place: Path, folder: Path, within: str | Path | None) -> Path:
    """Return the path of a file: from the working directory, or else from the folder of the index."""
    try:
        found = place if place.exists() else folder / place
        inside = within is None or found.resolve().is_relative_to(Path(within).resolve())
    except (OSError, RuntimeError, ValueError) as error:  # too long a name, a loop of links, a null byte
        no_file = f"{str(place)[:60]!r}, or within={str(within)[:60]!r}, can be no file: {str(error)[:80]}"
        raise ValueError(f"{where}: {no_file}") from None
    if not inside:
        raise ValueError(f"{where}: {str(place)!r} is not within {str(within)!r}")
    return found


Items = Mapping[str, ArrayLike] | Iterable[tuple[str, ArrayLike]]


@refuses_by_name
def write_ark(path: str | Path, items: Items, scp: str | Path | None = None) -> None:
    """Write a binary Kaldi archive and its index atomically.

    Parameters
    ----------
    path : str or Path
    items : mapping of str to array_like (T, F) or (n,), or iterable of such pairs
        float32 is written unchanged, all else as float64. Iterated one by one, so that they need not fit in memory.
    scp : str or Path, optional
        Where to write the index.

    Raises
    ------
    ValueError
        If a key is empty, has spaces or is repeated, or an array is not finite numbers with one or two axes.

    See Also
    --------
    write_ark_text : the same in text.

    Examples
    --------
    >>> write_ark("feats.ark", {"utt 1": np.ones(3)})
    Traceback (most recent call last):
    ValueError: items: a key must be a word without spaces, and come once: got 'utt 1'
    """
    with ExitStack() as stack:
        ark = stack.enter_context(stack.enter_context(replacing(path)).open("wb"))
        index = None if scp is None else stack.enter_context(stack.enter_context(replacing(scp, "scp")).open("wb"))
        for key, array in _checked(items):
            ark.write(f"{key} ".encode())
            if index is not None:
                index.write(f"{key} {path}:{ark.tell()}\n".encode())
            ark.write(binary(array))


@refuses_by_name
def write_ark_text(path: str | Path, items: Items) -> None:
    """Write a Kaldi archive in text, with enough digits to read every number back exactly; see `write_ark`.

    Parameters
    ----------
    path : str or Path
    items : mapping of str to array_like, or iterable of (str, array_like)
        Matrices or vectors by the name of their utterance.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "feats.txt"
    >>> write_ark_text(path, {"a": [[1.0, 2.0]], "b": [0.1]})
    >>> path.read_text()
    'a  [\\n  1.0 2.0 ]\\nb  [ 0.1 ]\\n'
    """
    with replacing(path) as beside, beside.open("wb") as ark:
        for key, array in _checked(items):
            rows = [" ".join(map(repr, row)) for row in np.atleast_2d(array).tolist()]
            inside = f"[ {rows[0]} ]" if array.ndim == 1 else "[\n  " + "\n  ".join(rows) + " ]"
            ark.write(f"{key}  {inside}\n".encode())


def _checked(items: Items) -> Iterator[tuple[str, Array]]:
    if isinstance(items, str | bytes) or not isinstance(items, Mapping | Iterable):
        raise ValueError(f"items must be a mapping of names to arrays, or pairs of them, {got(items)}")
    seen = set()
    for key, values in items.items() if isinstance(items, Mapping) else items:
        if not isinstance(key, str) or len(key.split()) != 1 or key != key.strip() or key in seen:
            raise ValueError(f"items: a key must be a word without spaces, and come once: got {key!r}")
        seen.add(key)
        array = np.asarray(values)
        if array.ndim not in (1, 2) or not array.size or array.dtype.kind not in "iuf" or not np.isfinite(array).all():
            raise ValueError(
                f"items: the array of {key!r} must be finite numbers (T, F) or (n,), got {array.dtype} of {array.shape}"
            )
        yield key, array if array.dtype == np.float32 else array.astype(np.float64)
