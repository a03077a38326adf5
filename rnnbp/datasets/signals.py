"""Synthetic signals for forecasting and recognition: sine mixtures, Mackey-Glass series, speech-like vowels."""

import numpy as np

from rnnbp.data import BLANK, LabelSequences, SequenceDataset
from rnnbp.runtime import integer_at_least, number, positive_int, seed_or_generator

Array = np.ndarray
Seed = int | np.random.Generator


def sine_mixtures(sequences: int, steps: int, waves: int = 3, noise: float = 0.0, seed: Seed = 0) -> SequenceDataset:
    """Generate sums of sines with random period, phase and weight; targets are the next values.

    Parameters
    ----------
    sequences, steps : int
        Number of sequences N and length T.
    waves : int, default 3
        Number of sines; periods are log-uniform from 8 to 64 steps, weights sum to 1.
    noise : float, default 0
        Standard deviation of the noise on the inputs; targets have none.
    seed : int or numpy.random.Generator, default 0

    Returns
    -------
    SequenceDataset
        (T, 1) a sequence; one value a step, the next one.

    Examples
    --------
    >>> data = sine_mixtures(1, 20)
    >>> bool(np.allclose(data.sequences[0][1:, 0], data.targets[0][:-1, 0], atol=1e-6))
    True
    """
    rng = seed_or_generator("seed", seed)
    shape = (positive_int("sequences", sequences), positive_int("waves", waves), 1)
    number("noise", noise, 0)
    period = np.exp(rng.uniform(np.log(8), np.log(64), shape))
    weight = rng.dirichlet(np.ones(waves), sequences)[:, :, None]
    t = np.arange(positive_int("steps", steps) + 1)
    series = (weight * np.sin(2 * np.pi * (t / period + rng.random(shape)))).sum(axis=1)
    x = series[:, :-1] + noise * rng.standard_normal((sequences, steps))
    return SequenceDataset(list(x[:, :, None]), list(series[:, 1:, None]))


def mackey_glass_series(steps: int, tau: float = 17.0, seed: Seed = 0) -> Array:
    """Integrate the Mackey-Glass equation ``dx/dt = 0.2 x(t - tau) / (1 + x(t - tau)^10) - 0.1 x(t)``.

    The series has one sample a time unit, integrated by fourth-order Runge-Kutta with a step of 0.1 and the delayed
    value interpolated. The first 1,000 units, from a random start near 1.2, are discarded.

    Parameters
    ----------
    steps : int
        Number N.
    tau : float, default 17
        The delay; chaotic above about 16.8.
    seed : int or numpy.random.Generator, default 0

    Returns
    -------
    ndarray (N,)

    References
    ----------
    M. C. Mackey & L. Glass (1977), "Oscillation and chaos in physiological control systems", Science 197, 287-289,
    doi:10.1126/science.267326

    Examples
    --------
    >>> x = mackey_glass_series(500)
    >>> bool(0.2 < x.min() < x.max() < 1.4)
    True
    """
    per_unit, transient = 10, 1000  # steps per unit of time, and units before the series
    h = 1 / per_unit
    lag = round(number("tau", tau, 0, open_low=True) * per_unit)
    total = (positive_int("steps", steps) + transient) * per_unit
    start = 1.2 + 0.1 * (seed_or_generator("seed", seed).random(lag + 1) - 0.5)
    x = np.concatenate([start, np.zeros(total)]).tolist()

    def slope(now: float, delayed: float) -> float:
        return 0.2 * delayed / (1 + delayed**10) - 0.1 * now

    for n in range(lag, lag + total):
        now, old, new = x[n], x[n - lag], x[n - lag + 1]
        middle = 0.5 * (old + new)
        k1 = slope(now, old)
        k2 = slope(now + 0.5 * h * k1, middle)
        k3 = slope(now + 0.5 * h * k2, middle)
        k4 = slope(now + h * k3, new)
        x[n + 1] = now + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    return np.array(x[lag + transient * per_unit :: per_unit][:steps])


def mackey_glass(sequences: int, steps: int, ahead: int = 1, tau: float = 17.0, seed: Seed = 0) -> SequenceDataset:
    """Generate segments of one Mackey-Glass series; targets are the values `ahead` steps later.

    Parameters
    ----------
    sequences, steps : int
        Number of sequences N and length T.
    ahead : int, default 1
        Forecast horizon in steps; 84 is a common choice.
    tau : float, default 17
    seed : int or numpy.random.Generator, default 0

    Returns
    -------
    SequenceDataset
        (T, 1) a sequence; one value a step. 1 is subtracted from all values to centre them about 0.

    See Also
    --------
    mackey_glass_series : the equation.

    Examples
    --------
    >>> mackey_glass(2, 50)
    SequenceDataset: 2 sequences of 50 steps, 1 feature; values a step
    """
    N, T, k = positive_int("sequences", sequences), positive_int("steps", steps), positive_int("ahead", ahead)
    series = mackey_glass_series(N * T + k, tau, seed)[:, None] - 1
    starts = range(0, N * T, T)
    return SequenceDataset([series[s : s + T] for s in starts], [series[s + k : s + T + k] for s in starts])


