"""Scores of predicted quantiles: the pinball loss, and the fraction of it that predictions avoid."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from rnnbp.metrics.scores import numbers_with_weights
from rnnbp.runtime import as_numbers, number, one_each, refuses_by_name

Array = np.ndarray


@refuses_by_name
def pinball_loss(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    quantile: float = 0.5,
    lengths: ArrayLike | None = None,
    *,
    weights: ArrayLike | None = None,
) -> float:
    """Return the mean pinball loss of a predicted quantile: ``max(q e, (q - 1) e)``, e = target - prediction.

    Parameters
    ----------
    y_true, y_pred, lengths, weights
        See `rnnbp.metrics.r2`.
    quantile : float, default 0.5
        q, between 0 and 1. For 0.5 the loss is half the mean absolute error.

    Returns
    -------
    float
        In the targets' unit; NaN where nothing counts.

    Examples
    --------
    >>> pinball_loss([1.0, 2.0, np.nan], [0.0, 4.0, 1.0], quantile=0.25)
    0.875
    """
    number("quantile", quantile, 0, 1)
    truth, guess, w = numbers_with_weights(y_true, y_pred, lengths, weights)
    known = ~np.isnan(truth)
    found = _pinball((truth - guess)[known], quantile)
    return float(w[known] @ found / w[known].sum()) if w[known].any() else float("nan")


@refuses_by_name
def d2_pinball(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    quantiles: Sequence[float],
    lengths: ArrayLike | None = None,
    *,
    weights: ArrayLike | None = None,
) -> float:
    """Return D2, the fraction of the pinball loss of constant quantiles that predicted quantiles avoid.

    It is to the pinball loss what R2 is to the squared error: 1 for perfect predictions, 0 for those as good as the
    quantiles of the targets themselves, averaged over K.

    Parameters
    ----------
    y_true : array_like (B,), (B, K) or (T, B, K)
        A NaN target does not count.
    y_pred : array_like (..., Q)
        The predicted quantiles of each target.
    quantiles : sequence of float
        Their Q probabilities.
    lengths, weights
        See `rnnbp.metrics.r2`.

    Returns
    -------
    float
        NaN for fewer than two items. For constant targets, 1 if they are predicted exactly and else 0.

    References
    ----------
    R. Koenker & J. A. F. Machado (1999), "Goodness of fit and related inference processes for quantile regression",
    Journal of the American Statistical Association 94(448), 1296-1310, doi:10.1080/01621459.1999.10473882, equation 7

    Examples
    --------
    >>> round(d2_pinball([1.0, 2.0, 4.0], [[1.0], [2.0], [3.0]], [0.5]), 4)
    0.6667
    """
    guesses = as_numbers("y_pred", y_pred)
    for one in as_numbers("quantiles", quantiles).ravel():
        number("quantiles", float(one), 0, 1)
    one_each("quantiles", quantiles, guesses.shape[-1] if guesses.ndim else 0, "last axes of y_pred")
    sums = [_sums(y_true, guesses[..., k], q, lengths, weights) for k, q in enumerate(quantiles)]
    loss, constant = np.sum(sums, axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return float(np.mean(np.where(constant == 0, np.where(loss == 0, 1.0, 0.0), 1 - loss / constant)))


def _sums(
    y_true: ArrayLike, guess: Array, q: float, lengths: ArrayLike | None, weights: ArrayLike | None
) -> tuple[list[float], list[float]]:
    """Return the summed pinball losses (K,) of the predictions, and of constant quantiles; NaN for too few items."""
    found: tuple[list[float], list[float]] = [], []
    truth, guess, w = numbers_with_weights(y_true, guess, lengths, weights)
    for y, p, own in zip(truth.T, guess.T, w.T, strict=True):
        known = ~np.isnan(y) & (own > 0)
        y, p, own = y[known], p[known], own[known]
        few = len(y) < 2 or not np.isfinite(y).all()
        found[0].append(np.nan if few else own @ _pinball(y - p, q))
        found[1].append(np.nan if few else own @ _pinball(y - weighted_quantile(y, own, q), q))
    return found


def _pinball(error: Array, q: float) -> Array:
    return np.maximum(q * error, (q - 1) * error)


def weighted_quantile(values: Array, weights: Array, q: float) -> float:
    """Return the smallest value up to which the weights add up to the fraction q of all.

    Examples
    --------
    >>> weighted_quantile(np.array([3.0, 1.0, 2.0]), np.array([1.0, 1.0, 1.0]), 0.5)
    2.0
    """
    order = np.argsort(values)
    below = np.cumsum(weights[order])
    return float(values[order][min(np.searchsorted(below, q * below[-1]), len(values) - 1)])
