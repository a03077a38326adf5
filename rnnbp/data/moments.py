"""Mean, variance and range of each feature, computed in one pass over data larger than memory."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import reduce
from typing import Self

import numpy as np

Array = np.ndarray
BLOCK = 2**26  # bytes in float64


@dataclass(frozen=True)
class Moments:
    """Mean, variance, minimum and maximum of each feature (F,) over a number of steps."""

    steps: int
    mean: Array
    variance: Array
    low: Array
    high: Array

    @property
    def std(self) -> Array:
        """Standard deviation of each feature (F,)."""
        return np.sqrt(self.variance)

    @classmethod
    def of(cls, x: Array) -> Self:
        """Return the moments of the steps `x` (T, F)."""
        return cls(len(x), x.mean(axis=0), x.var(axis=0), x.min(axis=0), x.max(axis=0))

    def merged(self, other: "Moments") -> "Moments":
        """Return the moments of the union of both (Chan, Golub & LeVeque 1979, equation 2.1)."""
        steps, difference = self.steps + other.steps, other.mean - self.mean
        weight = other.steps / steps
        mean = self.mean + difference * weight
        variance = self.variance + (other.variance - self.variance) * weight + difference**2 * weight * (1 - weight)
        return Moments(steps, mean, variance, np.minimum(self.low, other.low), np.maximum(self.high, other.high))


def moments(sequences: Iterable[Array], block: int = BLOCK) -> Moments:
    """Return the moments over all steps of sequences (T_i, F), accumulated block by block.

    Parameters
    ----------
    sequences : iterable of ndarray (T_i, F)
        Iterated over once.
    block : int, default 2**26
        Bytes in float64 of the sequences that are concatenated into a block; at least one sequence.

    References
    ----------
    T. F. Chan, G. H. Golub & R. J. LeVeque (1979), "Updating formulae and a pairwise algorithm for computing sample
    variances", Stanford CS-79-773, equation 2.1.

    Examples
    --------
    >>> found = moments([np.array([[1.0], [3.0]]), np.array([[5.0]])], block=8)
    >>> found.mean, found.std.round(3), found.high
    (array([3.]), array([1.633]), array([5.]))
    """
    blocks = (Moments.of(x) for x in _blocks(sequences, block))
    return reduce(Moments.merged, blocks)


def _blocks(sequences: Iterable[Array], block: int) -> Iterator[Array]:
    """Yield concatenated sequences in float64."""
    waiting: list[Array] = []
    size = 0
    for s in sequences:
        if waiting and size + 8 * s.size > block:
            yield np.concatenate(waiting).astype(np.float64)
            waiting, size = [], 0
        waiting.append(s)
        size += 8 * s.size
    yield np.concatenate(waiting).astype(np.float64)
