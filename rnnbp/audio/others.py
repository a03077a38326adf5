"""FLAC, OGG and what else soundfile reads; it is imported when it is needed."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from rnnbp._checks import require
from rnnbp.audio.base import AudioInfo, channels_first, existing, finite

Array = np.ndarray
BLOCK = 2**20  # samples of all channels
MOST = 2**28  # samples of all channels: what is compressed may claim any number of them


def read_other(path: str | Path, dtype: DTypeLike = np.float32) -> tuple[Array, int]:
    """A recording that soundfile reads.

    Parameters
    ----------
    path : str or Path
    dtype : dtype, default float32

    Returns
    -------
    y : ndarray (n,), or (channels, n) where there are several
    sr : int
        Sampling rate [Hz].

    Raises
    ------
    ValueError
        If it is not such a recording, holds fewer samples than it claims, none, or more than 2^28.
    ImportError
        If soundfile is not installed.
    """
    path = existing(path)
    with _opened(path) as file:
        # Block by block: what the header claims is not allocated before it is there.
        blocks = []
        taken = 0
        while len(block := file.read(max(1, BLOCK // file.channels), dtype="float64", always_2d=True)):
            taken += block.size
            if taken > MOST:
                raise ValueError(f"{str(path)!r} holds more than {MOST} samples: cut it")
            blocks.append(block.astype(dtype))
        read = taken // file.channels
        if read < file.frames:
            raise ValueError(f"{str(path)!r} is cut off: it claims {file.frames} samples, {read} are there")
        if not read:
            raise ValueError(f"{str(path)!r} holds no samples")
        return finite(path, channels_first(np.concatenate(blocks))), file.samplerate


def other_info(path: str | Path) -> AudioInfo:
    """What the header of a recording says that soundfile reads."""
    path = existing(path)
    with _opened(path) as file:
        return AudioInfo(file.samplerate, file.channels, file.frames, file.subtype)


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    soundfile = require("soundfile", extra="audio")
    try:
        with soundfile.SoundFile(path) as file:
            yield file
    except soundfile.LibsndfileError as error:
        raise ValueError(f"{str(path)!r} cannot be read as a recording: {error.error_string}") from None
