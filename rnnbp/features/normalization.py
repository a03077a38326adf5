"""Cepstral mean and variance normalisation: over an utterance, over a speaker, and over a running window."""

from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import ArrayLike

from rnnbp.features.signals import checked_features
from rnnbp.runtime import got, positive_int

Array = np.ndarray


def normalize_utterance(x: ArrayLike) -> Array:
    """Normalise each feature to mean 0 and standard deviation 1 over the utterance; constant features become 0.

    Parameters
    ----------
    x : array_like (T, F)

    Returns
    -------
    ndarray (T, F)

    Raises
    ------
    ValueError
        If `x` is not features.

    See Also
    --------
    rnnbp.Normalize : a layer with the statistics of a training set.

    References
    ----------
    S. Furui (1981), "Cepstral analysis technique for automatic speaker verification", IEEE Trans. ASSP 29(2), 254-272,
    doi:10.1109/TASSP.1981.1163530, for the mean; O. Viikki & K. Laurila (1998), "Cepstral domain segmental feature
    vector normalization for noise robust speech recognition", Speech Communication 25, 133-147,
    doi:10.1016/S0167-6393(98)00033-8, for both.

    Examples
    --------
    >>> normalize_utterance([[1.0, 5.0], [3.0, 5.0]])
    array([[-1.,  0.],
           [ 1.,  0.]])
    """
    x = checked_features(x)
    return standardized(x, *_moments(x))


def normalize_speakers(sequences: Sequence[ArrayLike], speakers: Sequence[Hashable]) -> list[Array]:
    """Normalise each feature to mean 0 and standard deviation 1 over all utterances of a speaker.

    Parameters
    ----------
    sequences : sequence of array_like (T_i, F)
    speakers : sequence, one for each
        The speaker of each sequence.

    Returns
    -------
    list of ndarray (T_i, F)
        In the order of `sequences`.

    Raises
    ------
    ValueError
        If there are no sequences, one is not features, they differ in F, or the number of speakers differs.

    See Also
    --------
    normalize_utterance : References.

    Examples
    --------
    >>> first, second, other = normalize_speakers([[[1.0]], [[3.0]], [[7.0]]], ["ann", "ann", "bob"])
    >>> first.item(), second.item(), other.item()
    (-1.0, 1.0, 0.0)
    """
    moments = speaker_moments(sequences, speakers)
    return [
        standardized(checked_features(x), *moments[speaker]) for x, speaker in zip(sequences, speakers, strict=True)
    ]


def speaker_moments(
    sequences: Sequence[ArrayLike], speakers: Sequence[Hashable]
) -> dict[Hashable, tuple[Array, Array]]:
    """Compute the mean and standard deviation (F,) of each feature over all utterances of a speaker.

    Parameters
    ----------
    sequences, speakers
        As in `normalize_speakers`.

    Returns
    -------
    dict
        ``{speaker: (mean, standard deviation)}``, in float64.

    Raises
    ------
    ValueError
        As in `normalize_speakers`.

    Examples
    --------
    >>> mean, std = speaker_moments([[[1.0]], [[3.0]], [[7.0]]], ["ann", "ann", "bob"])["ann"]
    >>> mean, std
    (array([2.]), array([1.]))
    """
    for name, given in (("sequences", sequences), ("speakers", speakers)):
        if isinstance(given, str | bytes) or not hasattr(given, "__len__"):
            raise ValueError(f"{name} must be a list, of one for each utterance, {got(given)}")
    if len(sequences) != len(speakers):
        raise ValueError(f"speakers must be one for each of the {len(sequences)} sequences, got {len(speakers)}")
    if not len(sequences):
        raise ValueError("sequences must hold at least one sequence, got none")
    checked = [checked_features(x, f"sequence {i}") for i, x in enumerate(sequences)]
    for i, x in enumerate(checked):
        if x.shape[1] != checked[0].shape[1]:
            raise ValueError(f"sequence {i} has {x.shape[1]} features, but sequence 0 has {checked[0].shape[1]}")
    moments = {}
    for speaker in dict.fromkeys(speakers):
        own = [x for x, whose in zip(checked, speakers, strict=True) if whose is speaker or whose == speaker]
        moments[speaker] = _moments(np.concatenate(own))
    return moments


def standardized(x: Array, mean: Array, std: Array) -> Array:
    """Subtract a mean (F,) from features (T, F), and divide by a standard deviation (F,); where that is 0, return 0.

    Examples
    --------
    >>> standardized(np.array([[1.0, 5.0], [4.0, 6.0]]), mean=np.array([1.0, 5.0]), std=np.array([3.0, 0.0]))
    array([[0., 0.],
           [1., 0.]])
    """
    shifted = (x - mean) * (std > 0)
    return (shifted / np.where(std > 0, std, 1)).astype(x.dtype)


def normalize_running(x: ArrayLike, *, window: int = 300, min_window: int = 30) -> Array:
    """Normalise each feature by its mean and standard deviation over the last `window` frames, for online use.

    Parameters
    ----------
    x : array_like (T, F)
    window : int, default 300
        Number of frames, up to and including the current one.
    min_window : int, default 30
        The first frames are normalised by the statistics of the first `min_window`, which delays their output.

    Returns
    -------
    ndarray (T, F)

    Raises
    ------
    ValueError
        If `x` is not features, or a number is out of its range.

    See Also
    --------
    normalize_utterance : References.

    Examples
    --------
    >>> normalize_running([[1.0], [3.0], [5.0], [5.0]], window=2, min_window=2).ravel()
    array([-1.,  1.,  1.,  0.])
    """
    x = checked_features(x)
    if positive_int("min_window", min_window) > positive_int("window", window):
        raise ValueError(f"min_window must be at most window = {window}, got {min_window}")
    T = len(x)
    t = np.arange(T)
    start, stop = np.maximum(0, t + 1 - window), np.maximum(t + 1, min(min_window, T))
    shift = x.mean(axis=0, dtype=np.float64)  # sums of squares about the mean lose fewer digits
    sums = _running_sums(x - shift)
    squares = _running_sums((x - shift) ** 2)
    count = (stop - start)[:, None]
    mean = (sums[stop] - sums[start]) / count
    variance = (squares[stop] - squares[start]) / count - mean**2
    noise = 1e-12 * np.square(x - shift).max(axis=0)  # rounding error in the variance of a constant
    std = np.sqrt(np.where(variance > noise, variance, 0))
    return standardized(x, mean + shift, std)


def _running_sums(x: Array) -> Array:
    """Compute cumulative sums (T + 1, F), starting with 0."""
    return np.concatenate([np.zeros((1, x.shape[1])), np.cumsum(x, axis=0, dtype=np.float64)])


def _moments(x: Array) -> tuple[Array, Array]:
    """Compute means and standard deviations (F,) in float64; exactly 0 for a constant, in spite of rounding."""
    mean, std = x.mean(axis=0, dtype=np.float64), x.std(axis=0, dtype=np.float64)
    return mean, np.where(np.ptp(x, axis=0) == 0, 0, std)
