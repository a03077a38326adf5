"""Best path decoding: each step's most probable output, repetitions merged and blanks left out."""

import numpy as np
from numpy.typing import ArrayLike

from rnnbp._checks import integer_at_least

Array = np.ndarray


def greedy(outputs: ArrayLike, blank: int = 0) -> Array:
    """The labels along the most probable path, which need not be the most probable labels.

    Parameters
    ----------
    outputs : array_like (T, K)
        Of one sequence, before or after the softmax.
    blank : int, default 0

    Returns
    -------
    ndarray (L,) of int64

    Raises
    ------
    ValueError
        If the shape is another or `blank` is none of the K.

    References
    ----------
    A. Graves, S. Fernández, F. Gomez & J. Schmidhuber (2006), section 3.2, doi:10.1145/1143844.1143891

    See Also
    --------
    beam_search : adds up the paths that say the same.

    Examples
    --------
    >>> greedy(np.eye(3)[[1, 1, 0, 1, 2, 2, 0]])
    array([1, 1, 2])
    """
    return collapse(checked_outputs(outputs, blank).argmax(axis=1), blank)


def collapse(path: Array, blank: int = 0) -> Array:
    """What a path (T,) says: without repetitions, and then without blanks.

    Examples
    --------
    >>> collapse(np.array([0, 3, 3, 0, 3, 2]))
    array([3, 3, 2])
    """
    path = path[np.append(True, path[1:] != path[:-1])[: len(path)]]
    return path[path != blank].astype(np.int64)


def checked_outputs(outputs: ArrayLike, blank: int) -> Array:
    """Outputs (T, K) of one sequence, of real numbers.

    Raises
    ------
    ValueError
        If they are not, or `blank` is none of the K.
    """
    y = np.asarray(outputs)
    if y.ndim != 2 or y.dtype.kind not in "iuf":
        raise ValueError(f"outputs must be real numbers (T, K) of one sequence, got {y.dtype} of {y.shape}")
    check_blank(blank, y.shape[1])
    return y


def check_blank(blank: int, K: int) -> None:
    """Raise unless the blank is one of K outputs.

    Examples
    --------
    >>> check_blank(4, 3)
    Traceback (most recent call last):
    ValueError: blank must be one of the K = 3 outputs 0..2, got 4
    """
    if integer_at_least("blank", blank, 0, "an integer of 0 or more") >= K:
        raise ValueError(f"blank must be one of the K = {K} outputs 0..{K - 1}, got {blank}")
