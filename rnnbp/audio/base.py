"""Base of all readers of recordings: header information, and conversion between samples and bytes."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from rnnbp.runtime import Opened, as_array, choice

Array = np.ndarray
ByteOrder = Literal["<", ">"]

# name: bytes a sample, dtype of its container, zero, full scale
ENCODINGS = {
    "PCM_U8": (1, "u1", 128.0, 2.0**7),
    "PCM_S8": (1, "i1", 0.0, 2.0**7),
    "PCM_16": (2, "i2", 0.0, 2.0**15),
    "PCM_24": (3, "i4", 0.0, 2.0**31),  # in the upper three of four bytes
    "PCM_32": (4, "i4", 0.0, 2.0**31),
    "FLOAT": (4, "f4", 0.0, 1.0),
    "DOUBLE": (8, "f8", 0.0, 1.0),
}


@dataclass(frozen=True)
class AudioInfo:
    """Header information of a recording.

    Parameters
    ----------
    sr : int
        Sampling rate [Hz].
    channels : int
    samples : int
        Number of samples of each channel.
    encoding : str
        A name of `rnnbp.audio.write_wav`'s encodings, or soundfile's name.
    start : int, default 0
        Offset of the samples in the file [bytes].
    byteorder : str, default '<'
        '<' or '>': which byte of a sample is first.

    Examples
    --------
    >>> AudioInfo(sr=8000, channels=1, samples=4000, encoding="PCM_16").seconds
    0.5
    """

    sr: int
    channels: int
    samples: int
    encoding: str
    start: int = 0
    byteorder: ByteOrder = "<"

    @property
    def seconds(self) -> float:
        """Duration in seconds."""
        return self.samples / self.sr


def samples_of(source: Opened, info: AudioInfo, dtype: DTypeLike) -> Array:
    """Read all samples, (n,) or (channels, n), after a check of the file's size."""
    source.file.seek(info.start)
    raw = np.frombuffer(source.file.read(info.samples * info.channels * ENCODINGS[info.encoding][0]), np.uint8)
    y = decoded(raw, info.encoding, info.byteorder, dtype)
    return finite(source.name, channels_first(y.reshape(-1, info.channels)))


def decoded(raw: Array, encoding: str, byteorder: ByteOrder, dtype: DTypeLike) -> Array:
    """Decode bytes (bytes,) to samples of full scale 1, in `dtype`.

    Examples
    --------
    >>> decoded(np.array([0, 128, 192], np.uint8), "PCM_U8", "<", np.float32)
    array([-1. ,  0. ,  0.5], dtype=float32)
    """
    _, container, zero, scale = ENCODINGS[encoding]
    if encoding == "PCM_24":
        wide = np.zeros((len(raw) // 3, 4), np.uint8)
        wide[:, slice(1, 4) if byteorder == "<" else slice(3)] = raw.reshape(-1, 3)
        raw = wide.reshape(-1)
    with np.errstate(over="ignore", invalid="ignore"):  # what is not finite, a signaling NaN too, is checked below
        y = raw.view(np.dtype(container).newbyteorder(byteorder)).astype(dtype)
    if zero:
        y -= np.asarray(zero, dtype)
    if scale != 1:
        y /= np.asarray(scale, dtype)
    return y


def encoded(y: Array, encoding: str, byteorder: ByteOrder = "<") -> bytes:
    """Encode samples (n,) within -1 and 1 as bytes, rounded to the nearest; 1 becomes the greatest integer.

    Examples
    --------
    >>> encoded(np.array([-1, 0, 0.5, 1]), "PCM_U8").hex()
    '0080c0ff'
    """
    _, container, zero, scale = ENCODINGS[encoding]
    stored = np.dtype(container).newbyteorder(byteorder)
    if stored.kind == "f":
        return y.astype(stored).tobytes()
    step = 256.0 if encoding == "PCM_24" else 1.0
    whole = np.minimum(np.rint(y.astype(np.float64) * (scale / step)), scale / step - 1) * step + zero
    data = whole.astype(stored).tobytes()
    if encoding != "PCM_24":
        return data
    wide = np.frombuffer(data, np.uint8).reshape(-1, 4)
    return wide[:, slice(1, 4) if byteorder == "<" else slice(3)].tobytes()


def channels_first(y: Array) -> Array:
    """Transpose samples (n, channels) to (channels, n), or (n,) if there is one channel.

    Examples
    --------
    >>> channels_first(np.zeros((5, 2))).shape, channels_first(np.zeros((5, 1))).shape
    ((2, 5), (5,))
    """
    return y[:, 0] if y.shape[1] == 1 else np.ascontiguousarray(y.T)


def finite(name: str, y: Array) -> Array:
    """Return samples (..., n); raise if one is NaN or infinite. `name` is that of their file, for messages."""
    if not np.isfinite(y).all():
        t = int(np.argwhere(~np.isfinite(y))[0][-1])
        raise ValueError(f"{name} holds {y.reshape(-1, y.shape[-1])[:, t].tolist()} at sample {t}: not finite")
    return y


def writable(y: ArrayLike, encoding: str) -> Array:
    """Return samples (n,) or (channels, n) as (n, channels); raise if the encoding cannot represent them.

    Raises
    ------
    ValueError
        If they are of another shape, empty, not finite, or beyond full scale.

    Examples
    --------
    >>> writable([0.0, 1.5], "PCM_16")
    Traceback (most recent call last):
    ValueError: y must be within -1 and 1, got 1.5 at sample 1: scale it, or write 'FLOAT'
    """
    choice("encoding", encoding, ENCODINGS)
    given = np.atleast_2d(as_array("y", y))
    if given.ndim != 2 or given.dtype.kind != "f" or not given.size:
        raise ValueError(f"y must be floats of shape (n,) or (channels, n), got {given.dtype} of {np.shape(y)}")
    limit = np.inf if encoding in ("FLOAT", "DOUBLE") else 1.0
    wrong = ~np.isfinite(given) | (abs(given) > limit)
    if wrong.any():
        c, t = np.argwhere(wrong)[0]
        what = "finite" if not np.isfinite(given[c, t]) else "within -1 and 1"
        way = "" if what == "finite" else ": scale it, or write 'FLOAT'"
        raise ValueError(f"y must be {what}, got {given[c, t]} at sample {t}{way}")
    return given.T
