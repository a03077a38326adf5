"""Data augmentation of recordings and spectra: noise, speed, SpecAugment; random draws use the generator passed."""

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
from numpy.typing import ArrayLike

from rnnbp.features.resampling import resample
from rnnbp.features.signals import checked_features, checked_signal
from rnnbp.runtime import as_numbers, generator, natural_int, number

Array = np.ndarray
SLOWEST, FASTEST = 0.1, 10  # factors of speed


def add_noise(y: ArrayLike, *, snr: float, rng: np.random.Generator, noise: ArrayLike | None = None) -> Array:
    """Add noise at an exact signal-to-noise ratio, ``10 log10(sum y^2 / sum noise^2) = snr``.

    Parameters
    ----------
    y : array_like (n,)
    snr : float
        Signal-to-noise ratio over the whole signal, in dB.
    rng : numpy.random.Generator
    noise : array_like (m,), optional
        A recording of noise, of which a random segment is taken, repeated cyclically if it is too short. Default:
        white Gaussian noise.

    Returns
    -------
    ndarray (n,)
        Not clipped: it may exceed -1 and 1.

    Raises
    ------
    ValueError
        If `y` or the segment of noise is silent, or an argument is out of its range.

    Examples
    --------
    >>> y = np.sin(np.arange(8000.0))
    >>> noise = add_noise(y, snr=10, rng=np.random.default_rng(0)) - y
    >>> round(float(10 * np.log10(np.sum(y**2) / np.sum(noise**2))), 6)
    10.0
    """
    signal, rng, snr = checked_signal(y), generator("rng", rng), number("snr", snr)
    added = rng.standard_normal(len(signal)) if noise is None else _random_segment(noise, len(signal), rng)
    power, noise_power = (float(np.sum(np.square(s, dtype=np.float64))) for s in (signal, added))
    if power == 0 or noise_power == 0:
        raise ValueError(f"{'y' if power == 0 else 'noise'} must not be silent: there is no ratio to {snr:g} dB")
    scale = np.sqrt(power / noise_power) * 10 ** (-snr / 20)
    return signal + (scale * added).astype(signal.dtype)


def _random_segment(noise: ArrayLike, n: int, rng: np.random.Generator) -> Array:
    recording = checked_signal(noise, "noise")
    last = len(recording) - n
    start = int(rng.integers(last + 1 if last >= 0 else len(recording)))
    return np.take(recording, np.arange(start, start + n), mode="wrap")


def change_speed(y: ArrayLike, factor: float) -> Array:
    """Change the speed of a signal: tempo and pitch are multiplied by `factor`.

    Parameters
    ----------
    y : array_like (n,)
    factor : float, 0.1 to 10
        Rounded to hundredths.

    Returns
    -------
    ndarray (ceil(n / factor),)

    Raises
    ------
    ValueError
        If `y` is not a signal, or `factor` is out of its range.

    Examples
    --------
    >>> change_speed(np.sin(np.arange(1000.0)), 1.25).shape
    (800,)
    """
    ratio = Fraction(round(100 * number("factor", factor, SLOWEST, FASTEST)), 100)
    return resample(y, orig_sr=ratio.numerator, target_sr=ratio.denominator)


def perturb_speed(y: ArrayLike, *, rng: np.random.Generator, factors: Sequence[float] = (0.9, 1.0, 1.1)) -> Array:
    """Change the speed of a signal by a factor drawn at random.

    Parameters
    ----------
    y : array_like (n,)
    rng : numpy.random.Generator
    factors : sequence of float, default (0.9, 1.0, 1.1)
        Equally probable factors; see `change_speed`.

    Returns
    -------
    ndarray (ceil(n / factor),)

    Raises
    ------
    ValueError
        If `factors` is empty, or an argument is out of its range.

    References
    ----------
    T. Ko, V. Peddinti, D. Povey & S. Khudanpur (2015), "Audio augmentation for speech recognition", Interspeech,
    3586-3589, doi:10.21437/Interspeech.2015-711

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> [len(perturb_speed(np.ones(990), rng=rng)) for _ in range(4)]
    [900, 990, 990, 1100]
    """
    signal, speeds = checked_signal(y), as_numbers("factors", factors)
    if not speeds.size or speeds.ndim != 1:
        raise ValueError(f"factors must hold at least one speed, got {'none' if not speeds.size else factors}")
    for speed in speeds:
        number("factors", float(speed), SLOWEST, FASTEST)
    return change_speed(signal, float(speeds[generator("rng", rng).integers(len(speeds))]))


def spec_augment(
    x: ArrayLike,
    *,
    rng: np.random.Generator,
    freq_masks: int = 2,
    freq_width: int = 8,
    time_masks: int = 2,
    time_width: int = 20,
    time_fraction: float = 0.2,
) -> Array:
    """Apply SpecAugment's masks: bands of features, and ranges of frames, are set to the utterance's mean.

    The width of each mask is uniform from 0 to `freq_width` features, or 0 to `time_width` frames, and its position is
    uniform. There is no time warping, which Park et al. find to matter least.

    Parameters
    ----------
    x : array_like (T, F)
        Log-mel spectra.
    rng : numpy.random.Generator
    freq_masks, time_masks : int, default 2
        Number of masks; 0 for none.
    freq_width, time_width : int, default 8 and 20
        Greatest width of a mask, in features and frames.
    time_fraction : float, 0 to 1, default 0.2
        Greatest fraction of the frames that one mask covers.

    Returns
    -------
    ndarray (T, F)

    Raises
    ------
    ValueError
        If an argument is out of its range.

    References
    ----------
    D. S. Park et al. (2019), "SpecAugment: a simple data augmentation method for automatic speech recognition",
    Interspeech, 2613-2617, section 2, doi:10.21437/Interspeech.2019-2680

    Examples
    --------
    >>> x = np.random.default_rng(0).normal(size=(100, 40))
    >>> masked = spec_augment(x, rng=np.random.default_rng(3))
    >>> masked.shape, bool(0 < np.mean(masked != x) < 1)
    ((100, 40), True)
    """
    features, rng = checked_features(x), generator("rng", rng)
    T, F = features.shape
    widest = min(natural_int("time_width", time_width), int(number("time_fraction", time_fraction, 0, 1) * T))
    highest = min(natural_int("freq_width", freq_width), F)
    natural_int("freq_masks", freq_masks)
    natural_int("time_masks", time_masks)
    hidden = np.zeros((T, F), bool)
    for _ in range(freq_masks):
        hidden[:, _mask(F, highest, rng)] = True
    for _ in range(time_masks):
        hidden[_mask(T, widest, rng)] = True
    return np.where(hidden, features.mean(axis=0), features)


def _mask(size: int, widest: int, rng: np.random.Generator) -> slice:
    width = int(rng.integers(widest + 1))
    start = int(rng.integers(size - width + 1))
    return slice(start, start + width)
