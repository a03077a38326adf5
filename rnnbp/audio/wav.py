"""Reading and writing of WAV files."""

import io
import struct
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from rnnbp.audio import others, riff
from rnnbp.audio.base import AudioInfo, encoded, samples_of, writable
from rnnbp.runtime import Opened, Source, choice, floating, opened, positive_int, refuses_by_name, replacing

Array = np.ndarray


def wav_info(path: Source) -> AudioInfo:
    """Read the header of a WAV file, without the samples.

    Parameters
    ----------
    path : str, Path or binary file

    Raises
    ------
    FileNotFoundError, ValueError, ImportError
        See `read_wav`.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "a.wav"
    >>> write_wav(path, np.zeros(400), 8000)
    >>> wav_info(path).seconds
    0.05
    """
    with opened(path) as source:
        return info_in(source)


def read_wav(path: Source, dtype: DTypeLike = np.float32) -> tuple[Array, int]:
    """Read a WAV file: PCM of 8, 16, 24 or 32 bits, or float of 32 or 64, with any number of channels.

    Other encodings (mu-law, A-law, ADPCM, GSM 6.10...) are decoded by soundfile, which the extra `audio` installs. A
    file whose header lacks the size, such as one written to a pipe, is read to its end.

    Parameters
    ----------
    path : str, Path or binary file
        An open file (`io.BytesIO`, a member of an archive, a pipe) is read from its position.
    dtype : dtype, default float32
        float32 represents all but 32-bit integers and 64-bit floats exactly; float64 those too.

    Returns
    -------
    y : ndarray (n,), or (channels, n) if there are several
        Samples of full scale 1: integers are divided by 2^7, 2^15, 2^23 or 2^31.
    sr : int
        Sampling rate [Hz].

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is not a complete WAV file, or has no samples, or one that is not finite; the message begins with its
        name. No more memory is allocated than the file's real size requires.
    ImportError
        If it is of another encoding and soundfile is not installed.

    Warns
    -----
    UserWarning
        If header and file disagree, but no sample is lost.

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
    floating("dtype", dtype, "float32", "float64")
    with opened(path) as source:
        return samples_in(source, dtype)


def info_in(source: Opened) -> AudioInfo:
    """Read the header of an open file; see `wav_info`."""
    layout = riff.read_layout(source)
    return layout.info if layout.form.encoding else others.info_in(_sized(source, layout), layout.form.described)


def samples_in(source: Opened, dtype: DTypeLike) -> tuple[Array, int]:
    """Read the samples of an open file; see `read_wav`."""
    layout = riff.read_layout(source)
    if layout.form.encoding is None:
        return others.samples_in(_sized(source, layout), dtype, layout.form.described)
    return samples_of(source, layout.info, dtype), layout.form.sr


def _sized(source: Opened, layout: riff.Layout) -> Opened:
    """Return the file with the true size of its samples in the header, which soundfile relies on."""
    source.file.seek(0)
    data = bytearray(source.file.read())
    data[layout.start - 4 : layout.start] = struct.pack("<I", min(layout.size, 2**32 - 1))
    return Opened(source.name, io.BytesIO(data), len(data))


@refuses_by_name
def write_wav(path: str | Path, y: ArrayLike, sr: int, encoding: str = "PCM_16") -> None:
    """Write a WAV file atomically.

    Parameters
    ----------
    path : str or Path
    y : array_like (n,) or (channels, n) of float
        Within -1 and 1 for integers; 1 becomes the greatest integer.
    sr : int
        Sampling rate [Hz].
    encoding : str, default 'PCM_16'
        'PCM_U8', 'PCM_16', 'PCM_24', 'PCM_32', 'FLOAT' or 'DOUBLE'.

    Raises
    ------
    ValueError
        If samples are empty, not finite or beyond full scale, or an argument is out of its range.

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
