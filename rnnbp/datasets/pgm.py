"""Reader of grey images in Netpbm's binary format; the header is checked against the file's size."""

import re

import numpy as np

from rnnbp.runtime import Source, opened, refuses_by_name

Array = np.ndarray
HEADER = re.compile(rb"P5" + 3 * rb"(?:\s|#[^\r\n]*[\r\n])+(\d{1,9})" + rb"\s")
MOST_LEVELS = 65535


@refuses_by_name
def read_pgm(path: Source) -> Array:
    """Read a binary PGM file (P5).

    Parameters
    ----------
    path : str, Path or binary file

    Returns
    -------
    ndarray (H, W)
        Grey levels from 0 (black) to 1 (the file's maxval), float64.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is not a binary PGM file, is truncated, is longer than its header states, or has a grey level above its
        maxval; the message begins with its name.

    References
    ----------
    Netpbm, "PGM format specification", https://netpbm.sourceforge.net/doc/pgm.html

    Examples
    --------
    >>> import io
    >>> read_pgm(io.BytesIO(b"P5 3 2 255\\n" + bytes([0, 51, 102, 153, 204, 255])))
    array([[0. , 0.2, 0.4],
           [0.6, 0.8, 1. ]])
    """
    with opened(path) as source:
        try:
            return parse_pgm(source.file.read())
        except ValueError as error:
            raise ValueError(f"{source.name} {error}") from None


def parse_pgm(content: bytes) -> Array:
    """Parse the content of a PGM file; see `read_pgm`. Errors do not name the file.

    Examples
    --------
    >>> parse_pgm(b"P5 3 2 255\\n1234")
    Traceback (most recent call last):
    ValueError: is cut off: its header claims 3 x 2 pixels, 6 bytes, 4 are there
    """
    if content[:2] != b"P5":
        raise ValueError(f"is not a binary PGM file: it begins with {content[:2]!r}, not with b'P5'")
    header = HEADER.match(content)
    if header is None:
        raise ValueError("has no whole header: 'P5', width, height and maxval, each of at most 9 digits")
    width, height, levels = (int(number) for number in header.groups())
    if not (width and height and 0 < levels <= MOST_LEVELS):
        raise ValueError(
            f"must have at least a pixel and a maxval from 1 to {MOST_LEVELS}, "
            f"its header claims {width} x {height} pixels and {levels}"
        )
    dtype = np.dtype(np.uint8 if levels < 256 else ">u2")
    claimed, there = width * height * dtype.itemsize, len(content) - header.end()
    if there != claimed:
        what = "is cut off" if there < claimed else "is longer than it should be"
        raise ValueError(f"{what}: its header claims {width} x {height} pixels, {claimed} bytes, {there} are there")
    pixels = np.frombuffer(content, dtype, offset=header.end()).reshape(height, width)
    if pixels.max() > levels:
        raise ValueError(f"has a grey level of {pixels.max()}, above its maxval of {levels}")
    return np.divide(pixels, levels, dtype=np.float64)
