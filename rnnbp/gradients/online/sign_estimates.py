"""Random signs that reduce a sum of outer products to a single one, without bias (used by UORO and KF-RTRL).

For signs with E[c] = 0 and c^2 = 1, independent of everything else::

    E[(a + c a') outer (b + c b')] = a outer b + a' outer b',

as the cross terms c a outer b' and c a' outer b have expectation zero. They are the variance of the estimate, which is
least where the factors of each product have equal norms: scaling one factor up and the other down leaves the product.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from rnnbp.cells.base import Array
from rnnbp.data import part_of, whole_generator
from rnnbp.gradients.online.base import Online
from rnnbp.gradients.online.norms import balancing, squared_norms
from rnnbp.gradients.seeding import generator_of
from rnnbp.runtime import seed_or_generator


@dataclass(frozen=True)
class RandomOnline(Online):
    """Base of the online algorithms that estimate the influence matrix by random signs.

    Parameters
    ----------
    seed : int or numpy.random.Generator, default 0
        Seed of the signs. Without `rng`, `gradients` draws the same ones at every call; with `rng` (which a Trainer
        passes) they depend on both, and each call draws new ones.
    every : int, optional
        See `Online`.

    Raises
    ------
    ValueError
        If `seed` is not a natural number, or as in `Online`.
    """

    seed: int | np.random.Generator = 0

    random: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        seed_or_generator("seed", self.seed)

    def generator(self, rng: np.random.Generator | None) -> np.random.Generator:
        """Return the generator of the signs."""
        return generator_of(self.seed, rng)


class StepSigns:
    """Random signs of the real steps of a batch, drawn step by step.

    Of a batch that is divided over processes, the signs of all its sequences are drawn, and those of the own returned.

    Parameters
    ----------
    rng : numpy.random.Generator

    Examples
    --------
    >>> signs = StepSigns(np.random.default_rng(0))
    >>> signs.next(np.array([2, 1]), 2, np.float64)
    array([[ 1.,  1.],
           [ 1., -1.],
           [-1., -1.]])
    """

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng, self.part, self.steps = whole_generator(rng), part_of(rng), 0

    def next(self, active: Array, width: int, dtype: Any, by_sequence: bool = True) -> Array:
        """Return a number of signs (N, width) for each real step of the next block of steps.

        Parameters
        ----------
        active : ndarray (h,)
            The number of active sequences of each step.
        width : int
        dtype : dtype
        by_sequence : bool, default True
            Whether the signs of one step are drawn sequence by sequence; else all first signs, then all second ones.
        """
        start, self.steps = self.steps, self.steps + len(active)
        drawn_for = active if self.part is None else self.part.active(start, self.steps)
        drawn = random_signs(self.rng, (int(drawn_for.sum()), width), dtype)
        if self.part is None and by_sequence:
            return drawn
        found, ends = [], np.cumsum(drawn_for).tolist()
        for end, n, own in zip(ends, drawn_for.tolist(), active.tolist(), strict=True):
            step = drawn[end - n : end]
            step = step if by_sequence else step.reshape(width, n).T
            found.append(step if self.part is None else step[self.part.columns[:own]])
        return np.concatenate(found)


def random_signs(rng: np.random.Generator, shape: tuple[int, ...], dtype: Any) -> Array:
    """Return independent random signs, -1 or 1 with equal probability.

    Examples
    --------
    >>> random_signs(np.random.default_rng(0), (5,), float)
    array([ 1.,  1.,  1., -1., -1.])
    """
    return (2 * rng.integers(2, size=shape) - 1).astype(dtype)


def balanced(left: Array, right: Array) -> tuple[Array, Array]:
    """Scale the factors of an outer product to equal norms: rho left, right / rho with rho = sqrt(|right| / |left|).

    Parameters
    ----------
    left, right : ndarray (n, ...)
        Of each of n sequences; norms are Euclidean, over all axes but the first (Frobenius, of matrices).

    Returns
    -------
    left, right : ndarray (n, ...)
        Both are zero where one of them was, as their product is.

    Examples
    --------
    >>> balanced(np.array([[4.0], [0.0]]), np.array([[0.6, 0.8], [3.0, 4.0]]))
    (array([[2.],
           [0.]]), array([[1.2, 1.6],
           [0. , 0. ]]))
    """
    rho, inverse = balancing(squared_norms(left), squared_norms(right))
    return _broadcast(rho, left) * left, _broadcast(inverse, right) * right


def _broadcast(scale: Array, like: Array) -> Array:
    """Return one factor per sequence with the number of axes of `like`."""
    return scale.reshape(-1, *[1] * (like.ndim - 1))
