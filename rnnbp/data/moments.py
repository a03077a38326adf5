"""Mean, deviation and range of more steps than fit in memory."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np

Array = np.ndarray
BLOCK = 2**26  # bytes in float64


@dataclass(frozen=True)
class Moments:
    """Of so many steps: mean, variance, least and greatest of each feature (F,)."""

    steps: int
    mean: Array
    variance: Array
    low: Array
    high: Array

    @property
    def std(self) -> Array:
        """Standard deviation (F,)."""
        return np.sqrt(self.variance)

    @classmethod
    def of(cls, x: Array) -> Self:
        """Those of the steps `x` (T, F)."""
        return cls(len(x), x.mean(axis=0), x.var(axis=0), x.min(axis=0), x.max(axis=0))

    def merged(self, other: "Moments") -> "Moments":
        """Those of both together."""
        steps, apart = self.steps + other.steps, other.mean - self.mean
        share = other.steps / steps
        mean = self.mean + apart * share
        variance = self.variance + (other.variance - self.variance) * share + apart**2 * share * (1 - share)
        return Moments(steps, mean, variance, np.minimum(self.low, other.low), np.maximum(self.high, other.high))


def moments(sequences: Iterable[Array], block: int = BLOCK) -> Moments:
    """Of all steps of some sequences (T_i, F), so many bytes of them at a time.

    Parameters
    ----------
    sequences : iterable of ndarray (T_i, F)
        Gone through once.
    block : int, default 2**26
        How many bytes of float64 are taken together; at least one sequence is.

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
    total = next(blocks)
    for part in blocks:
        total = total.merged(part)
    return total


def _blocks(sequences: Iterable[Array], block: int) -> Iterator[Array]:
    """Sequences below each other in float64."""
    waiting: list[Array] = []
    size = 0
    for s in sequences:
        if waiting and size + 8 * s.size > block:
            yield np.concatenate(waiting).astype(np.float64)
            waiting, size = [], 0
        waiting.append(s)
        size += 8 * s.size
    yield np.concatenate(waiting).astype(np.float64)
