"""Framing and windowing of signals: overlapping frames as views, without a copy."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypedDict

import numpy as np
from numpy.typing import ArrayLike

from rnnbp.features.signals import checked_signal
from rnnbp.runtime import choice, flag, floating, number, positive_int, unused

Array = np.ndarray
WindowName = str | float | tuple[Any, ...]

PAD_MODES = ("constant", "edge", "reflect", "symmetric")
BLOCK = 256  # frames processed together: more do not fit the cache, and an hour of them not the memory


class FramingOptions(TypedDict, total=False):
    """Keyword arguments of `Framing` other than `sr`."""

    n_fft: int
    hop_length: int
    win_length: int
    window: WindowName
    center: bool
    pad_mode: str


def frame(y: ArrayLike, *, frame_length: int, hop_length: int) -> Array:
    """Return the frames of a signal as a read-only view: frame t begins at sample ``t * hop_length``.

    Parameters
    ----------
    y : array_like (n,)
    frame_length : int
        Samples a frame.
    hop_length : int
        Samples from the start of a frame to that of the next.

    Returns
    -------
    ndarray (T, frame_length)
        T = 1 + (n - frame_length) // hop_length; samples after the last complete frame are dropped.

    Raises
    ------
    ValueError
        If `y` is not a signal of one frame or more.

    Examples
    --------
    >>> frame([0.0, 1.0, 2.0, 3.0, 4.0], frame_length=3, hop_length=2)
    array([[0., 1., 2.],
           [2., 3., 4.]])
    """
    signal = checked_signal(y)
    length, hop = positive_int("frame_length", frame_length), positive_int("hop_length", hop_length)
    if len(signal) < length:
        raise ValueError(f"y must have at least {length} samples, which are one frame, got {len(signal)}")
    return np.lib.stride_tricks.sliding_window_view(signal, length)[::hop]


def by_blocks(frames: Array, function: Callable[[Array], Array]) -> Array:
    """Apply `function` to blocks of frames and concatenate the results, to bound the memory of copied frames.

    Examples
    --------
    >>> by_blocks(np.ones((600, 3)), lambda block: 2 * block).shape
    (600, 3)
    """
    blocks = [function(frames[start : start + BLOCK]) for start in range(0, len(frames), BLOCK)]
    return blocks[0] if len(blocks) == 1 else np.concatenate(blocks)


def get_window(window: WindowName, win_length: int) -> Array:
    """Return a periodic window by its name in `scipy.signal.get_window`; the result is cached.

    Parameters
    ----------
    window : str, float or tuple
        'hann', 'hamming', 'boxcar', a Kaiser window's beta, ``('gaussian', 20)``...
    win_length : int

    Returns
    -------
    ndarray (win_length,)
        In float64, read-only.

    Raises
    ------
    ValueError
        If there is no such window.

    Examples
    --------
    >>> get_window("hann", 4)
    array([0. , 0.5, 1. , 0.5])
    """
    if isinstance(window, bool) or not isinstance(window, str | int | float | tuple):
        raise ValueError(f"window must be a name, a number or a tuple, got {type(window).__name__}")
    if isinstance(window, int | float):
        number("window", window)
    return _window(window, positive_int("win_length", win_length))


@lru_cache(maxsize=64)
def _window(window: WindowName, win_length: int) -> Array:
    from scipy import signal

    try:
        values = signal.get_window(window, win_length, fftbins=True)
    except (ValueError, TypeError) as error:
        raise ValueError(f"window must be one that scipy.signal.get_window knows, got {window!r}: {error}") from error
    values.flags.writeable = False
    return values


@dataclass(frozen=True, kw_only=True)
class Framing:
    """Settings of framing and windowing, as in librosa's `stft`.

    Parameters
    ----------
    sr : float
        Samples a second, in Hz.
    n_fft : int, optional
        Samples a frame, and points of its Fourier transform. Default: `win_length` rounded up to a power of 2.
    hop_length : int, optional
        Samples between frame starts. Default: 10 ms.
    win_length : int, optional
        Length of the window in samples, centred in the frame. Default: `n_fft` if that is given, else 25 ms.
    window : str, float or tuple, default 'hann'
        See `get_window`.
    center : bool, default True
        Whether frame t is centred at sample ``t * hop_length``, beyond the ends of a signal that is padded by
        ``n_fft // 2`` on both sides. False: frame t begins there.
    pad_mode : {'constant', 'edge', 'reflect', 'symmetric'}, default 'constant'
        Padding of the signal; see `numpy.pad`.

    Raises
    ------
    ValueError
        If an argument is out of its range, the window is longer than a frame, or `pad_mode` is given where nothing is
        padded.

    See Also
    --------
    frame : frames alone.

    Examples
    --------
    >>> Framing(sr=8000)
    Framing(sr=8000, n_fft=256, hop_length=80, win_length=200, window='hann', center=True, pad_mode='constant')
    >>> Framing(sr=8000).frames(np.zeros(8000)).shape
    (101, 256)
    """

    sr: float
    n_fft: int = None  # type: ignore[assignment]  # this and the next two are set in __post_init__
    hop_length: int = None  # type: ignore[assignment]
    win_length: int = None  # type: ignore[assignment]
    window: WindowName = "hann"
    center: bool = True
    pad_mode: str = "constant"

    def __post_init__(self) -> None:
        sr = number("sr", self.sr, 0, open_low=True)
        hop = max(1, round(0.010 * sr)) if self.hop_length is None else positive_int("hop_length", self.hop_length)
        n_fft, win_length = _lengths(sr, self.n_fft, self.win_length)
        choice("pad_mode", self.pad_mode, PAD_MODES)
        if not flag("center", self.center):
            unused("pad_mode", self.pad_mode, "constant", "where center is False and nothing is padded")
        get_window(self.window, win_length)
        for name, value in (("n_fft", n_fft), ("hop_length", hop), ("win_length", win_length)):
            object.__setattr__(self, name, value)

    def frames(self, y: ArrayLike) -> Array:
        """Return the frames (T, n_fft) of a signal (n,), not windowed: a view of the signal or of its padded copy.

        Raises
        ------
        ValueError
            If `y` is not a signal, or is not centred and too short for one frame.

        Examples
        --------
        >>> Framing(sr=8000, n_fft=2, hop_length=1, center=False).frames([1.0, 2.0, 3.0])
        array([[1., 2.],
               [2., 3.]])
        """
        signal = checked_signal(y)
        if self.center:
            signal = np.pad(signal, self.n_fft // 2, mode=self.pad_mode)  # type: ignore[call-overload]
        elif len(signal) < self.n_fft:
            raise ValueError(
                f"y must have at least n_fft = {self.n_fft} samples where center is False, got {len(signal)}"
            )
        return frame(signal, frame_length=self.n_fft, hop_length=self.hop_length)

    def padded_window(self, dtype: Any = np.float64) -> Array:
        """Return the window (n_fft,), zero-padded on both sides if it is shorter than a frame.

        Examples
        --------
        >>> Framing(sr=8000, n_fft=6, win_length=3, window="boxcar").padded_window()
        array([0., 1., 1., 1., 0., 0.])
        """
        return _padded_window(self.window, self.win_length, self.n_fft, floating("dtype", dtype, "float32", "float64"))


def _lengths(sr: float, n_fft: int | None, win_length: int | None) -> tuple[int, int]:
    """Return the lengths of frame and window, each derived from the other if not given."""
    if win_length is None:
        win_length = max(1, round(0.025 * sr)) if n_fft is None else positive_int("n_fft", n_fft)
    win_length = positive_int("win_length", win_length)
    n_fft = 1 << (win_length - 1).bit_length() if n_fft is None else positive_int("n_fft", n_fft)
    if win_length > n_fft:
        raise ValueError(f"win_length must be at most n_fft = {n_fft}, got {win_length}")
    return n_fft, win_length


@lru_cache(maxsize=64)
def _padded_window(window: WindowName, win_length: int, n_fft: int, dtype: np.dtype[Any]) -> Array:
    left = (n_fft - win_length) // 2
    padded = np.zeros(n_fft, dtype)
    padded[left : left + win_length] = get_window(window, win_length)
    padded.flags.writeable = False
    return padded
