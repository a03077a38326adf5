"""Recordings of any format, told by how they begin."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import DTypeLike

from rnnbp.audio import others, sphere, wav
from rnnbp.audio.base import AudioInfo, existing

Array = np.ndarray


def read_audio(path: str | Path, dtype: DTypeLike = np.float32) -> tuple[Array, int]:
    """A recording: WAV, NIST SPHERE, or with the extra `audio` FLAC, OGG and what else soundfile reads.

    Parameters
    ----------
    path : str or Path
        The format is told by how the file begins, not by its name: TIMIT's .WAV are SPHERE files.
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
        If it is damaged, cut off, empty, or its samples are not finite; the message begins with its name.
    ImportError
        If it is neither WAV nor SPHERE and soundfile is not installed.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "a.wav"
    >>> wav.write_wav(path, np.zeros((2, 400)), 8000)
    >>> y, sr = read_audio(path)
    >>> y.shape, sr
    ((2, 400), 8000)
    """
    path = existing(path)
    return _reader(path)[0](path, dtype)


def audio_info(path: str | Path) -> AudioInfo:
    """What the header of a recording says; the samples are not read.

    Parameters
    ----------
    path : str or Path

    Raises
    ------
    FileNotFoundError, ValueError, ImportError
        As `read_audio`.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "a.wav"
    >>> wav.write_wav(path, np.zeros((2, 400)), 8000)
    >>> audio_info(path).channels
    2
    """
    path = existing(path)
    return _reader(path)[1](path)


Reader = Callable[[Path, DTypeLike], tuple[Array, int]]


def _reader(path: Path) -> tuple[Reader, Callable[[Path], AudioInfo]]:
    with path.open("rb") as file:
        magic = file.read(8)
    if not magic:
        raise ValueError(f"{str(path)!r} is empty")
    if magic[:4] == b"RIFF":
        return wav.read_wav, wav.wav_info
    if magic[:7] == b"NIST_1A":
        return sphere.read_sphere, sphere.sphere_info
    return others.read_other, others.other_info
