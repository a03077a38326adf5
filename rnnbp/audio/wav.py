"""WAV files: read whole or by their header alone, and written."""

from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from rnnbp._checks import choice, positive_int
from rnnbp.audio import riff
from rnnbp.audio.base import AudioInfo, encoded, existing, samples_of, writable
from rnnbp.storage import replacing

Array = np.ndarray


def wav_info(path: str | Path) -> AudioInfo:
    """What the header of a WAV file says; the samples are not read.

    Parameters
    ----------
    path : str or Path

    Raises
    ------
    FileNotFoundError, ValueError
        As `read_wav`.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "a.wav"
    >>> write_wav(path, np.zeros(400), 8000)
    >>> wav_info(path).seconds
    0.05
    """
    path = existing(path)
    with path.open("rb") as file:
        return riff.read_header(path, file)


def read_wav(path: str | Path, dtype: DTypeLike = np.float32) -> tuple[Array, int]:
    """A WAV file: PCM of 8, 16, 24 or 32 bits, or float of 32 or 64, with any number of channels.

    Parameters
    ----------
    path : str or Path
    dtype : dtype, default float32
        float32 holds all but 32-bit integers and 64-bit floats exactly; float64 those too.

    Returns
    -------
    y : ndarray (n,), or (channels, n) where there are several
        Of full scale 1: integers are divided by 2^7, 2^15, 2^23 or 2^31.
    sr : int
        Sampling rate [Hz].

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is not a whole WAV file of such samples, or holds none, or one that is not finite; the message begins with
        its name. No more memory is taken than the file really holds.

    See Also
    --------
    rnnbp.audio.read_audio : reads other formats too.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "a.wav"
    >>> write_wav(path, np.array([0.0, 0.5, -1.0]), 8000)
    >>> read_wav(path)
    (array([ 0. ,  0.5, -1. ], dtype=float32), 8000)
    """
    path = existing(path)
    with path.open("rb") as file:
        info = riff.read_header(path, file)
        return samples_of(path, file, info, dtype), info.sr


def write_wav(path: str | Path, y: ArrayLike, sr: int, encoding: str = "PCM_16") -> None:
    """Write a WAV file, whole or not at all.

    Parameters
    ----------
    path : str or Path
    y : array_like (n,) or (channels, n) of float
        Within -1 and 1 for integers; 1 itself becomes the greatest integer.
    sr : int
        Sampling rate [Hz].
    encoding : str, default 'PCM_16'
        'PCM_U8', 'PCM_16', 'PCM_24', 'PCM_32', 'FLOAT' or 'DOUBLE'.

    Raises
    ------
    ValueError
        If samples are none, not finite or beyond full scale, or an argument is not as above.

    Examples
    --------
    >>> write_wav("a.wav", [0.0, 2.0], 8000)
    Traceback (most recent call last):
    ValueError: y must be within -1 and 1, got 2.0 at sample 1: scale it, or write 'FLOAT'
    """
    choice("encoding", encoding, riff.FORMAT_OF)
    frames = writable(y, encoding)
    samples, channels = frames.shape
    head = riff.header(AudioInfo(positive_int("sr", sr), channels, samples, encoding))
    data = encoded(frames.reshape(-1), encoding)
    with replacing(path) as beside, beside.open("wb") as file:
        file.write(head)
        file.write(data)
        file.write(bytes(len(data) % 2))
