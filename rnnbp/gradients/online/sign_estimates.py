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
