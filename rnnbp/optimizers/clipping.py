"""Gradient clipping by norm and by value, in place on the flat gradient vector."""

import math

import numpy as np

from rnnbp.runtime import number, refuses_by_name

Array = np.ndarray
BLOCK = 8192  # numbers: OpenBLAS would start threads for the dot product of more than 10,000


class ClipNorm:
    """Gradient clipping by norm: a longer gradient is rescaled to `max_norm`, in the same direction.

    Parameters
    ----------
    max_norm : float > 0

    Raises
    ------
    ValueError
        If `max_norm` is not above 0.

    Notes
    -----
    A gradient with non-finite values is left unchanged; its norm, which is returned, is not finite either.

    References
    ----------
    Pascanu, Mikolov and Bengio (2013), "On the difficulty of training recurrent neural networks", ICML,
    algorithm 1. arXiv:1211.5063

    Examples
    --------
    >>> gradient = np.array([3.0, 4.0])
    >>> ClipNorm(1.0)(gradient), gradient
    (5.0, array([0.6, 0.8]))
    """

    def __init__(self, max_norm: float) -> None:
        self.max_norm = number("max_norm", max_norm, 0, open_low=True)

    @refuses_by_name
    def __call__(self, gradient: Array) -> float:
        """Clip the gradient in place and return its norm before clipping.

        Parameters
        ----------
        gradient : ndarray (P,)
            Changed in place.

        Returns
        -------
        float
            Euclidean norm before clipping.
        """
        before = norm(gradient)
        if self.max_norm < before < math.inf:
            gradient *= self.max_norm / before
        return before

    def __repr__(self) -> str:
        return f"ClipNorm({self.max_norm:g})"


class ClipValue:
    """Gradient clipping by value: each component is clipped to the range from -limit to limit.

    Parameters
    ----------
    limit : float > 0

    Raises
    ------
    ValueError
        If `limit` is not above 0.

    References
    ----------
    Mikolov (2012), "Statistical language models based on neural networks", PhD thesis, Brno University of
    Technology, section 3.2.2.

    Examples
    --------
    >>> gradient = np.array([3.0, -0.5])
    >>> round(ClipValue(1.0)(gradient), 3), gradient
    (3.041, array([ 1. , -0.5]))
    """

    def __init__(self, limit: float) -> None:
        self.limit = number("limit", limit, 0, open_low=True)

    @refuses_by_name
    def __call__(self, gradient: Array) -> float:
        """Clip the gradient in place and return its norm before clipping.

        Parameters
        ----------
        gradient : ndarray (P,)
            Changed in place. NaN stays NaN.

        Returns
        -------
        float
            Euclidean norm before clipping.
        """
        before = norm(gradient)
        np.clip(gradient, -self.limit, self.limit, out=gradient)
        return before

    def __repr__(self) -> str:
        return f"ClipValue({self.limit:g})"


def norm(gradient: Array) -> float:
    """Return the Euclidean norm, accumulated in float64, so that a float32 gradient cannot overflow it.

    Parameters
    ----------
    gradient : ndarray (P,)

    Examples
    --------
    >>> norm(np.array([3 * 2.0**100, 4 * 2.0**100], np.float32)) == 5 * 2.0**100
    True
    """
    total = 0.0
    for first in range(0, gradient.size, BLOCK):
        block = gradient[first : first + BLOCK].astype(np.float64, copy=False)
        total += float(block @ block)
    return math.sqrt(total)
