"""What the random online algorithms share: a sum of outer products held as one, by random signs.

For signs with E[c] = 0 and c^2 = 1, independent of everything else,

    E[(a + c a') outer (b + c b')] = a outer b + a' outer b',

as the mixed products a outer b' and a' outer b have an odd number of signs. What is left of these in one draw is noise,
least where the factors of each product are of one length: a factor of one is worth what it takes from the other.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from rnnbp.cells.base import Array
from rnnbp.gradients.online.base import Online
from rnnbp.gradients.seeding import generator_of
from rnnbp.runtime import seed_or_generator


@dataclass(frozen=True)
class RandomOnline(Online):
    """Base of the online algorithms that hold a random estimate.

    Parameters
    ----------
    seed : int or numpy.random.Generator, default 0
        Of the signs. Without a generator `gradients` draws the same ones at every call; with one (which a Trainer
        gives) they depend on both, and each call draws new ones.
    every : int, optional
        As all online algorithms take it.

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
        """Where the signs are drawn from."""
        return generator_of(self.seed, rng)


def random_signs(rng: np.random.Generator, shape: tuple[int, ...], dtype: Any) -> Array:
    """-1 or 1, each as likely, independent of each other.

    Examples
    --------
    >>> random_signs(np.random.default_rng(0), (5,), float)
    array([ 1.,  1.,  1., -1., -1.])
    """
    return (2 * rng.integers(2, size=shape) - 1).astype(dtype)


def balanced(left: Array, right: Array) -> tuple[Array, Array]:
    """The factors of an outer product, made equally long: rho left and right / rho with rho = sqrt(|right| / |left|).

    Parameters
    ----------
    left, right : ndarray (n, ...)
        Of each of n sequences; lengths are Euclidean, over all axes but the first (Frobenius, of matrices).

    Returns
    -------
    left, right : ndarray (n, ...)
        Both zero where one of them was, as their product is.

    Examples
    --------
    >>> balanced(np.array([[4.0], [0.0]]), np.array([[0.6, 0.8], [3.0, 4.0]]))
    (array([[2.],
           [0.]]), array([[1.2, 1.6],
           [0. , 0. ]]))
    """
    a, b = _root_of_length(left), _root_of_length(right)
    something = (a > 0) & (b > 0)
    a, b = np.where(something, a, 1), np.where(something, b, 1)
    rho = np.where(something, b / a, 0)
    inverse = np.where(something, a / b, 0)
    return _each(rho, left) * left, _each(inverse, right) * right


def _root_of_length(factor: Array) -> Array:
    return (factor * factor).sum(axis=tuple(range(1, factor.ndim))) ** 0.25


def _each(scale: Array, like: Array) -> Array:
    """One number a sequence, to multiply with."""
    return scale.reshape(-1, *[1] * (like.ndim - 1))
