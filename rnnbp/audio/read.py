"""Readers of recordings in any format, detected from the first bytes."""

from types import ModuleType

import numpy as np
from numpy.typing import DTypeLike

from rnnbp.audio import others, sphere, wav
from rnnbp.audio.base import AudioInfo
from rnnbp.runtime import Opened, Source, floating, opened

Array = np.ndarray


def read_audio(path: Source, dtype: DTypeLike = np.float32) -> tuple[Array, int]:
    """Read a recording: WAV, NIST SPHERE, or with the extra `audio` FLAC, OGG and all else that soundfile reads.

    Parameters
    ----------
    path : str, Path or binary file
        The format is detected from the first bytes, not the name: TIMIT's .WAV are SPHERE files. An open file
        (`io.BytesIO`, a member of an archive, a pipe) is read from its position.
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
        If it is damaged, truncated, empty, or its samples are not finite; the message begins with its name.
    ImportError
        If it is neither WAV nor SPHERE, or of an encoding that only soundfile decodes (mu-law, A-law...), and that is
        not installed.

    Warns
    -----
    UserWarning
        If header and file disagree, but no sample is lost.

    Examples
    --------
    >>> import tempfile
    >>> path = f"{tempfile.mkdtemp()}/a.wav"
    >>> wav.write_wav(path, np.zeros((2, 400)), 8000)
    >>> y, sr = read_audio(path)
    >>> y.shape, sr
    ((2, 400), 8000)
    """
    floating("dtype", dtype, "float32", "float64")
    with opened(path) as source:
        return _reader(source).samples_in(source, dtype)


def audio_info(path: Source) -> AudioInfo:
    """Read the header of a recording, without the samples.

    Parameters
    ----------
    path : str, Path or binary file

    Raises
    ------
    FileNotFoundError, ValueError, ImportError
        See `read_audio`.

    Examples
    --------
    >>> import tempfile
    >>> path = f"{tempfile.mkdtemp()}/a.wav"
    >>> wav.write_wav(path, np.zeros((2, 400)), 8000)
    >>> audio_info(path).channels
    2
    """
    with opened(path) as source:
        return _reader(source).info_in(source)


def _reader(source: Opened) -> ModuleType:
    """Return the module that reads this format."""
    magic = source.file.read(8)
    source.file.seek(0)
    if not magic:
        raise ValueError(f"{source.name} is empty")
    if magic[:4] == b"RIFF":
        return wav
    return sphere if magic[:7] == b"NIST_1A" else others
