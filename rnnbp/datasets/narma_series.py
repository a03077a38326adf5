"""NARMA-10: a nonlinear moving-average system with a memory of ten steps."""

import numpy as np

from rnnbp.data import SequenceDataset
from rnnbp.runtime import positive_int, seed_or_generator

ORDER, TRANSIENT, LIMIT = 10, 200, 2.0
Seed = int | np.random.Generator


def narma(sequences: int, steps: int, seed: Seed = 0) -> SequenceDataset:
    """Generate NARMA-10, the nonlinear autoregressive moving average of order 10, and its random input.

    From inputs u uniform in [0, 0.5] the system, which the network is to imitate, makes::

        y[t+1] = 0.3 y[t] + 0.05 y[t] sum(y[t-9..t]) + 1.5 u[t-9] u[t] + 0.1

    At step t the input is u[t], the target y[t+1]. The first 200 steps of each sequence are discarded. The system may
    diverge by chance: a sequence in which y exceeds 2 is replaced.

    Parameters
    ----------
    sequences, steps : int
        Number of sequences N and length T.
    seed : int or numpy.random.Generator, default 0

    Returns
    -------
    SequenceDataset
        (T, 1) a sequence, in float64; one value a step.

    References
    ----------
    A. F. Atiya & A. G. Parlos (2000), "New results on recurrent network training: unifying the algorithms and
    accelerating convergence", IEEE Transactions on Neural Networks 11(3), 697-709, doi:10.1109/72.846741

    Examples
    --------
    >>> data = narma(1, 1000)
    >>> data
    SequenceDataset: 1 sequence of 1000 steps, 1 feature; values a step
    >>> bool(0.2 < data.targets[0].mean() < 0.5)
    True
    """
    rng = seed_or_generator("seed", seed)
    N, T = positive_int("sequences", sequences), positive_int("steps", steps) + TRANSIENT
    u, y = rng.uniform(0, 0.5, (N, T)), np.zeros((N, T + 1))
    wrong = np.arange(N)
    while wrong.size:
        y[wrong] = _response(u[wrong])
        wrong = wrong[(y[wrong] > LIMIT).any(axis=1)]
        u[wrong] = rng.uniform(0, 0.5, (wrong.size, T))
    inputs, targets = u[:, TRANSIENT:, None], y[:, TRANSIENT + 1 :, None]
    return SequenceDataset(list(inputs), list(targets), dtype=np.float64)


def _response(u: np.ndarray) -> np.ndarray:
    """Return y (N, T + 1) for inputs (N, T), from ten zeros on; it is cut off far above the limit."""
    N, T = u.shape
    y, before = np.zeros((N, T + 1)), np.hstack([np.zeros((N, ORDER - 1)), u])
    for t in range(T):
        window = y[:, max(t - ORDER + 1, 0) : t + 1].sum(axis=1)
        following = 0.3 * y[:, t] + 0.05 * y[:, t] * window + 1.5 * before[:, t] * u[:, t] + 0.1
        y[:, t + 1] = np.minimum(following, 10 * LIMIT)
    return y