# Mean first, second and third formant of men's vowels in Hz (G. E. Peterson & H. L. Barney 1952, "Control methods used
# in a study of the vowels", J. Acoust. Soc. Am. 24, 175-184, table II).
FORMANTS = {
    "iy": (270, 2290, 3010),
    "ih": (390, 1990, 2550),
    "eh": (530, 1840, 2480),
    "ae": (660, 1720, 2410),
    "ah": (640, 1190, 2390),
    "aa": (730, 1090, 2440),
    "ao": (570, 840, 2410),
    "uh": (440, 1020, 2240),
    "uw": (300, 870, 2240),
    "er": (490, 1350, 1690),
}


TRACT = 0.08  # standard deviation of the log of speakers' formant scale (vocal tract length)


def synthetic_vowels(
    sequences: int, shortest: int = 12, longest: int = 30, noise: float = 0.03, seed: Seed = 0
) -> SequenceDataset:
    """Generate speech-like formant tracks of ten vowels between two consonants, for classification of the vowel.

    The formants begin and end at random loci (the consonants) and approach the vowel's targets in the middle, less so
    the shorter the vowel is (undershoot); each sequence has its own speaker, whose vocal tract scales all formants.

    Parameters
    ----------
    sequences : int
        Number N.
    shortest, longest : int, default 12 and 30
        Range of the lengths, in frames of 10 ms.
    noise : float, default 0.03
        Standard deviation of the log-frequencies' measurement noise.
    seed : int or numpy.random.Generator, default 0

    Returns
    -------
    SequenceDataset
        (T_i, 3) a sequence: log of F1, F2, F3 in Hz, less 7; classes are the ten vowels.

    References
    ----------
    G. E. Peterson & H. L. Barney (1952), doi:10.1121/1.1906875, for the formants; B. Lindblom (1963), "Spectrographic
    study of vowel reduction", J. Acoust. Soc. Am. 35, 1773-1781, for the undershoot.

    Examples
    --------
    >>> synthetic_vowels(50)
    SequenceDataset: 50 sequences of 12 to 30 steps, 3 features; 10 classes
    """
    rng = seed_or_generator("seed", seed)
    N, low, high = positive_int("sequences", sequences), positive_int("shortest", shortest), longest
    if positive_int("longest", high) < low:
        raise ValueError(f"longest must be at least shortest = {low}, got {high}")
    number("noise", noise, 0)
    vowels = np.log(np.array(list(FORMANTS.values()), float))
    labels = rng.integers(len(vowels), size=N)
    tracks = [
        _track(vowels[k], int(n), noise, rng.normal(0, TRACT), rng)
        for k, n in zip(labels, rng.integers(low, high + 1, N))
    ]
    return SequenceDataset(tracks, labels, classes=list(FORMANTS))


def synthetic_vowel_strings(
    sequences: int,
    fewest: int = 2,
    most: int = 6,
    shortest: int = 12,
    longest: int = 30,
    noise: float = 0.03,
    seed: Seed = 0,
) -> SequenceDataset:
    """Generate strings of the vowels of `synthetic_vowels`, one speaker each, with unaligned labels.

    Parameters
    ----------
    sequences : int
        Number N.
    fewest, most : int, default 2 and 6
        Least and greatest number of vowels in a string.
    shortest, longest : int, default 12 and 30
        Range of the vowels' lengths, in frames of 10 ms.
    noise : float, default 0.03
        Standard deviation of the log-frequencies' measurement noise.
    seed : int or numpy.random.Generator, default 0

    Returns
    -------
    SequenceDataset
        (T_i, 3) a sequence, as in `synthetic_vowels`; label sequences for `rnnbp.CTC`, whose classes are the blank and
        the ten vowels.

    Examples
    --------
    >>> data = synthetic_vowel_strings(50)
    >>> data.classes[:3], [data.classes[k] for k in data.targets[1]]
    (('<blank>', 'iy', 'ih'), ['ae', 'ao', 'er', 'ao', 'uw'])
    """
    rng, vowels = seed_or_generator("seed", seed), np.log(np.array(list(FORMANTS.values()), float))
    N, low, high = positive_int("sequences", sequences), positive_int("shortest", shortest), longest
    for name, value, least in (("longest", high, low), ("most", most, positive_int("fewest", fewest))):
        integer_at_least(name, value, least, f"an integer of {least} or more")
    number("noise", noise, 0)
    labels = [rng.integers(len(vowels), size=n) for n in rng.integers(fewest, most + 1, N)]
    strings = []
    for one in labels:
        tract, lengths = rng.normal(0, TRACT), rng.integers(low, high + 1, len(one))
        strings.append(np.concatenate([_track(vowels[k], int(n), noise, tract, rng) for k, n in zip(one, lengths)]))
    return SequenceDataset(strings, LabelSequences([one + 1 for one in labels], classes=(BLANK, *FORMANTS)))


def _track(vowel: Array, steps: int, noise: float, tract: float, rng: np.random.Generator) -> Array:
    """Generate the log-formants (T, 3) of a vowel, minus 7."""
    loci = np.log(np.array([350, 1500, 2500])) + rng.normal(0, 0.2, (2, 3))
    t = np.arange(steps)[:, None]
    near_start, near_end = np.exp(-t / 3.5), np.exp(-(steps - 1 - t) / 3.5)
    free = np.clip(1 - near_start - near_end, 0, 1)
    mixed = (near_start * loci[0] + near_end * loci[1] + free * vowel) / (near_start + near_end + free)
    return mixed + tract - 7 + rng.normal(0, noise, mixed.shape)
