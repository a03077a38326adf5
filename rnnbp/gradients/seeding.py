"""The random generator of a stochastic gradient algorithm."""

import numpy as np

from rnnbp.data import for_part_of


def generator_of(seed: int | np.random.Generator, rng: np.random.Generator | None) -> np.random.Generator:
    """Return an algorithm's generator, from its seed alone, or from its seed and one number drawn from `rng`.

    So the seed has an effect with a trainer's generator too, and each batch has new random numbers.

    Parameters
    ----------
    seed : int or numpy.random.Generator
        The algorithm's. A generator is returned itself, whatever `rng` is.
    rng : numpy.random.Generator, optional
        The argument of `gradients`.

    Examples
    --------
    >>> first, second = (generator_of(seed, np.random.default_rng(0)).random() for seed in (0, 1))
    >>> first == second
    False
    """
    if isinstance(seed, np.random.Generator):
        return for_part_of(rng, seed)
    own = np.random.default_rng(int(seed) if rng is None else int(seed) ^ int(rng.integers(2**63)))
    return for_part_of(rng, own)
