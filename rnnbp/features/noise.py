"""Speech-shaped noise, for tests of recognisers."""

import numpy as np

from rnnbp.runtime import generator, number, positive_int

Array = np.ndarray


def speech_noise(n: int, *, sr: float, rng: np.random.Generator, modulation: float = 0.5) -> Array:
    """Generate noise with the long-term spectrum of speech and amplitude modulation at the rate of syllables.

    The spectrum rises by 6 dB an octave up to 100 Hz, is flat up to 500 Hz and falls by 9 dB an octave above, about as
    the average over talkers and languages does. The amplitude is multiplied by ``1 + modulation * m``, m being a slow
    noise of deviation 1 below 8 Hz, and is never below 0.

    Parameters
    ----------
    n : int
        Number of samples.
    sr : float
        Sampling rate [Hz].
    rng : numpy.random.Generator
    modulation : float, 0 to 1, default 0.5
        Depth of the modulation; 0 for steady noise.

    Returns
    -------
    ndarray (n,)
        Root mean square 1.

    Raises
    ------
    ValueError
        If an argument is out of its range.

    References
    ----------
    D. Byrne et al. (1994), "An international comparison of long-term average speech spectra", J. Acoust. Soc. Am. 96,
    2108-2120, doi:10.1121/1.410152

    See Also
    --------
    add_noise : adds it at a signal-to-noise ratio.

    Examples
    --------
    >>> noise = speech_noise(80000, sr=8000, rng=np.random.default_rng(0))
    >>> power = np.abs(np.fft.rfft(noise)) ** 2  # bins of 0.1 Hz
    >>> octave = 10 * np.log10(power[10000:20000].mean() / power[20000:40000].mean())
    >>> round(float(np.sqrt(np.mean(noise**2))), 6), bool(8 < octave < 10)
    (1.0, True)
    """
    n, depth, rng = positive_int("n", n), number("modulation", modulation, 0, 1), generator("rng", rng)
    size = 1 << (n - 1).bit_length()  # transforms of other sizes may take ten times as long
    hertz = np.fft.rfftfreq(size, 1 / number("sr", sr, 0, open_low=True))
    slope = np.minimum(hertz / 100, 1) / np.maximum(hertz / 500, 1) ** 1.5
    slow = (hertz > 0) & (hertz < 8)
    noise = _coloured(size, slope, rng) * np.maximum(1 + depth * _coloured(size, slow, rng), 0)
    return noise[:n] / (np.sqrt(np.mean(noise[:n] ** 2)) or 1)


def _coloured(size: int, gain: Array, rng: np.random.Generator) -> Array:
    """Generate Gaussian noise (size,) filtered by `gain`, of standard deviation 1; zeros if nothing passes."""
    spectrum = gain * (rng.standard_normal(len(gain)) + 1j * rng.standard_normal(len(gain)))
    noise = np.fft.irfft(spectrum, size)
    return noise / (noise.std() or 1)
