"""Files of arrays with a JSON header: npz archives with a checksum, validated on reading."""

import hashlib
import io
import json
import math
import os
import warnings
import zipfile
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import IO, Any

import numpy as np

from rnnbp.runtime.files import checked_path, replacing, sync_folder
from rnnbp.runtime.sources import Source, opened

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
    path = checked_path("path", path)
    if path.is_dir():
        raise IsADirectoryError(f"path must name a file of {kind!r}, and {str(path)!r} is a folder")
    if not path.is_file():
        raise FileNotFoundError(f"path: there is no file {str(path)!r}")
    with path.open("rb") as file:
        try:
            arrays = _read_arrays(file, os.fstat(file.fileno()).st_size, (zipfile.ZIP_STORED,))
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


def read_arrays(path: Source, most_bytes: int) -> dict[str, Array]:
    """Read the arrays of an .npz file of another program, compressed or not.

    Parameters
    ----------
    path : str, Path or binary file
    most_bytes : int
        Greatest size of all arrays together.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is not such a file, or damaged, or larger; no code in it is run. The message begins with its name.

    Examples
    --------
    >>> import io
    >>> file = io.BytesIO()
    >>> np.savez_compressed(file, a=np.arange(3))
    >>> _ = file.seek(0)
    >>> read_arrays(file, most_bytes=1000)
    {'a': array([0, 1, 2])}
    """
    with opened(path) as source:
        try:
            return _read_arrays(source.file, most_bytes, (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))
        except Exception as error:  # zipfile and NumPy raise many types for malformed files
            raise ValueError(f"{source.name} is not a file of arrays, or it is damaged: {error}") from error


def read_npy(path: Source) -> Array:
    """Read an .npy file, allocating no more than its size.

    Parameters
    ----------
    path : str, Path or binary file

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is not such a file, or damaged, or holds objects; no code in it is run. The message begins with its name.

    Examples
    --------
    >>> import io
    >>> read_npy(io.BytesIO(b"no array"))
    Traceback (most recent call last):
    ValueError: <BytesIO> is not a whole .npy file of numbers: ...
    """
    with opened(path) as source:
        try:
            data = source.file.read()
            return _read_array(lambda: io.BytesIO(data), "it", len(data))
        except Exception as error:  # NumPy raises many types for malformed files
            raise ValueError(f"{source.name} is not a whole .npy file of numbers: {error}") from error


def _read_arrays(file: IO[bytes], most_bytes: int, methods: tuple[int, ...]) -> dict[str, Array]:
    arrays: dict[str, Array] = {}
    with zipfile.ZipFile(file) as archive:
        members = archive.infolist()
        if len(members) > MOST_ARRAYS:
            raise ValueError(f"it holds {len(members)} arrays, at most {MOST_ARRAYS} are taken")
        for member in members:
            if member.compress_type not in methods or member.flag_bits & ENCRYPTED:
                raise ValueError(f"array {member.filename.removesuffix('.npy')!r} is compressed or encrypted")
        if (total := sum(member.file_size for member in members)) > most_bytes:  # members may overlap in the file
            raise ValueError(f"its arrays claim {total} bytes together, at most {most_bytes} are taken")
        for member in members:
            name = member.filename.removesuffix(".npy")
            if name in arrays:
                raise ValueError(f"array {name!r} is in it twice")
            arrays[name] = _read_array(partial(archive.open, member), f"array {member.filename!r}", member.file_size)
    return arrays


def _read_array(open_again: Callable[[], IO[bytes]], name: str, size: int) -> Array:
    """Read an array; raise unless the size in its header is that of its data."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what Python and NumPy remark on headers that they refuse, or that are old
        with open_again() as file:
            version = np.lib.format.read_magic(file)
            read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
            shape, _, dtype = read(file, max_header_size=MOST_HEADER)
            expected = file.tell() + math.prod(shape) * dtype.itemsize
        if expected != size:
            raise ValueError(f"{name} needs {expected} bytes, the file holds {size}")
        with open_again() as file:
            return np.lib.format.read_array(file, allow_pickle=False, max_header_size=MOST_HEADER)
