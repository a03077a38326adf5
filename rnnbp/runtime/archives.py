"""Files of arrays with a JSON header: npz archives with a checksum, validated on reading."""

import hashlib
import json
import math
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np

from rnnbp.runtime.files import replacing, sync_folder

Array = np.ndarray
HEADER = "header"
CHECKSUM = "checksum"  # in the header, from version 2
VERSION = 2
ENCRYPTED = 1  # bit of a member's flags
MOST_ARRAYS = 1000
MOST_HEADER = 500  # characters of an array's own header; NumPy writes some 120


class DamagedFileError(ValueError):
    """Error raised when a file is not as it was written: truncated, or anything in it changed.

    Examples
    --------
    >>> raise DamagedFileError("'c.npz' is damaged: its checksum is not that of its contents")
    Traceback (most recent call last):
    rnnbp.runtime.archives.DamagedFileError: 'c.npz' is damaged: its checksum is not that of its contents
    """


def write_archive(path: str | Path, kind: str, header: Mapping[str, Any], arrays: Mapping[str, Array]) -> None:
    """Write a header and arrays with a checksum to a file, which appears only once it is complete and on the disk.

    Parameters
    ----------
    path : str or Path
    kind : str
        Type of the file, which `read_archive` checks.
    header : mapping
        Anything JSON can represent.
    arrays : mapping of str to ndarray

    Raises
    ------
    FileNotFoundError
        If the folder does not exist.
    """
    whole = json.loads(json.dumps({"kind": kind, "version": VERSION, **header}))  # as it will be read
    text = json.dumps(whole | {CHECKSUM: checksum(whole, arrays)})
    with replacing(path) as beside, beside.open("wb") as file:
        members: dict[str, Any] = {HEADER: np.frombuffer(text.encode(), np.uint8), **arrays}
        np.savez(file, **members)
        file.flush()
        os.fsync(file.fileno())  # before the file is renamed: a power failure must not leave the name without the data
    sync_folder(Path(os.path.realpath(path)).parent)


def checksum(header: Mapping[str, Any], arrays: Mapping[str, Array]) -> str:
    """Return the SHA-256 of a header and of the names, dtypes, shapes and elements of arrays, in hexadecimal.

    The archive's own checksums are those of each member, of which two may be exchanged, and CRC-32.

    Examples
    --------
    >>> checksum({}, {"a": np.zeros(2), "b": np.ones(2)}) == checksum({}, {"b": np.zeros(2), "a": np.ones(2)})
    False
    """
    found = hashlib.sha256(json.dumps(header, sort_keys=True).encode())
    for name in sorted(arrays):
        array = np.asarray(arrays[name])
        found.update(json.dumps([name, array.dtype.str, array.shape]).encode())
        found.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
    return found.hexdigest()


def read_archive(path: str | Path, kind: str) -> tuple[dict[str, Any], dict[str, Array]]:
    """Read the header and arrays of a file that `write_archive` wrote.

    Parameters
    ----------
    path : str or Path
    kind : str
        Required type of the file.

    Returns
    -------
    header : dict
    arrays : dict of str to ndarray

    Raises
    ------
    FileNotFoundError, IsADirectoryError
        If there is no such file, or it is a folder.
    ValueError
        If it is of another kind or version, or, as a `DamagedFileError`, damaged or no such archive at all. No code in
        it is run, and no more memory allocated than its size.

    Notes
    -----
    Files of version 1, which have no checksum, are read.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "a.npz"
    >>> write_archive(path, "rnnbp example", {"n": 1}, {"a": np.arange(3)})
    >>> read_archive(path, "rnnbp example")
    ({'kind': 'rnnbp example', 'version': 2, 'n': 1}, {'a': array([0, 1, 2])})
    """
    path = Path(path)
    if path.is_dir():
        raise IsADirectoryError(f"path must name a file of {kind!r}, and {str(path)!r} is a folder")
    if not path.is_file():
        raise FileNotFoundError(f"path: there is no file {str(path)!r}")
    with path.open("rb") as file:
        try:
            arrays = _read_arrays(file)
            header = json.loads(arrays.pop(HEADER).tobytes())
            found, version = header["kind"], header["version"]
            checked = found == kind and version == VERSION
            whole = not checked or header.pop(CHECKSUM) == checksum(header, arrays)
        except Exception as error:  # zipfile, NumPy and json raise many types for malformed files
            raise DamagedFileError(f"{str(path)!r} is not a file of {kind!r}, or it is damaged: {error}") from error
    if found != kind:
        raise ValueError(f"{str(path)!r} must be a file of {kind!r}; it is {found!r}")
    if isinstance(version, bool) or version not in (1, VERSION):
        raise ValueError(
            f"{str(path)!r} is of version {version!r} of {kind!r}, and this rnnbp reads versions 1 to {VERSION}: "
            "install the rnnbp that wrote it, or a newer one"
        )
    if not whole:
        raise DamagedFileError(f"{str(path)!r} is damaged: its checksum is not that of its contents")
    return header, arrays


def _read_arrays(opened: IO[bytes]) -> dict[str, Array]:
    arrays: dict[str, Array] = {}
    with zipfile.ZipFile(opened) as archive:
        members = archive.infolist()
        if len(members) > MOST_ARRAYS:
            raise ValueError(f"it holds {len(members)} arrays, at most {MOST_ARRAYS} are taken")
        for member in members:
            name = member.filename.removesuffix(".npy")
            if name in arrays:
                raise ValueError(f"array {name!r} is in it twice")
            if member.compress_type != zipfile.ZIP_STORED or member.flag_bits & ENCRYPTED:
                raise ValueError(f"array {name!r} is compressed or encrypted")
            with archive.open(member) as file:
                _check_size(file, member)
            with archive.open(member) as file:
                arrays[name] = np.lib.format.read_array(file, allow_pickle=False, max_header_size=MOST_HEADER)
    return arrays


def _check_size(file: Any, member: zipfile.ZipInfo) -> None:
    """Raise unless the size in an array's header is that of its data."""
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read(file, max_header_size=MOST_HEADER)
    expected = file.tell() + math.prod(shape) * dtype.itemsize
    if expected != member.file_size:
        raise ValueError(f"array {member.filename!r} needs {expected} bytes, the file holds {member.file_size}")
