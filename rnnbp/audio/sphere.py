"""NIST SPHERE files, as TIMIT has them."""

import os
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from rnnbp._checks import positive_int
from rnnbp.audio.base import ENCODINGS, AudioInfo, ByteOrder, encoded, existing, samples_of, writable
from rnnbp.storage import replacing

Array = np.ndarray
MAGIC = b"NIST_1A\n"
LONGEST_HEADER = 2**16
OF_BYTES = {1: "PCM_S8", 2: "PCM_16", 3: "PCM_24", 4: "PCM_32"}
ORDERS: dict[object, ByteOrder] = {"01": "<", "012": "<", "0123": "<", "10": ">", "210": ">", "3210": ">", "1": "<"}


def sphere_info(path: str | Path) -> AudioInfo:
    """What the header of a SPHERE file says; the samples are not read.

    Parameters
    ----------
    path : str or Path

    Raises
    ------
    FileNotFoundError, ValueError
        As `read_sphere`.
    """
    path = existing(path)
    with path.open("rb") as file:
        return _header(path, file)


def read_sphere(path: str | Path, dtype: DTypeLike = np.float32) -> tuple[Array, int]:
    """A NIST SPHERE file of PCM samples, of 1 to 4 bytes in either byte order.

    Parameters
    ----------
    path : str or Path
    dtype : dtype, default float32

    Returns
    -------
    y : ndarray (n,), or (channels, n) where there are several
        Of full scale 1.
    sr : int
        Sampling rate [Hz].

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is not a whole SPHERE file of such samples, or holds none; the message begins with its name. Compressed
        ones (shorten) are refused: sph2pipe makes WAV files of them.

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
    path = existing(path)
    with path.open("rb") as file:
        info = _header(path, file)
        return samples_of(path, file, info, dtype), info.sr


def _header(path: Path, file: BinaryIO) -> AudioInfo:
    held = os.fstat(file.fileno()).st_size
    start, fields = _fields(path, file)

    def number(name: str, least: int = 1) -> int:
        value = fields.get(name)
        if not isinstance(value, int) or value < least:
            raise ValueError(
                f"{str(path)!r} must say {name}, an integer of {least} or more, in its header: got {value!r}"
            )
        return value

    sr, size, samples = number("sample_rate"), number("sample_n_bytes"), number("sample_count", 0)
    channels = number("channel_count") if "channel_count" in fields else 1
    coding = fields.get("sample_coding", "pcm")
    order = fields.get("sample_byte_format", "01"[:size])
    if coding != "pcm" or size not in OF_BYTES or order not in ORDERS:
        raise ValueError(
            f"{str(path)!r} is of {size} bytes a sample in the order {order!r}, coded as {coding!r}: "
            "it must be pcm of 1 to 4 bytes"
        )
    encoding = OF_BYTES[size]
    claimed = samples * channels * ENCODINGS[encoding][0]
    if start + claimed > held:
        raise ValueError(
            f"{str(path)!r} is cut off, or its header is wrong: it claims {claimed} bytes of samples, "
            f"{max(held - start, 0)} are there"
        )
    if not samples:
        raise ValueError(f"{str(path)!r} holds no samples")
    return AudioInfo(sr, channels, samples, encoding, start, ORDERS[order])


def _fields(path: Path, file: BinaryIO) -> tuple[int, dict[str, int | float | str]]:
    """Where the header ends, and what it says."""
    head = file.read(16)
    if head[:8] != MAGIC:
        raise ValueError(f"{str(path)!r} is not a SPHERE file: it begins with {head[:8]!r}, not with {MAGIC!r}")
    size = head[8:].decode("ascii", "replace").strip()
    if not size.isdecimal() or not 16 < int(size) <= LONGEST_HEADER:
        raise ValueError(f"{str(path)!r} claims a header of {size!r} bytes: it must be 17 to {LONGEST_HEADER}")
    text = file.read(int(size) - 16).decode("ascii", "replace")
    fields: dict[str, int | float | str] = {}
    for line in text.splitlines():
        if line.strip() == "end_head":
            return int(size), fields
        name, _, rest = line.strip().partition(" ")
        kind, _, value = rest.partition(" ")
        try:
            if name and not name.startswith(";"):
                fields[name] = int(value) if kind == "-i" else float(value) if kind == "-r" else value
        except ValueError:
            raise ValueError(f"{str(path)!r} says {name} = {value[:40]!r} in its header: it must be a number") from None
    raise ValueError(f"{str(path)!r} is cut off: its header does not end")


def write_sphere(path: str | Path, y: ArrayLike, sr: int) -> None:
    """Write a SPHERE file of 16-bit samples as TIMIT's are, whole or not at all.

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
        As `rnnbp.audio.write_wav`.
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
