"""The header of a WAV file, none of whose claims is believed before the file was seen to hold it."""

import os
import struct
from pathlib import Path
from typing import BinaryIO

from rnnbp.audio.base import ENCODINGS, AudioInfo

PCM, IEEE_FLOAT, EXTENSIBLE = 1, 3, 0xFFFE
GUID = bytes.fromhex("000000001000800000aa00389b71")  # of all extensible formats, behind the two bytes of the format
MOST_CHUNKS = 1000
OF_FORMAT = {
    (PCM, 8): "PCM_U8",
    (PCM, 16): "PCM_16",
    (PCM, 24): "PCM_24",
    (PCM, 32): "PCM_32",
    (IEEE_FLOAT, 32): "FLOAT",
    (IEEE_FLOAT, 64): "DOUBLE",
}
FORMAT_OF = {encoding: format_bits for format_bits, encoding in OF_FORMAT.items()}
COMPRESSED = {2: "ADPCM", 6: "A-law", 7: "mu-law", 17: "ADPCM", 49: "GSM 6.10", 85: "MP3"}


def read_header(path: Path, file: BinaryIO) -> AudioInfo:
    """What a WAV file's header says, checked against the file's size.

    Raises
    ------
    ValueError
        If it is not a WAV file, is cut off, contradicts itself, or holds no samples; the message begins with its name.

    References
    ----------
    IBM & Microsoft (1991), "Multimedia Programming Interface and Data Specifications 1.0", chapter 2; Microsoft (2001),
    "Multiple channel audio data and WAVE files", for WAVE_FORMAT_EXTENSIBLE.
    """
    held = os.fstat(file.fileno()).st_size
    try:
        return _walk(file, held)
    except _HeaderError as error:
        raise ValueError(f"{str(path)!r} {error}") from None


class _HeaderError(ValueError):
    """What is wrong, to be said after the file's name."""


def _walk(file: BinaryIO, held: int) -> AudioInfo:
    """Chunk after chunk, up to the samples."""
    head = file.read(12)
    if head[:4] != b"RIFF" or head[8:12] not in (b"", b"WAVE"):
        raise _HeaderError(f"is not a WAV file: it begins with {head!r}, not with b'RIFF....WAVE'")
    if len(head) < 12:
        raise _HeaderError(f"is cut off: it holds {held} bytes, a WAV file has at least 44")
    form: tuple[int, int, int, int] | None = None
    for _ in range(MOST_CHUNKS):
        chunk = file.read(8)
        if len(chunk) < 8:
            missing = "'fmt '" if form is None else "'data'"
            raise _HeaderError(f"is cut off: it ends before a chunk {missing}")
        name, size = chunk[:4], int.from_bytes(chunk[4:], "little")
        here = file.tell()
        if name == b"fmt ":
            form = _format(file.read(min(size, 40)), size)
        if name == b"data":
            return _samples(form, here, size, held)
        if here + size > held:
            raise _HeaderError(f"is cut off: its chunk {name!r} claims {size} bytes, {held - here} are left")
        file.seek(here + size + size % 2)
    raise _HeaderError(f"has no samples among its first {MOST_CHUNKS} chunks")


def _format(data: bytes, size: int) -> tuple[int, int, int, int]:
    """Format, channels, sampling rate and bits; they must agree with each other."""
    if len(data) < 16:
        raise _HeaderError(
            f"has a chunk 'fmt ' of {size} bytes, {len(data)} of which are there: it must have 16 or more"
        )
    form, channels, sr, _, frame, bits = struct.unpack("<HHIIHH", data[:16])
    if form == EXTENSIBLE:
        if len(data) < 40 or data[26:40] != GUID:
            raise _HeaderError("is of an extensible format that is neither PCM nor float")
        form = int.from_bytes(data[24:26], "little")
    if (form, bits) not in OF_FORMAT:
        known = f"{COMPRESSED[form]}, " if form in COMPRESSED else ""
        raise _HeaderError(
            f"is of format {form} ({known}{bits} bits): it must be PCM of 8, 16, 24 or 32 bits, or float of 32 or 64"
        )
    if not channels or not sr:
        raise _HeaderError(f"claims {channels} channels at {sr} Hz")
    if frame != channels * bits // 8:
        raise _HeaderError(
            f"claims {frame} bytes for {channels} channels of {bits} bits: it must be {channels * bits // 8}"
        )
    return form, channels, sr, bits


def _samples(form: tuple[int, int, int, int] | None, start: int, size: int, held: int) -> AudioInfo:
    if form is None:
        raise _HeaderError("has its samples before a chunk 'fmt ', which must come first")
    kind, channels, sr, bits = form
    encoding = OF_FORMAT[kind, bits]
    frame = channels * ENCODINGS[encoding][0]
    if start + size > held:
        raise _HeaderError(
            f"is cut off, or its header is wrong: it claims {size} bytes of samples, {held - start} are there"
        )
    if size % frame:
        raise _HeaderError(f"claims {size} bytes of samples, which is no multiple of the {frame} bytes of one")
    if not size:
        raise _HeaderError("holds no samples")
    return AudioInfo(sr, channels, size // frame, encoding, start)


def header(info: AudioInfo) -> bytes:
    """The bytes before the samples of a WAV file.

    Extensible where the specification asks for it: more than two channels, or integers of more than 16 bits.

    Examples
    --------
    >>> len(header(AudioInfo(sr=8000, channels=1, samples=3, encoding="PCM_16")))
    44
    """
    form, bits = FORMAT_OF[info.encoding]
    frame = info.channels * bits // 8
    size = info.samples * frame
    extensible = info.channels > 2 or (form == PCM and bits > 16)
    fmt = struct.pack(
        "<HHIIHH", EXTENSIBLE if extensible else form, info.channels, info.sr, info.sr * frame, frame, bits
    )
    if extensible:
        fmt += struct.pack("<HHIH", 22, bits, 0, form) + GUID
    chunks = b"fmt " + struct.pack("<I", len(fmt)) + fmt
    if form != PCM:
        chunks += b"fact" + struct.pack("<II", 4, info.samples)
    whole = 4 + len(chunks) + 8 + size + size % 2
    if whole >= 2**32:
        raise ValueError(f"y must fit in a WAV file of 4 GiB, got {whole} bytes")
    return b"RIFF" + struct.pack("<I", whole) + b"WAVE" + chunks + b"data" + struct.pack("<I", size)
