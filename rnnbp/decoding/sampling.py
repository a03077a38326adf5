"""Sampling of tokens from a model's outputs."""

import numpy as np
from numpy.typing import ArrayLike

from rnnbp.runtime import number, positive_int, refuses_by_name

Array = np.ndarray


def check_sampling(temperature: float, top_k: int | None, top_p: float | None) -> None:
    """Raise unless the arguments of `sample_tokens` have values that it takes.

    Examples
    --------
    >>> check_sampling(-1.0, None, None)
    Traceback (most recent call last):
    ValueError: temperature must be a number of 0 or more, got -1.0
    """
    number("temperature", temperature, 0)
    if top_k is not None:
        positive_int("top_k", top_k)
    if top_p is not None:
        number("top_p", top_p, 0, 1, open_low=True)


@refuses_by_name
def sample_tokens(
    logits: ArrayLike,
    rng: np.random.Generator,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
) -> Array:
    """Sample a token from each row of logits.

    Parameters
    ----------
    logits : array_like (B, K)
    rng : numpy.random.Generator
        A uniform number is drawn for each row, but at temperature 0.
    temperature : float, default 1
        Logits are divided by it: below 1 the probable tokens become more probable. 0: the most probable token, the
        first of several.
    top_k : int, optional
        Only the k most probable tokens, and those as probable as the last of these. Default: all.
    top_p : float, optional
        Only the most probable tokens whose probabilities add up to p, at the temperature and among the k: nucleus
        sampling. Default: all.

    Returns
    -------
    ndarray of int (B,)

    Raises
    ------
    ValueError
        If an argument is out of range, or logits are not finite or of another shape.

    References
    ----------
    A. Holtzman, J. Buys, L. Du, M. Forbes & Y. Choi (2020), "The curious case of neural text degeneration", ICLR,
    arXiv:1904.09751: nucleus sampling

    Examples
    --------
    >>> logits = np.log([[0.5, 0.3, 0.2]])
    >>> sample_tokens(logits, np.random.default_rng(0), temperature=0)
    array([0])
    >>> rng = np.random.default_rng(0)
    >>> [int(sample_tokens(logits, rng, top_k=2)[0]) for _ in range(8)]
    [1, 0, 0, 0, 1, 1, 0, 1]
    """
    check_sampling(temperature, top_k, top_p)
    logits = np.asarray(logits)
    if logits.ndim != 2 or not logits.shape[1]:
        raise ValueError(f"logits must have shape (B, K) with K of 1 or more, got {logits.shape}")
    return sampled(logits, rng, temperature, top_k, top_p)


def sampled(
    logits: Array, rng: np.random.Generator, temperature: float, top_k: int | None, top_p: float | None
) -> Array:
    """Sample as `sample_tokens`, whose arguments are known to be valid."""
    if not np.isfinite(logits).all():
        raise ValueError("logits must be finite, and the model's outputs are not: its training has diverged")
    if temperature == 0:
        return logits.argmax(axis=1)
    scaled = logits.astype(np.float64)
    with np.errstate(over="ignore"):  # exp(-inf) is 0
        scaled -= scaled.max(axis=1, keepdims=True)
        weights = np.exp(scaled / temperature)
    if top_k is not None and top_k < logits.shape[1]:
        weights[scaled < np.partition(scaled, -top_k, axis=1)[:, -top_k, None]] = 0
    if top_p is not None and top_p < 1:
        weights = _nucleus(weights, top_p)
    ends = weights.cumsum(axis=1)
    place = np.minimum(rng.random(len(ends)) * ends[:, -1], np.nextafter(ends[:, -1], 0))
    return (ends <= place[:, None]).sum(axis=1)


def _nucleus(weights: Array, p: float) -> Array:
    """Return weights (B, K) that are zero but for the greatest, which have p of the sum."""
    order = np.argsort(-weights, axis=1, kind="stable")
    descending = np.take_along_axis(weights, order, axis=1)
    before = descending.cumsum(axis=1) - descending
    descending[before >= p * weights.sum(axis=1, keepdims=True)] = 0
    found = np.empty_like(weights)
    np.put_along_axis(found, order, descending, axis=1)
    return found
