"""Best path decoding (Graves et al. 2006), and the map from paths to labels."""

import numpy as np
from numpy.typing import ArrayLike

from rnnbp.runtime import integer_at_least, refuses_by_name

Array = np.ndarray


@refuses_by_name
def greedy(outputs: ArrayLike, blank: int = 0) -> Array:
    """Decode the most probable path: take the largest output of each step, merge repetitions, and remove blanks.

    Its labels need not be the most probable labels.

    Parameters
    ----------
    outputs : array_like (T, K)
        Outputs of one sequence, before or after the softmax.
    blank : int, default 0

    Returns
    -------
    ndarray (L,) of int64

    Raises
    ------
    ValueError
        If `outputs` has another shape, or `blank` is not below K.

    References
    ----------
    A. Graves, S. Fernández, F. Gomez & J. Schmidhuber (2006), section 3.2, doi:10.1145/1143844.1143891

    See Also
    --------
    beam_search : sums the probabilities of paths that collapse to the same labels.

    Examples
    --------
    >>> greedy(np.eye(3)[[1, 1, 0, 1, 2, 2, 0]])
    array([1, 1, 2])
    """
    return collapse(checked_outputs(outputs, blank).argmax(axis=1), blank)


def collapse(path: Array, blank: int = 0) -> Array:
    """Return the labels of a path (T,): merge repetitions, then remove blanks.

    Examples
    --------
    >>> collapse(np.array([0, 3, 3, 0, 3, 2]))
    array([3, 3, 2])
    """
    path = path[np.append(True, path[1:] != path[:-1])[: len(path)]]
    return path[path != blank].astype(np.int64)


def checked_outputs(outputs: ArrayLike, blank: int) -> Array:
    """Return outputs as an array (T, K) of real numbers.

    Raises
    ------
    ValueError
        If they are of another shape or type, or `blank` is not below K.
    """
    y = np.asarray(outputs)
    if y.ndim != 2 or y.dtype.kind not in "iuf":
        raise ValueError(f"outputs must be real numbers (T, K) of one sequence, got {y.dtype} of {y.shape}")
    check_blank(blank, y.shape[1])
    return y


def check_blank(blank: int, K: int) -> None:
    """Check that the blank is one of K outputs.

    Raises
    ------
    ValueError
        If it is not an integer from 0 to K - 1.

    Examples
    --------
    >>> check_blank(4, 3)
    Traceback (most recent call last):
    ValueError: blank must be one of the K = 3 outputs 0..2, got 4
    """
    if integer_at_least("blank", blank, 0, "an integer of 0 or more") >= K:
        raise ValueError(f"blank must be one of the K = {K} outputs 0..{K - 1}, got {blank}")
