"""Root mean square of frames, and trimming of silence at both ends."""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from rnnbp.features.framing import frame
from rnnbp.features.signals import checked_signal
from rnnbp.features.spectra import power_to_db, reference_power
from rnnbp.runtime import number, positive_int

Array = np.ndarray


def rms(y: ArrayLike, *, frame_length: int = 2048, hop_length: int = 512) -> Array:
    """Compute the root mean square of each frame, centred at ``t * hop_length`` with zeros beyond the ends.

    Parameters
    ----------
    y : array_like (n,)
    frame_length, hop_length : int, default 2048 and 512
        Samples a frame, and between frame starts.

    Returns
    -------
    ndarray (T,)

    Raises
    ------
    ValueError
        If `y` is not a signal, or a number is out of its range.

    Examples
    --------
    >>> rms(np.ones(4), frame_length=2, hop_length=2).round(3)
    array([0.707, 1.   , 0.707])
    """
    signal = np.pad(checked_signal(y), positive_int("frame_length", frame_length) // 2)
    frames = frame(signal, frame_length=frame_length, hop_length=hop_length)
    return np.sqrt(np.einsum("tn,tn->t", frames, frames) / frame_length)


def trim(
    y: ArrayLike,
    *,
    top_db: float = 60.0,
    ref: float | Callable[[Array], float] = np.max,
    frame_length: int = 2048,
    hop_length: int = 512,
) -> tuple[Array, Array]:
    """Trim the silence at both ends of a signal.

    Parameters
    ----------
    y : array_like (n,)
    top_db : float, default 60
        Threshold in dB: frames whose energy is this far or further below the reference are silent.
    ref : float or callable, default numpy.max
        The amplitude that is 0 dB, or a function that computes it from those of the frames.
    frame_length, hop_length : int, default 2048 and 512
        Samples a frame, and between frame starts. At 8 kHz, 512 and 128 find ends to 16 ms.

    Returns
    -------
    trimmed : ndarray
        A view of `y`; empty if every frame is silent. A `y` of zeros has no frame below its loudest: it is unchanged.
    index : ndarray (2,)
        Where it begins and ends in `y`, in samples.

    Raises
    ------
    ValueError
        If `y` is not a signal, or an argument is out of its range.

    Examples
    --------
    >>> y = np.concatenate([np.zeros(4000), np.sin(np.arange(4000.0)), np.zeros(4000)])
    >>> trimmed, index = trim(y, frame_length=512, hop_length=128)
    >>> index.tolist(), len(trimmed)
    ([3840, 8320], 4480)
    """
    signal = checked_signal(y)
    amplitudes = rms(signal, frame_length=frame_length, hop_length=hop_length)
    reference = reference_power(ref, amplitudes)
    db = power_to_db(amplitudes**2, ref=reference**2, amin=1e-10, top_db=None)
    loud = np.flatnonzero(db > -number("top_db", top_db, 0))
    start, stop = (loud[0] * hop_length, min((loud[-1] + 1) * hop_length, len(signal))) if len(loud) else (0, 0)
    return signal[start:stop], np.array([start, stop])
