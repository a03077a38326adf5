"""The exact mean of a random vector over all its draws; where these are too many, samples of bounded weight.

A program that draws from a generator is run with one whose draws are chosen (`rnnbp.gradients.replay`):

- Discrete draws form a tree, in which each leaf is one outcome of all draws. The mean is the sum over the leaves, each
  weighted with its probability.
- Where the program is a polynomial of at most the third degree in normal numbers z (n,), the mean is the cubature
  ``f(0) + sum over i of (f(e_i) + f(-e_i)) / 2 - f(0)``. Whether it is one is tested: its fourth difference
  along a random line has to vanish, which for an analytic function it does with probability zero otherwise.
- Biased coins (``rng.random() < c``) whose outcomes are too many are drawn from Polya's urn: the probability of an
  outcome is (m + 1) / (n + 2) if it came up m times in n. All numbers m of cuts are then equally likely, so that
  long runs without a cut, rare but large, are seen; each sample is weighted with its probability over that of the urn.

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
DEGREE = 1e-9  # of the largest value: a fourth difference below it is rounding


@dataclass
class Path:
    """One way through a tree of choices: `prefix` is followed, then the first outcome that is possible.

    Attributes
    ----------
    taken : list of (int, list of float)
        Index and probabilities of each choice.
    """

    prefix: list[int] = field(default_factory=list)
    taken: list[tuple[int, list[float]]] = field(default_factory=list)

    def choose(self, chances: list[float], coin: bool) -> int:
        """The next outcome."""
        place = len(self.taken)
        index = self.prefix[place] if place < len(self.prefix) else 0
        self.taken.append((index, chances))
        return index

    @property
    def probability(self) -> float:
        """Of all its choices."""
        return float(np.prod([chances[index] for index, chances in self.taken]))

    @property
    def size(self) -> float:
        """How many paths there are, if all branch as this one does."""
        return float(np.prod([float(len(chances)) for _, chances in self.taken]))

    def following(self) -> "Path | None":
        """The next path, None after the last."""
        for place in reversed(range(len(self.taken))):
            index, chances = self.taken[place]
            if index + 1 < len(chances):
                return Path([i for i, _ in self.taken[:place]] + [index + 1])
        return None


def enumerated_mean(program: Program, limit: int) -> tuple[Array, int] | None:
    """The mean over all outcomes of a program's discrete draws.

    Parameters
    ----------
    program : callable
        Takes a generator, returns an array; it draws only `integers` and comparisons of `random()`.
    limit : int
        Of outcomes.

    Returns
    -------
    (mean, outcomes) or None
        None if there are more outcomes than `limit`.

    Raises
    ------
    NotReplayableError
        If it draws something else.

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
    """The mean over normal draws of a program that is a polynomial of at most the third degree in them.

    Parameters
    ----------
    program : callable
        Takes a generator, returns an array; it draws only `standard_normal`.
    limit : int
        Of runs.

    Returns
    -------
    (mean, runs) or None
        None if more runs than `limit` are needed, or the program is no such polynomial.

    Raises
    ------
    NotReplayableError
        If it draws something else.

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
    if np.abs(at_a - at(-a)).max() <= DEGREE * np.abs(at_a).max():  # even: one of both signs is enough
        return at_zero + sum(at(e) - at_zero for e in np.eye(size)), size + 8
    return at_zero + sum((at(e) + at(-e)) / 2 - at_zero for e in np.eye(size)), 2 * size + 8


class _Slices:
    """The entries of a vector, one slice after the other."""

    def __init__(self, z: Array) -> None:
        self.z, self.start = z, 0

    def __call__(self, n: int) -> Array:
        self.start += n
        if self.start > len(self.z):
            raise NotReplayableError("the number of draws depends on their values")
        return self.z[self.start - n : self.start].copy()


def _normals_of(program: Program) -> int:
    """How many normal numbers a program draws."""
    drawn: list[int] = []

    def values(n: int) -> Array:
        drawn.append(n)
        return np.random.default_rng(len(drawn)).standard_normal(n)

    program(NormalDraws(values))
    return sum(drawn)


def urn_sample(program: Program, seed: int) -> tuple[Array, bool]:
    """A sample of a program's mean, its biased coins drawn from Polya's urn, and whether there was a coin.

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
