"""Formats read by soundfile: FLAC, OGG, AIFF, AU..., and encodings of WAV and SPHERE not implemented here."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import DTypeLike

from rnnbp.audio.base import AudioInfo, channels_first, finite
from rnnbp.runtime import Opened, require

Array = np.ndarray
BLOCK = 2**20  # samples of all channels
MOST = 2**28  # samples of all channels: the header of a compressed file may claim any number
OTHER = "neither WAV nor SPHERE"


def samples_in(source: Opened, dtype: DTypeLike = np.float32, what: str = OTHER) -> tuple[Array, int]:
    """Read the samples of a recording by soundfile.

    Parameters
    ----------
    source : Opened
    dtype : dtype, default float32
    what : str
        Description of the file, for messages that say why soundfile is needed, or that it cannot read it either.

    Returns
    -------
    y : ndarray (n,), or (channels, n) if there are several
    sr : int
        Sampling rate [Hz].

    Raises
    ------
    ValueError
        If it is not such a recording, has fewer samples than its header claims, none, or more than 2^28.
    ImportError
        If soundfile is not installed.
    """
    with _opened(source, what) as file:
        # Block by block: memory grows with the samples read, not with the number the header claims.
        blocks = []
        taken = 0
        while len(block := file.read(max(1, BLOCK // file.channels), dtype="float64", always_2d=True)):
            taken += block.size
            if taken > MOST:
                raise ValueError(f"{source.name} holds more than {MOST} samples: cut it")
            blocks.append(block.astype(dtype))
        read = taken // file.channels
        if read < file.frames:
            raise ValueError(f"{source.name} is cut off: it claims {file.frames} samples, {read} are there")
        if not read:
            raise ValueError(f"{source.name} holds no samples")
        return finite(source.name, channels_first(np.concatenate(blocks))), file.samplerate


def info_in(source: Opened, what: str = OTHER) -> AudioInfo:
    """Read the header of a recording by soundfile."""
    with _opened(source, what) as file:
        return AudioInfo(file.samplerate, file.channels, file.frames, file.subtype)


@contextmanager
def _opened(source: Opened, what: str) -> Iterator[Any]:
    try:
        soundfile = require("soundfile", extra="audio")
    except ImportError as error:
        raise ImportError(f"{source.name} is {what}: {error}") from error
    source.file.seek(0)
    try:
        with soundfile.SoundFile(_Seekable(source.file)) as file:
            yield file
    except soundfile.LibsndfileError as error:
        raise ValueError(f"{source.name} is {what}, and soundfile cannot read it: {error.error_string}") from None


class _Seekable:
    """File as libsndfile seeks in it, which a damaged header may send to before the beginning."""

    def __init__(self, file: BinaryIO) -> None:
        self.read, self.readinto, self.tell = file.read, file.readinto, file.tell  # type: ignore[attr-defined]
        self._file = file

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        with suppress(OSError, OverflowError, ValueError):  # an error in a callback would be printed, and not raised
            return self._file.seek(offset, whence)
        return -1
