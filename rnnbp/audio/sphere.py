"""NIST SPHERE files, the format of TIMIT."""

import warnings
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from rnnbp.audio import others
from rnnbp.audio.base import ENCODINGS, AudioInfo, ByteOrder, encoded, samples_of, writable
from rnnbp.runtime import Opened, Source, floating, opened, positive_int, refuses_by_name, replacing

Array = np.ndarray
MAGIC = b"NIST_1A\n"
LONGEST_HEADER = 2**16
OF_BYTES = {1: "PCM_S8", 2: "PCM_16", 3: "PCM_24", 4: "PCM_32"}
ORDERS: dict[object, ByteOrder] = {"01": "<", "012": "<", "0123": "<", "10": ">", "210": ">", "3210": ">", "1": "<"}


def sphere_info(path: Source) -> AudioInfo:
    """Read the header of a SPHERE file, without the samples.

    Parameters
    ----------
    path : str, Path or binary file

    Raises
    ------
    FileNotFoundError, ValueError, ImportError
        See `read_sphere`.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "tone.sph"
    >>> write_sphere(path, np.zeros((2, 800)), 8000)
    >>> sphere_info(path).sr, sphere_info(path).channels
    (8000, 2)
    """
    with opened(path) as source:
        return info_in(source)


def read_sphere(path: Source, dtype: DTypeLike = np.float32) -> tuple[Array, int]:
    """Read a NIST SPHERE file of PCM samples, of 1 to 4 bytes in either byte order.

    Other encodings (mu-law, A-law) are decoded by soundfile, which the extra `audio` installs.

    Parameters
    ----------
    path : str, Path or binary file
    dtype : dtype, default float32

    Returns
    -------
    y : ndarray (n,), or (channels, n) if there are several
        Samples of full scale 1.
    sr : int
        Sampling rate [Hz].

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is not a complete SPHERE file, or has no samples; the message begins with its name. Compressed files
        (shorten), which soundfile does not support, are refused: sph2pipe converts them to WAV.
    ImportError
        If it is of another encoding and soundfile is not installed.

    Warns
    -----
    UserWarning
        If it has more samples than its header states; the rest is ignored.

    References
    ----------
    NIST (1990), "SPeech HEader REsources", as TIMIT's documentation describes them (Garofolo et al. 1993,
    doi:10.6028/NIST.IR.4930).

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "SA1.WAV"
    >>> write_sphere(path, np.array([0.0, 0.5, -1.0]), 16000)
    >>> read_sphere(path)
    (array([ 0. ,  0.5, -1. ], dtype=float32), 16000)
    """
    floating("dtype", dtype, "float32", "float64")
    with opened(path) as source:
        return samples_in(source, dtype)


def info_in(source: Opened) -> AudioInfo:
    """Read the header of an open file; see `sphere_info`."""
    info = _header(source)
    return others.info_in(source, info) if isinstance(info, str) else info


def samples_in(source: Opened, dtype: DTypeLike) -> tuple[Array, int]:
    """Read the samples of an open file; see `read_sphere`."""
    info = _header(source)
    if isinstance(info, str):
        return others.samples_in(source, dtype, info)
    return samples_of(source, info, dtype), info.sr


def _header(source: Opened) -> AudioInfo | str:
    """Parse the header; return the description of an encoding that is not implemented here."""
    start, fields = _fields(source)

    def number(name: str, least: int = 1) -> int:
        value = fields.get(name)
        if not isinstance(value, int) or value < least:
            raise ValueError(
                f"{source.name} must say {name}, an integer of {least} or more, in its header: got {value!r}"
            )
        return value

    coding = fields.get("sample_coding", "pcm")
    if coding != "pcm":
        return f"coded as {coding!r}"
    sr, size = number("sample_rate"), number("sample_n_bytes")
    channels = number("channel_count") if "channel_count" in fields else 1
    order = fields.get("sample_byte_format", "01"[:size])
    if size not in OF_BYTES or order not in ORDERS:
        raise ValueError(
            f"{source.name} is of {size} bytes a sample in the order {order!r}: it must be of 1 to 4, least or most "
            "significant first"
        )
    samples = _samples(source, start, number("sample_count", 0), channels * ENCODINGS[OF_BYTES[size]][0])
    return AudioInfo(sr, channels, samples, OF_BYTES[size], start, ORDERS[order])


def _samples(source: Opened, start: int, claimed: int, frame: int) -> int:
    """Return the number of samples: that of the header, or up to the end of the file where it has none."""
    there = max(source.size - start, 0)
    if claimed * frame > there:
        raise ValueError(
            f"{source.name} is cut off, or its header is wrong: it claims {claimed * frame} bytes of samples, "
            f"{there} are there"
        )
    if there < frame:
        raise ValueError(f"{source.name} holds no samples")
    if claimed and there - claimed * frame >= frame:
        warnings.warn(
            f"{source.name} claims {claimed} samples, {there // frame} are there: the rest is left out", stacklevel=5
        )
    return claimed or there // frame


def _fields(source: Opened) -> tuple[int, dict[str, int | float | str]]:
    """Parse the header's fields; return the offset of its end and the fields."""
    head = source.file.read(16)
    if head[:8] != MAGIC:
        raise ValueError(f"{source.name} is not a SPHERE file: it begins with {head[:8]!r}, not with {MAGIC!r}")
    size = head[8:].decode("ascii", "replace").strip()
    if not size.isdecimal() or not 16 < int(size) <= LONGEST_HEADER:
        raise ValueError(f"{source.name} claims a header of {size!r} bytes: it must be 17 to {LONGEST_HEADER}")
    text = source.file.read(int(size) - 16).decode("ascii", "replace")
    fields: dict[str, int | float | str] = {}
    for line in text.splitlines():
        if line.strip() == "end_head":
            return int(size), fields
        name, _, rest = line.strip().partition(" ")
        type_flag, _, value = rest.partition(" ")
        try:
            if name and not name.startswith(";"):
                fields[name] = int(value) if type_flag == "-i" else float(value) if type_flag == "-r" else value
        except ValueError:
            raise ValueError(f"{source.name} says {name} = {value[:40]!r} in its header: it must be a number") from None
    raise ValueError(f"{source.name} is cut off: its header does not end")


@refuses_by_name
def write_sphere(path: str | Path, y: ArrayLike, sr: int) -> None:
    """Write a SPHERE file of 16-bit samples, as in TIMIT, atomically.

    Parameters
    ----------
    path : str or Path
    y : array_like (n,) or (channels, n) of float
        Within -1 and 1.
    sr : int
        Sampling rate [Hz].

    Raises
    ------
    ValueError
        See `rnnbp.audio.write_wav`.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "tone.sph"
    >>> write_sphere(path, np.zeros(800), 8000)
    >>> sphere_info(path).samples
    800
    """
    frames = writable(y, "PCM_16")
    samples, channels = frames.shape
    lines = [
        f"channel_count -i {channels}",
        f"sample_count -i {samples}",
        f"sample_rate -i {positive_int('sr', sr)}",
        "sample_n_bytes -i 2",
        "sample_byte_format -s2 01",
        "sample_sig_bits -i 16",
        "sample_coding -s3 pcm",
        "end_head",
    ]
    head = MAGIC + b"   1024\n" + "".join(f"{line}\n" for line in lines).encode()
    with replacing(path) as beside, beside.open("wb") as file:
        file.write(head.ljust(1024))
        file.write(encoded(frames.reshape(-1), "PCM_16"))
