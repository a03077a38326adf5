"""Kaldi's binary format of matrices and vectors, compressed ones included."""

import struct
from typing import BinaryIO

import numpy as np

from rnnbp.runtime import bytes_left

Array = np.ndarray
PLAIN = {b"FM ": "<f4", b"DM ": "<f8", b"FV ": "<f4", b"DV ": "<f8"}
COMPRESSED = {
    b"CM ": ("u1", 8),
    b"CM2": ("<u2", 0),
    b"CM3": ("u1", 0),
}  # the numbers, and bytes of each column's header


class KaldiError(ValueError):
    """Malformed object; the caller puts the file's name and the key before the message."""


def read_binary(file: BinaryIO) -> Array:
    """Read the object that begins after ``\\0B``: a matrix (T, F) or a vector (n,).

    Raises
    ------
    KaldiError
        If it is malformed, or its header claims more than the file contains.

    References
    ----------
    D. Povey et al. (2011), "The Kaldi speech recognition toolkit", ASRU; its matrix/kaldi-matrix.cc and
    matrix/compressed-matrix.cc define the format.
    """
    token = file.read(3)
    if token in COMPRESSED:
        if token != b"CM ":
            file.read(1)
        return _read_compressed(file, token)
    if token not in PLAIN:
        raise KaldiError(f"is of type {token!r}: it must be a matrix or vector, FM, DM, FV, DV, CM, CM2 or CM3")
    dtype = np.dtype(PLAIN[token])
    shape = [_size(file) for _ in range(2 if token[1:2] == b"M" else 1)]
    return np.frombuffer(_taken(file, shape, dtype.itemsize), dtype).reshape(shape).astype(dtype.newbyteorder("="))


def _size(file: BinaryIO) -> int:
    """Read a number of rows, columns or elements, which is preceded by its own size of four bytes."""
    data = file.read(5)
    if len(data) < 5 or data[0] != 4:
        raise KaldiError(f"has no size of 4 bytes where one should be: {data!r}")
    return struct.unpack("<i", data[1:])[0]


def _taken(file: BinaryIO, shape: list[int], itemsize: int, more: int = 0) -> bytes:
    """Read the bytes of an array of this shape; raise if the file is shorter."""
    if min(shape) < 1:
        raise KaldiError(f"is empty: it claims a size of {' x '.join(map(str, shape))}")
    claimed = int(np.prod(shape, dtype=object)) * itemsize + more
    left = bytes_left(file)
    if claimed > left:
        raise KaldiError(f"is cut off, or its header is wrong: it claims {claimed} bytes, {left} are there")
    return file.read(claimed)


def _read_compressed(file: BinaryIO, token: bytes) -> Array:
    head = file.read(16)
    if len(head) < 16:
        raise KaldiError("is cut off in its header")
    low, spread, rows, columns = struct.unpack("<ffii", head)
    number, header = COMPRESSED[token]
    dtype = np.dtype(number)
    data = _taken(file, [rows, columns], dtype.itemsize, header * max(columns, 0))
    numbers = np.frombuffer(data[header * columns :], dtype)
    if not header:
        top = np.iinfo(dtype).max
        return (np.float32(low) + np.float32(spread) * (numbers.reshape(rows, columns) / np.float32(top))).astype(
            np.float32
        )
    parts = np.frombuffer(data[: header * columns], "<u2").reshape(columns, 4)
    points = np.float32(low) + np.float32(spread) * (parts / np.float32(65535))
    knots = np.array([0, 64, 192, 255])
    each = numbers.reshape(columns, rows)  # column-major
    return np.stack([np.interp(c, knots, p) for c, p in zip(each, points, strict=True)], axis=1).astype(np.float32)


def binary(array: Array) -> bytes:
    """Encode a matrix or vector of float32 or float64, with ``\\0B`` before it.

    Examples
    --------
    >>> binary(np.zeros(1, np.float32))
    b'\\x00BFV \\x04\\x01\\x00\\x00\\x00\\x00\\x00\\x00\\x00'
    """
    letter = b"F" if array.dtype == np.float32 else b"D"
    sizes = b"".join(b"\x04" + struct.pack("<i", n) for n in array.shape)
    return (
        b"\0B" + letter + (b"M " if array.ndim == 2 else b"V ") + sizes + array.astype(f"<f{array.itemsize}").tobytes()
    )
