"""Checks of an estimator's parameters in `fit`, which leaves the estimator unchanged where it refuses an argument."""

from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np

from rnnbp.estimators.scikit import check_random_state
from rnnbp.losses import Loss
from rnnbp.optimizers import ClipNorm
from rnnbp.runtime import flag, got, naming, number, positive_int


def fits(method: Callable[..., Any]) -> Callable[..., Any]:
    """Decorate a method that fits: it checks the parameters first, and changes nothing where an argument is refused.

    The constructor keeps its arguments unchecked, as scikit-learn wants it.
    """

    @wraps(method)
    def fit(self: Any, *arguments: Any, **named: Any) -> Any:
        check_parameters(self)
        before = dict(vars(self))
        try:
            return method(self, *arguments, **named)
        except (TypeError, ValueError):
            vars(self).clear()
            vars(self).update(before)
            raise

    return fit


def check_parameters(estimator: Any) -> None:
    """Raise unless the parameters of training that all estimators have are of the right types and values.

    Raises
    ------
    ValueError
        If one is not; the message names it.

    Examples
    --------
    >>> from rnnbp.estimators import SequenceClassifier
    >>> SequenceClassifier(patience=None).fit([[[0.0]], [[1.0]]], [0, 1])
    Traceback (most recent call last):
    ValueError: patience must be a positive integer, got None
    """
    for name in ("epochs", "batch_size", "patience"):
        positive_int(name, getattr(estimator, name))
    for name in ("early_stopping", "warm_start"):
        flag(name, getattr(estimator, name))
    if not isinstance(estimator.verbose, bool | np.bool_ | int):
        raise ValueError(f"verbose must be True, False or an integer, got {estimator.verbose!r}")
    number("validation_fraction", estimator.validation_fraction, 0, 1)
    loss = estimator.component("loss")
    if not isinstance(loss, Loss):
        raise ValueError(f"loss must be a Loss or the name of one, {got(loss)}")
    norm_limit(estimator.clip)
    with naming("random_state"):
        check_random_state(estimator.random_state)


def norm_limit(clip: Any) -> Any:
    """Return what clips gradients: of a number, a limit of their norm; all else unchanged.

    Examples
    --------
    >>> norm_limit(2)
    ClipNorm(2)
    """
    if not isinstance(clip, int | float):
        return clip
    number("clip", clip, 0, open_low=True)
    return ClipNorm(clip)
