"""Synthetic long-range memory benchmarks: adding, copying, recall, parity, temporal XOR."""

import numpy as np

from rnnbp.data import SequenceDataset
from rnnbp.runtime import integer_at_least, positive_int, seed_or_generator

Array = np.ndarray
Seed = int | np.random.Generator


def adding_problem(sequences: int, steps: int, seed: Seed = 0) -> SequenceDataset:
    """Generate the adding problem: the target is the sum of the two marked numbers of a sequence.

    Each step has a number, uniform in [0, 1], and a marker, 1 at one step of the first half and at one of the second,
    else 0. The constant prediction 1 has a mean squared error of 1/6 = 0.167, the variance of the sum.

    Parameters
    ----------
    sequences : int
        Number of sequences N.
    steps : int
        Length T, at least 2.
    seed : int or numpy.random.Generator, default 0

    Returns
    -------
    SequenceDataset
        (T, 2) a sequence; targets (N, 1), the sums.

    Raises
    ------
    ValueError
        If a number is too small.

    References
    ----------
    S. Hochreiter & J. Schmidhuber (1997), "Long short-term memory", Neural Computation 9, section 5.4; in the form of
    Le, Jaitly & Hinton (2015), arXiv:1504.00941, section 4.1.

    Examples
    --------
    >>> data = adding_problem(2, 10)
    >>> x = data.sequences[0]
    >>> bool(np.isclose((x[:, 0] * x[:, 1]).sum(), data.targets[0, 0]))
    True
    """
    rng = seed_or_generator("seed", seed)
    N, T = positive_int("sequences", sequences), integer_at_least("steps", steps, 2, "an integer of 2 or more")
    x = np.zeros((N, T, 2))
    x[:, :, 0] = rng.random((N, T))
    rows = np.arange(N)
    for low, high in ((0, T // 2), (T // 2, T)):
        x[rows, rng.integers(low, high, N), 1] = 1
    return SequenceDataset(list(x), (x[:, :, 0] * x[:, :, 1]).sum(axis=1, keepdims=True))


def copy_memory(sequences: int, delay: int, symbols: int = 8, length: int = 10, seed: Seed = 0) -> SequenceDataset:
    """Generate the copy memory task: repeat the first symbols after a long delay and a signal.

    Inputs are one-hot: symbols 0 ... K - 1, blank K, signal K + 1. The target is blank until the signal, then the
    symbols in their order. The memoryless baseline, blank and then a uniform guess, has a cross entropy of
    ``length log(K) / (delay + 2 length)``.

    Parameters
    ----------
    sequences, delay : int
        Number of sequences N, and number of blanks between the last symbol and the signal, the signal's step included.
    symbols, length : int, default 8 and 10
        Number of distinct symbols K, and number of symbols to remember.
    seed : int or numpy.random.Generator, default 0

    Returns
    -------
    SequenceDataset
        (delay + 2 length, K + 2) a sequence; one class a step, K for blank.

    References
    ----------
    S. Hochreiter & J. Schmidhuber (1997); in the form of Arjovsky, Shah & Bengio (2016), arXiv:1511.06464, section 5.1.

    Examples
    --------
    >>> data = copy_memory(1, delay=3, symbols=2, length=2)
    >>> data.sequences[0].argmax(axis=1).tolist(), data.targets[0].tolist()
    ([1, 1, 2, 2, 3, 2, 2], [2, 2, 2, 2, 2, 1, 1])
    """
    rng = seed_or_generator("seed", seed)
    N, K, L = positive_int("sequences", sequences), positive_int("symbols", symbols), positive_int("length", length)
    T = positive_int("delay", delay) + 2 * L
    words = rng.integers(K, size=(N, L))
    tokens = np.full((N, T), K)
    tokens[:, :L] = words
    tokens[:, T - L - 1] = K + 1
    targets = np.full((N, T), K)
    targets[:, T - L :] = words
    return SequenceDataset(list(np.eye(K + 2)[tokens]), list(targets))


def delayed_recall(sequences: int, delay: int, classes: int = 2, seed: Seed = 0) -> SequenceDataset:
    """Generate the delayed recall (latching) task: classify a sequence by its first symbol, which is followed by noise.

    Parameters
    ----------
    sequences, delay : int
        Number of sequences N, and number of steps between the symbol and the answer.
    classes : int, default 2
        Number of classes K.
    seed : int or numpy.random.Generator, default 0

    Returns
    -------
    SequenceDataset
        (delay + 1, K + 1) a sequence: the symbol one-hot at the first step, and a channel of noise, uniform in
        [-1, 1], at the others; one class a sequence.

    References
    ----------
    Y. Bengio, P. Simard & P. Frasconi (1994), "Learning long-term dependencies with gradient descent is difficult",
    IEEE Trans. Neural Networks 5, 157-166 (the latching problem), doi:10.1109/72.279181

    Examples
    --------
    >>> data = delayed_recall(1, delay=4, classes=3)
    >>> data.sequences[0].shape, int(data.sequences[0][0].argmax()) == data.targets[0]
    ((5, 4), np.True_)
    """
    rng = seed_or_generator("seed", seed)
    N, K, T = positive_int("sequences", sequences), positive_int("classes", classes), positive_int("delay", delay) + 1
    labels = rng.integers(K, size=N)
    x = np.zeros((N, T, K + 1))
    x[np.arange(N), 0, labels] = 1
    x[:, 1:, K] = rng.uniform(-1, 1, (N, T - 1))
    return SequenceDataset(list(x), labels, classes=list(map(str, range(K))))


def temporal_xor(sequences: int, triples: int, seed: Seed = 0) -> SequenceDataset:
    """Generate temporal XOR: predict the next bit of a stream in which every third bit is the XOR of the two before.

    Only every third bit can be predicted; the others have no target (-1).

    Parameters
    ----------
    sequences, triples : int
        Number of sequences N, and number of groups of three bits in each.
    seed : int or numpy.random.Generator, default 0

    Returns
    -------
    SequenceDataset
        (3 triples, 1) a sequence; one class a step, the next bit after the second of each triple, else -1.

    References
    ----------
    J. L. Elman (1990), "Finding structure in time", Cognitive Science 14, 179-211, doi:10.1207/s15516709cog1402_1

    Examples
    --------
    >>> data = temporal_xor(1, triples=2)
    >>> bits = data.sequences[0][:, 0].astype(int)
    >>> bool(bits[0] ^ bits[1] == bits[2] == data.targets[0][1])
    True
    """
    rng = seed_or_generator("seed", seed)
    pairs = rng.integers(2, size=(positive_int("sequences", sequences), positive_int("triples", triples), 2))
    third = pairs[..., :1] ^ pairs[..., 1:]
    bits = np.concatenate([pairs, third], axis=-1)
    targets = np.full(bits.shape, -1)
    targets[..., 1] = third[..., 0]
    N = len(bits)
    return SequenceDataset(list(bits.reshape(N, -1, 1).astype(float)), list(targets.reshape(N, -1)))


def parity(sequences: int, steps: int, shortest: int | None = None, seed: Seed = 0) -> SequenceDataset:
    """Generate the parity task: the target at each step is the parity of the ones so far, 1 for odd.

    Parameters
    ----------
    sequences, steps : int
        Number of sequences N, and greatest length T.
    shortest : int, optional
        Lengths are uniform from it to `steps`. Default: all of length `steps`.
    seed : int or numpy.random.Generator, default 0

    Returns
    -------
    SequenceDataset
        (T_i, 1) a sequence, bits as 0 and 1; one class a step.

    References
    ----------
    S. Hochreiter & J. Schmidhuber (1997), section 1 (as a task that random guessing of weights solves).

    Examples
    --------
    >>> data = parity(1, 5)
    >>> bool((data.sequences[0][:, 0].cumsum() % 2 == data.targets[0]).all())
    True
    """
    rng = seed_or_generator("seed", seed)
    N, T = positive_int("sequences", sequences), positive_int("steps", steps)
    least = T if shortest is None else positive_int("shortest", shortest)
    if least > T:
        raise ValueError(f"shortest must be at most steps = {T}, got {least}")
    bits = [rng.integers(2, size=n) for n in rng.integers(least, T + 1, N)]
    return SequenceDataset([b[:, None].astype(float) for b in bits], [b.cumsum() % 2 for b in bits])
