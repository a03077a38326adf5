"""Header of WAV files, every field of which is checked against the file itself."""

import re
import struct
import warnings
from dataclasses import dataclass
from typing import BinaryIO

from rnnbp.audio.base import AudioInfo
from rnnbp.runtime import Opened

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


@dataclass(frozen=True)
class Format:
    """Contents of the chunk 'fmt '."""

    code: int
    channels: int
    sr: int
    frame: int  # bytes of a sample of all channels, or of a block of a compressed format
    bits: int

    @property
    def encoding(self) -> str | None:
        """Name of the encoding in `ENCODINGS`; None if it is not there."""
        return OF_FORMAT.get((self.code, self.bits))

    @property
    def described(self) -> str:
        """Description for messages."""
        known = f"{COMPRESSED[self.code]}, " if self.code in COMPRESSED else ""
        return f"of format {self.code} ({known}{self.bits} bits)"


@dataclass(frozen=True)
class Layout:
    """Position and format of the samples of a WAV file."""

    form: Format
    start: int
    size: int  # bytes of the whole frames in the file

    @property
    def info(self) -> AudioInfo:
        """Return the header information, for an encoding of `ENCODINGS`."""
        form = self.form
        return AudioInfo(form.sr, form.channels, self.size // form.frame, str(form.encoding), self.start)


def read_layout(source: Opened) -> Layout:
    """Read a WAV file's header and check it against the file's size.

    Warns
    -----
    UserWarning
        If header and file disagree, but no sample is lost.

    Raises
    ------
    ValueError
        If it is not a WAV file, is truncated, inconsistent, or has no samples; the message begins with its name.

    References
    ----------
    IBM & Microsoft (1991), "Multimedia Programming Interface and Data Specifications 1.0", chapter 2; Microsoft (2001),
    "Multiple channel audio data and WAVE files", for WAVE_FORMAT_EXTENSIBLE.
    """
    try:
        layout, doubts = _parse(source.file, source.size)
    except _HeaderError as error:
        raise ValueError(f"{source.name} {error}") from None
    for doubt in doubts:
        warnings.warn(f"{source.name} {doubt}", stacklevel=4)
    return layout


class _HeaderError(ValueError):
    """Malformed header; the caller puts the file's name before the message."""


def _parse(file: BinaryIO, file_size: int) -> tuple[Layout, list[str]]:
    """Parse the chunks up to the samples; return the layout and the inconsistencies that are no errors."""
    head = file.read(12)
    if head[:4] != b"RIFF" or head[8:12] not in (b"", b"WAVE"):
        raise _HeaderError(f"is not a WAV file: it begins with {head!r}, not with b'RIFF....WAVE'")
    if len(head) < 12:
        raise _HeaderError(f"is cut off: it holds {file_size} bytes, a WAV file has at least 44")
    form, doubts = None, list[str]()
    for _ in range(MOST_CHUNKS):
        chunk = file.read(8)
        if len(chunk) < 8:
            missing = "'fmt '" if form is None else "'data'"
            raise _HeaderError(f"is cut off: it ends before a chunk {missing}")
        name, size = chunk[:4], int.from_bytes(chunk[4:], "little")
        here = file.tell()
        if name == b"fmt ":
            form = _format(file.read(min(size, 40)), size, doubts)
        if name == b"data":
            if form is None:
                raise _HeaderError("has its samples before a chunk 'fmt ', which must come first")
            return Layout(form, here, _samples(file, form, size, file_size - here, doubts)), doubts
        if here + size > file_size:
            raise _HeaderError(f"is cut off: its chunk {name!r} claims {size} bytes, {file_size - here} are left")
        file.seek(here + size + size % 2)
    raise _HeaderError(f"has no samples among its first {MOST_CHUNKS} chunks")


def _format(data: bytes, size: int, doubts: list[str]) -> Format:
    """Parse format, channels, sampling rate and bits, which must be consistent with each other."""
    if len(data) < 16:
        raise _HeaderError(
            f"has a chunk 'fmt ' of {size} bytes, {len(data)} of which are there: it must have 16 or more"
        )
    code, channels, sr, _, frame, bits = struct.unpack("<HHIIHH", data[:16])
    if code == EXTENSIBLE and len(data) == 40 and data[26:40] == GUID:
        code = int.from_bytes(data[24:26], "little")
    if not channels or not sr:
        raise _HeaderError(f"claims {channels} channels at {sr} Hz")
    if COMPRESSED.get(code) in ("A-law", "mu-law") and bits != 8:
        raise _HeaderError(f"claims {bits} bits of {COMPRESSED[code]}: it must be 8")
    if (code, bits) in OF_FORMAT:
        right = channels * bits // 8
        if frame not in (0, right):
            raise _HeaderError(f"claims {frame} bytes for {channels} channels of {bits} bits: it must be {right}")
        if not frame:
            doubts.append(f"claims 0 bytes for {channels} channels of {bits} bits: read as {right}")
        frame = right
    return Format(code, channels, sr, max(frame, 1), bits)


def _samples(file: BinaryIO, form: Format, claimed: int, there: int, doubts: list[str]) -> int:
    """Return the number of bytes of samples that follow, in whole frames where the encoding is in `ENCODINGS`."""
    size = there if _is_unknown(claimed) and not (claimed == 0 and _only_chunks_follow(file, there)) else claimed
    whole = size - size % form.frame
    if whole > there:
        raise _HeaderError(f"is cut off, or its header is wrong: it claims {size} bytes of samples, {there} are there")
    if not whole:
        raise _HeaderError("holds no samples")
    if form.encoding is None:
        return min(size, there)
    if whole < size:
        doubts.append(f"has {size} bytes of samples, no multiple of the {form.frame} of one: {size - whole} left out")
    return whole


def _is_unknown(size: int) -> bool:
    """Return whether a size is a placeholder, written by programs that stream to a pipe and do not know the size.

    ffmpeg writes 0xFFFFFFFF, sox and espeak-ng 0x7FFFF000, opusdec 0x7FFFFFFF, arecord 0x80000000, others 0.
    """
    return size == 0 or 0x7FFFF000 <= size <= 0x80000000 or size >= 0xFFFFF000


def _only_chunks_follow(file: BinaryIO, there: int) -> bool:
    """Return whether other chunks fill the file up to its end, so that it truly has no samples."""
    here, left = file.tell(), there
    for _ in range(MOST_CHUNKS):
        chunk = file.read(8)
        size = int.from_bytes(chunk[4:], "little")
        left -= 8 + size + size % 2
        if left <= 0 or not re.fullmatch(rb"[ -~]{4}", chunk[:4]):
            break
        file.seek(size + size % 2, 1)
    file.seek(here)
    return there == 0 or left == 0


def header(info: AudioInfo) -> bytes:
    """Encode the header of a WAV file, the bytes before the samples.

    WAVE_FORMAT_EXTENSIBLE where the specification requires it: more than two channels, or integers of more than 16
    bits.

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
