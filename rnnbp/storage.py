"""Files that are whole or not there: npz archives with a JSON header, written beside and renamed into place."""

import json
import os
import uuid
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

Array = np.ndarray
HEADER = "header"


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """A temporary path beside `path`, renamed to it when the block ends well, deleted when it does not.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> with replacing(folder / "a.txt") as beside:
    ...     _ = beside.write_text("whole")
    >>> [p.name for p in folder.iterdir()]
    ['a.txt']
    """
    path = Path(path)
    beside = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        yield beside
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def write_archive(path: str | Path, kind: str, header: Mapping[str, Any], arrays: Mapping[str, Array]) -> None:
    """Write arrays and a header.

    Parameters
    ----------
    path : str or Path
    kind : str
        What the file is, asked for again when it is read.
    header : mapping
        What JSON can hold.
    arrays : mapping of str to ndarray

    Raises
    ------
    FileNotFoundError
        If the folder does not exist.
    """
    text = json.dumps({"kind": kind, "version": 1, **header})
    path = Path(path)
    if not path.parent.is_dir():
        raise FileNotFoundError(f"path: there is no folder {str(path.parent)!r} to write {path.name!r} to")
    with replacing(path) as beside, beside.open("wb") as file:
        members: dict[str, Any] = {HEADER: np.frombuffer(text.encode(), np.uint8), **arrays}
        np.savez(file, **members)
        file.flush()
        os.fsync(file.fileno())


def read_archive(path: str | Path, kind: str) -> tuple[dict[str, Any], dict[str, Array]]:
    """Read what `write_archive` wrote.

    Parameters
    ----------
    path : str or Path
    kind : str
        What the file must be.

    Returns
    -------
    header : dict
    arrays : dict of str to ndarray

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is not such a file, or damaged; nothing in it is run, and no more memory taken than it really holds.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "a.npz"
    >>> write_archive(path, "rnnbp example", {"n": 1}, {"a": np.arange(3)})
    >>> read_archive(path, "rnnbp example")
    ({'kind': 'rnnbp example', 'version': 1, 'n': 1}, {'a': array([0, 1, 2])})
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"path: there is no file {str(path)!r}")
    try:
        arrays = _read_arrays(path)
        header = json.loads(arrays.pop(HEADER).tobytes())
        found = header["kind"], header["version"]
    except (zipfile.BadZipFile, KeyError, ValueError, EOFError, OSError, TypeError) as error:
        raise ValueError(f"{str(path)!r} is not a file of {kind!r}, or it is damaged: {error}") from error
    if found != (kind, 1):
        raise ValueError(f"{str(path)!r} must be a file of {kind!r}, version 1; it is {found[0]!r}, version {found[1]}")
    return header, arrays


def _read_arrays(path: Path) -> dict[str, Array]:
    arrays = {}
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            with archive.open(member) as file:
                _check_size(file, member)
            with archive.open(member) as file:
                arrays[member.filename.removesuffix(".npy")] = np.lib.format.read_array(file, allow_pickle=False)
    return arrays


def _check_size(file: Any, member: zipfile.ZipInfo) -> None:
    """Raise unless an array's header claims just what the archive holds and holds what it claims uncompressed."""
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read(file)
    claimed = file.tell() + int(np.prod(shape, dtype=object)) * dtype.itemsize
    if member.compress_type != zipfile.ZIP_STORED or claimed != member.file_size:
        raise ValueError(f"array {member.filename!r} claims {claimed} bytes, the file holds {member.file_size}")
