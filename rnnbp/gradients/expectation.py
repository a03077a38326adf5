"""The exact expectation of a stochastic program; where it cannot be computed, importance samples of it.

A program that draws from a generator is run with a generator of prescribed outcomes (`rnnbp.gradients.replay`):

- Discrete draws form a tree, in which each leaf is one outcome of all draws. The expectation is the sum over the
  leaves, weighted with their probabilities.
- Where the program is a polynomial of at most the third degree in normal numbers z (n,), the mean is the cubature
  ``f(0) + sum over i of (f(e_i) + f(-e_i)) / 2 - f(0)``. This is tested: the fourth difference along a
  random line has to vanish, which happens for another analytic function with probability zero.
- Biased coins (``rng.random() < c``) with too many outcomes are drawn from Polya's urn: the probability of an outcome
  is (m + 1) / (n + 2) if it came up m times in n. All numbers m of truncations are then equally likely, so that long
  runs without truncation, rare but large, are sampled; the weight of a sample is its probability over that of the urn.

References
----------
A. H. Stroud (1971), "Approximate calculation of multiple integrals", Prentice-Hall (cubature of degree 3)
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from rnnbp.gradients.replay import DiscreteDraws, NormalDraws, NotReplayableError
from rnnbp.layers.base import Array

Program = Callable[[np.random.Generator], Array]
DEGREE = 1e-9  # of the largest value: fourth differences below it are rounding


@dataclass
class Path:
    """A path through a tree of choices: first the choices of `prefix`, then the first outcome each time.

    Attributes
    ----------
    taken : list of (int, list of float)
        Index and probabilities of each choice.
    """

    prefix: list[int] = field(default_factory=list)
    taken: list[tuple[int, list[float]]] = field(default_factory=list)

    def choose(self, chances: list[float], coin: bool) -> int:
        """Return the index of the next outcome."""
        place = len(self.taken)
        index = self.prefix[place] if place < len(self.prefix) else 0
        self.taken.append((index, chances))
        return index

    @property
    def probability(self) -> float:
        """The product of the probabilities of all choices."""
        return float(np.prod([chances[index] for index, chances in self.taken]))

    @property
    def size(self) -> float:
        """The number of paths, if all branch as this one does."""
        return float(np.prod([float(len(chances)) for _, chances in self.taken]))

    def following(self) -> "Path | None":
        """Return the next path, None after the last."""
        for place in reversed(range(len(self.taken))):
            index, chances = self.taken[place]
            if index + 1 < len(chances):
                return Path([i for i, _ in self.taken[:place]] + [index + 1])
        return None


def enumerated_mean(program: Program, limit: int) -> tuple[Array, int] | None:
    """Return the expectation of a program with discrete draws, by enumeration of all outcomes.

    Parameters
    ----------
    program : callable
        Takes a generator, returns an array; it draws only `integers` and comparisons of `random()`.
    limit : int
        Largest number of outcomes.

    Returns
    -------
    (mean, outcomes) or None
        None if there are more outcomes than `limit`.

    Raises
    ------
    NotReplayableError
        If it draws anything else.

    Examples
    --------
    >>> enumerated_mean(lambda rng: np.array([float(rng.random() < 0.3), rng.integers(3)]), 10)
    (array([0.3, 1. ]), 6)
    """
    path: Path | None = Path()
    total, count = np.zeros(1), 0
    while path is not None:
        value = program(DiscreteDraws(path.choose))
        count += 1
        if count > limit or path.size > limit:
            return None
        total = total + path.probability * value
        path = path.following()
    return total, count


def normal_mean(program: Program, limit: int) -> tuple[Array, int] | None:
    """Return the expectation of a program that is a polynomial of at most the third degree in normal draws.

    Parameters
    ----------
    program : callable
        Takes a generator, returns an array; it draws only `standard_normal`.
    limit : int
        Largest number of runs.

    Returns
    -------
    (mean, runs) or None
        None if more runs than `limit` are needed, or the program is no such polynomial.

    Raises
    ------
    NotReplayableError
        If it draws anything else.

    Examples
    --------
    >>> normal_mean(lambda rng: rng.standard_normal(3) ** 2, 100)
    (array([1., 1., 1.]), 11)
    >>> normal_mean(lambda rng: rng.standard_normal(3) ** 4, 100) is None
    True
    """
    size = _normals_of(program)
    if 2 * size + 8 > limit:
        return None

    def at(z: Array) -> Array:
        return program(NormalDraws(_Slices(z)))

    a, b = np.random.default_rng(0).standard_normal((2, size))
    values = np.array([at(a + j * b) for j in range(5)])
    if np.abs(np.array([1, -4, 6, -4, 1]) @ values).max() > DEGREE * np.abs(values).max():
        return None
    at_zero, at_a = at(np.zeros(size)), values[0]
    if np.abs(at_a - at(-a)).max() <= DEGREE * np.abs(at_a).max():  # an even function: one sign is enough
        return at_zero + sum(at(e) - at_zero for e in np.eye(size)), size + 8
    return at_zero + sum((at(e) + at(-e)) / 2 - at_zero for e in np.eye(size)), 2 * size + 8


class _Slices:
    """Consecutive slices of a vector."""

    def __init__(self, z: Array) -> None:
        self.z, self.start = z, 0

    def __call__(self, n: int) -> Array:
        self.start += n
        if self.start > len(self.z):
            raise NotReplayableError("the number of draws depends on their values")
        return self.z[self.start - n : self.start].copy()


def _normals_of(program: Program) -> int:
    """Return the number of normal numbers that a program draws."""
    drawn: list[int] = []

    def values(n: int) -> Array:
        drawn.append(n)
        return np.random.default_rng(len(drawn)).standard_normal(n)

    program(NormalDraws(values))
    return sum(drawn)


def urn_sample(program: Program, seed: int) -> tuple[Array, bool]:
    """Return an importance sample of a program, its biased coins from Polya's urn, and whether there was a coin.

    Examples
    --------
    A coin that comes up once in a million times, with a value of a million:

    >>> rare = lambda rng: np.array([1e6 * (rng.random() < 1e-6)])
    >>> samples = [urn_sample(rare, seed)[0] for seed in range(2000)]
    >>> bool(abs(np.mean(samples) - 1) < 0.1)
    True
    """
    rng = np.random.default_rng(seed)
    weight, seen = 1.0, [1, 1]

    def choose(chances: list[float], coin: bool) -> int:
        nonlocal weight
        if not coin:
            return int(rng.choice(len(chances), p=chances))
        index = int(rng.random() * sum(seen) >= seen[0])
        weight *= chances[index] * sum(seen) / seen[index]
        seen[index] += 1
        return index

    value = program(DiscreteDraws(choose))
    return weight * value, seen != [1, 1]
