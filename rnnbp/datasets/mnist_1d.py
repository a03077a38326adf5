"""MNIST-1D: digits as curves, which are padded, shifted, sheared and made noisy."""

import numpy as np
from scipy.ndimage import gaussian_filter1d

from rnnbp.data import SequenceDataset
from rnnbp.runtime import flag, got, positive_int, seed_int

Array = np.ndarray
DIGITS = (  # horizontal position of the pen from the top of a digit to its bottom
    (5, 6, 6.5, 6.75, 7, 7, 7, 7, 6.75, 6.5, 6, 5),
    (5, 3, 3, 3.4, 3.8, 4.2, 4.6, 5, 5.4, 5.8, 5, 5),
    (5, 6, 6.5, 6.5, 6, 5.25, 4.75, 4, 3.5, 3.5, 4, 5),
    (5, 6, 6.5, 6.5, 6, 5, 5, 6, 6.5, 6.5, 6, 5),
    (5, 4.4, 3.8, 3.2, 2.6, 2.6, 5, 5, 5, 5, 5, 5),
    (5, 3, 3, 3, 3, 5, 6, 6.5, 6.5, 6, 4.5, 5),
    (5, 4, 3.5, 3.25, 3, 3, 3, 3, 3.25, 3.5, 4, 5),
    (5, 7, 7, 6.6, 6.2, 5.8, 5.4, 5, 4.6, 4.2, 5, 5),
    (5, 4, 3.5, 3.5, 4, 5, 5, 4, 3.5, 3.5, 4, 5),
    (5, 4, 3.5, 3.5, 4, 5, 5, 5, 5, 4.7, 4.3, 5),
)
HEIGHT = 1 / 6  # of a template, whose standard deviation was 1
LEAST_PADDING, MOST_PADDING = 36, 60  # steps after a digit's 12
LONG = len(DIGITS[0]) + MOST_PADDING  # steps to which every padded digit is stretched
SCALING, SHEAR = 0.4, 0.75  # widths of the uniform distributions
SHIFTS = 48  # circular shifts by 0 to 47 steps
SMOOTH_NOISE, SMOOTHNESS, WHITE_NOISE = 0.25, 2.0, 0.02  # std before smoothing, std of the Gaussian kernel, std
STEPS = 40
DIGIT = 1e-8  # added to a digit, so that none of its values equals the padding


def mnist1d(
    shuffled: bool = False, train: int = 4000, test: int = 1000, seed: int = 42
) -> tuple[SequenceDataset, SequenceDataset]:
    """Generate MNIST-1D: ten digits as curves, each at an unknown place and in noise.

    A digit's template of 12 steps is padded, stretched to 72 steps, scaled, and shifted circularly; smooth noise fills
    the padding, white noise is added to all, the whole is sheared, and 40 steps are sampled from it. Linear models
    see next to nothing of it, networks that know what neighbours are, nearly all.

    Parameters
    ----------
    shuffled : bool, default False
        Whether all sequences have their steps in the same random order: the same information, without neighbours.
    train, test : int, default 4000 and 1000
        Numbers of sequences, together a multiple of ten, of which each digit has a tenth.
    seed : int, default 42
        Both sets, and the order of the steps, depend on it; 42 is the published one. Numbers are drawn in the published
        order, so that a seed gives the numbers that the authors' package `mnist1d` gives.

    Returns
    -------
    train, test : SequenceDataset
        (40, 1) a sequence; classes '0' to '9'. The mean of all values is 0 and their standard deviation 1.

    Raises
    ------
    ValueError
        If the numbers of sequences are not positive, or their sum is not a multiple of ten.

    References
    ----------
    S. Greydanus & D. Kobak (2024), "Scaling down deep learning with MNIST-1D", ICML, arXiv:2011.14439: templates,
    constants and order of the recipe, published under Apache-2.0 (github.com/greydanus/mnist1d). This code is written
    for rnnbp.

    Examples
    --------
    >>> mnist1d()
    (SequenceDataset: 4000 sequences of 40 steps, 1 feature; 10 classes,
     SequenceDataset: 1000 sequences of 40 steps, 1 feature; 10 classes)
    """
    flag("shuffled", shuffled)
    if seed_int("seed", seed) >= 2**32:
        raise ValueError(f"seed must be below 2**32, {got(seed)}")
    N = positive_int("train", train) + positive_int("test", test)
    if N % len(DIGITS):
        raise ValueError(f"train + test must be a multiple of ten, one part for each digit, got {train} + {test} = {N}")
    rng = np.random.RandomState(seed)
    digits = np.repeat(np.arange(len(DIGITS)), N // len(DIGITS))
    x = _curves(digits, rng)
    order = rng.permutation(N)
    x, digits = x[order], digits[order]
    if shuffled:
        x = x[:, rng.permutation(STEPS)]
    x = ((x - x.mean()) / x.std())[:, :, None]
    classes = [str(digit) for digit in range(len(DIGITS))]
    parts = [SequenceDataset(list(x[part]), digits[part], classes=classes) for part in np.split(np.arange(N), [train])]
    return parts[0], parts[1]


def _curves(digits: Array, rng: np.random.RandomState) -> Array:
    """Generate the noisy curves (N, 40) of the digits (N,)."""
    N = len(digits)
    padding, scaling, shear = np.empty((3, N))
    shift = np.empty(N, int)
    smooth, white = np.empty((2, N, LONG))
    for n in range(N):  # the published order: digit by digit
        padding[n], scaling[n], shift[n] = rng.rand(), rng.rand(), rng.randint(SHIFTS)
        smooth[n], white[n], shear[n] = rng.randn(LONG), rng.randn(LONG), rng.rand()
    x = _stretched()[digits, (padding * (MOST_PADDING - LEAST_PADDING + 1)).astype(int)]
    x *= 1 + SCALING * (scaling[:, None] - 0.5)
    x = np.take_along_axis(x, (np.arange(LONG) - shift[:, None]) % LONG, axis=1)
    x = np.where(x != 0, x, gaussian_filter1d(SMOOTH_NOISE * smooth, SMOOTHNESS)) + WHITE_NOISE * white
    x -= SHEAR * (shear[:, None] - 0.5) * np.linspace(-0.5, 0.5, LONG)
    return x @ np.array([_resampled(step, STEPS) for step in np.eye(LONG)])  # interpolation is linear in the curve


def _stretched() -> Array:
    """Return every digit with every padding, stretched to the same length: (10, 25, 72)."""
    templates = np.array(DIGITS)
    templates = (templates - templates.mean(axis=1, keepdims=True)) / templates.std(axis=1, keepdims=True)
    templates = HEIGHT * (templates - templates[:, :1]) + DIGIT
    paddings = [np.zeros(steps) for steps in range(LEAST_PADDING, MOST_PADDING + 1)]
    return np.array([[_resampled(np.append(t, zeros), LONG) for zeros in paddings] for t in templates])


def _resampled(curve: Array, steps: int) -> Array:
    """Interpolate a curve linearly at evenly spaced places from its start to its end."""
    return np.interp(np.linspace(0, 1, steps), np.linspace(0, 1, len(curve)), curve)
