"""Scores of predictions: accuracy, recall, confusion matrix, mean squared error, R2."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from rnnbp.runtime import as_numbers, integer, of_type, refuses_by_name

Array = np.ndarray


@refuses_by_name
def accuracy(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    lengths: ArrayLike | None = None,
    *,
    ignore: int = -1,
    weights: ArrayLike | None = None,
) -> float:
    """Return the fraction of labels that are predicted correctly.

    Parameters
    ----------
    y_true, y_pred : array_like (B,), (T, B) or (T, B, K), or list of ndarray (T_i,)
        Labels: integers, or strings (None where there is none); labels of steps also as a list of one array a sequence.
    lengths : array_like (B,), optional
        With a time axis, each sequence's number of steps: steps past them do not count. Default: all count.
    ignore : int, default -1
        Items whose target is this label do not count.
    weights : array_like (B,) or (T, B), optional
        Weight of each sequence or step, 0 or more; beside a list of one array a sequence, N numbers or arrays (T_i,).
        Default: 1.

    Returns
    -------
    float
        Between 0 and 1; NaN where nothing counts.

    Raises
    ------
    ValueError
        If the shapes do not fit, or one has names and the other integers.

    Examples
    --------
    >>> accuracy([0, 1, 1, -1], [0, 1, 2, 2])
    0.6666666666666666
    """
    truth, guess = _labelled(y_true, y_pred, lengths, ignore)
    _check_types(truth, guess)
    if weights is None:
        return float((guess == truth).mean()) if truth.size else float("nan")
    w = _labelled(y_true, _spread(weights, y_true, lengths), lengths, ignore)[1]
    return float(w @ (guess == truth) / w.sum()) if w.any() else float("nan")


@refuses_by_name
def per_class_recall(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    lengths: ArrayLike | None = None,
    *,
    classes: Sequence[Any] | None = None,
    ignore: int = -1,
) -> pd.Series:
    """Return the recall of each class: the fraction of its items that are predicted correctly.

    Parameters
    ----------
    y_true, y_pred, lengths, ignore
        See `accuracy`.
    classes : sequence, optional
        The names of the classes; integer labels are indices into it. Default: the labels that occur, or, of
        integers, 0 to the greatest one.

    Returns
    -------
    Series
        One value a class, between 0 and 1; NaN for a class that does not occur.

    Raises
    ------
    ValueError
        If the shapes do not fit or a label is none of `classes`.

    Examples
    --------
    >>> per_class_recall([0, 0, 1, 1], [0, 1, 0, 1], classes=["a", "i"]).to_dict()
    {'a': 0.5, 'i': 0.5}
    """
    table = confusion_matrix(y_true, y_pred, lengths, classes=classes, ignore=ignore)
    counts = table.to_numpy()
    correct, total = np.diag(counts).astype(float), counts.sum(axis=1)
    recall = np.divide(correct, total, out=np.full(len(counts), np.nan), where=total > 0)
    return pd.Series(recall, index=table.index, name="recall")


@refuses_by_name
def balanced_accuracy(
    y_true: ArrayLike, y_pred: ArrayLike, lengths: ArrayLike | None = None, *, ignore: int = -1
) -> float:
    """Return the balanced accuracy: the mean recall of the classes that occur.

    Parameters
    ----------
    y_true, y_pred, lengths, ignore
        See `accuracy`.

    Returns
    -------
    float
        Between 0 and 1; NaN where nothing counts.

    Examples
    --------
    >>> balanced_accuracy([0, 0, 0, 1], [0, 0, 0, 0])
    0.5
    """
    return float(per_class_recall(y_true, y_pred, lengths, ignore=ignore).mean())


@refuses_by_name
def confusion_matrix(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    lengths: ArrayLike | None = None,
    *,
    classes: Sequence[Any] | None = None,
    ignore: int = -1,
) -> pd.DataFrame:
    """Return the confusion matrix: the number of items of each class predicted as each class.

    Parameters
    ----------
    y_true, y_pred, lengths, classes, ignore
        See `per_class_recall`.

    Returns
    -------
    DataFrame
        Counts: a row for each true class, a column for each predicted one.

    Raises
    ------
    ValueError
        If the shapes do not fit or a label is none of `classes`.

    Examples
    --------
    >>> confusion_matrix([0, 0, 1], [0, 1, 1], classes=["a", "i"])
    predicted  a  i
    target
    a          1  1
    i          0  1
    """
    truth, guess = _labelled(y_true, y_pred, lengths, ignore)
    names = _names(truth, guess, classes)
    size = len(names)
    places = _places("y_true", truth, names) * size + _places("y_pred", guess, names)
    counts = np.bincount(places, minlength=size * size).reshape(size, size)
    return pd.DataFrame(counts, pd.Index(names, name="target"), pd.Index(names, name="predicted"))


@refuses_by_name
def mean_squared_error(
    y_true: ArrayLike, y_pred: ArrayLike, lengths: ArrayLike | None = None, *, weights: ArrayLike | None = None
) -> float:
    """Return the mean of the squared differences, over items and K.

    Parameters
    ----------
    y_true, y_pred, lengths, weights
        See `r2`.

    Returns
    -------
    float
        In the targets' unit squared; NaN where nothing counts.

    Raises
    ------
    ValueError
        If the shapes do not fit.

    Examples
    --------
    >>> mean_squared_error([[0.0], [np.nan]], [[1.0], [2.0]])
    1.0
    """
    truth, guess, w = numbers_with_weights(y_true, y_pred, lengths, weights)
    known = ~np.isnan(truth)
    if weights is None:
        return float(np.mean((guess - truth)[known] ** 2)) if known.any() else float("nan")
    w = w[known]
    return float(w @ (guess - truth)[known] ** 2 / w.sum()) if w.any() else float("nan")


@refuses_by_name
def r2(
    y_true: ArrayLike, y_pred: ArrayLike, lengths: ArrayLike | None = None, *, weights: ArrayLike | None = None
) -> float:
    """Return the coefficient of determination ``1 - sum((y - p)**2) / sum((y - mean(y))**2)``, averaged over K.

    Parameters
    ----------
    y_true, y_pred : array_like (B,), (B, K) or (T, B, K)
        Values; (T, B) too where `lengths` are given. A NaN target does not count.
    lengths : array_like (B,), optional
        With a time axis, each sequence's number of steps: steps past them do not count. Default: all count.
    weights : array_like (B,) or (T, B), optional
        Weight of each sequence or step, 0 or more, in both sums and the mean. Default: 1.

    Returns
    -------
    float
        1 for a perfect prediction, 0 for one as good as the mean. For constant targets, 1 if they are predicted
        exactly and else 0, as in scikit-learn. NaN for fewer than two items.

    Raises
    ------
    ValueError
        If the shapes do not fit.

    Examples
    --------
    >>> r2([1.0, 2.0, 3.0], [1.0, 2.0, 3.0]), r2([1.0, 2.0, 3.0], [2.0, 2.0, 2.0])
    (1.0, 0.0)
    """
    truth, guess, given = numbers_with_weights(y_true, y_pred, lengths, weights)
    if weights is None:
        return float(np.mean([_r2_of_one(y, p) for y, p in zip(truth.T, guess.T, strict=True)]))
    return float(np.mean([_r2_of_one(y, p, w) for y, p, w in zip(truth.T, guess.T, given.T, strict=True)]))


def _r2_of_one(truth: Array, guess: Array, weights: Array | None = None) -> float:
    known = ~np.isnan(truth) if weights is None else ~np.isnan(truth) & (weights > 0)
    truth, guess = truth[known], guess[known]
    if truth.size < 2:
        return float("nan")
    if not (np.isfinite(truth).all() and np.isfinite(guess).all()):
        return float("nan")
    if weights is None:
        error, spread = np.sum((truth - guess) ** 2), np.sum((truth - truth.mean()) ** 2)
    else:
        w = weights[known]
        error, spread = w @ (truth - guess) ** 2, w @ (truth - np.average(truth, weights=w)) ** 2
    if spread == 0:
        return float(error == 0)
    return float(1 - error / spread)


def _without_padding(y_true: ArrayLike, y_pred: ArrayLike, lengths: ArrayLike | None) -> tuple[Array, Array]:
    """Return targets and predictions without padding; with `lengths`, the first axis is then that of the items."""
    truth, guess = _array("y_true", y_true), _array("y_pred", y_pred)
    if truth.shape == (*guess.shape, 1):
        truth = truth[..., 0]
    elif guess.shape == (*truth.shape, 1):
        guess = guess[..., 0]
    if truth.shape != guess.shape or truth.ndim == 0:
        raise ValueError(f"y_true and y_pred must have the same shape, got {truth.shape} and {guess.shape}")
    if lengths is None:
        return truth, guess
    ends = as_numbers("lengths", lengths)
    if truth.ndim < 2 or ends.shape != truth.shape[1:2]:
        raise ValueError(
            "lengths must have shape (B,) beside y_true of shape (T, B) or (T, B, K), "
            f"got {ends.shape} beside {truth.shape}"
        )
    mask = np.arange(len(truth))[:, None] < ends
    return truth[mask], guess[mask]


def _spread(weights: ArrayLike, y_true: ArrayLike, lengths: ArrayLike | None) -> Any:
    """Return the weights of sequences or steps in the shape of the targets."""
    if isinstance(y_true, list) and y_true and all(isinstance(one, np.ndarray) and one.ndim for one in y_true):
        return [np.broadcast_to(w, y.shape) for w, y in zip(weights, y_true, strict=True)]  # type: ignore[arg-type]
    shape, given = np.shape(y_true), as_numbers("weights", weights).astype(np.float64)
    if lengths is not None and given.ndim == 1 and given.shape == shape[1:2]:
        given = np.broadcast_to(given, shape[:2])
    if given.ndim == 0 or given.shape != shape[: given.ndim] or not (np.isfinite(given) & (given >= 0)).all():
        raise ValueError(f"weights must be finite numbers of 0 or more, one a sequence or step, for y_true of {shape}")
    return np.broadcast_to(given.reshape(given.shape + (1,) * (len(shape) - given.ndim)), shape)


def _array(name: str, given: ArrayLike) -> Array:
    try:
        return np.asarray(given)
    except ValueError:
        raise ValueError(f"{name} holds sequences of different lengths: give numpy.concatenate({name})") from None


def _labelled(y_true: ArrayLike, y_pred: ArrayLike, lengths: ArrayLike | None, ignore: int) -> tuple[Array, Array]:
    """Return the target and predicted labels (N,) of the items that count."""
    integer("ignore", ignore)
    if lengths is None:
        y_true, y_pred = _joined(y_true), _joined(y_pred)
    truth, guess = (a.ravel() for a in _without_padding(y_true, y_pred, lengths))
    if truth.dtype == object:
        counts = np.array([label is not None for label in truth])
    elif np.issubdtype(truth.dtype, np.integer):
        counts = truth != ignore
    else:
        return truth, guess
    return truth[counts], guess[counts]


def _joined(labels: ArrayLike) -> ArrayLike:
    """Return a list of one array per sequence as one array, others unchanged."""
    arrays = isinstance(labels, list) and labels and all(isinstance(one, np.ndarray) and one.ndim for one in labels)
    return np.concatenate(labels) if arrays else labels  # type: ignore[arg-type]


def _check_types(truth: Array, guess: Array) -> None:
    """Raise if one has names and the other numbers, which are never equal."""
    named = truth.dtype.kind in "UO", guess.dtype.kind in "UO"
    if truth.size and named[0] != named[1]:
        found = ["names" if one else "integers" for one in named]
        raise ValueError(
            f"y_true holds {found[0]} and y_pred {found[1]}: give both as names (of a dataset, `named_targets`)"
        )


def _numbers(y_true: ArrayLike, y_pred: ArrayLike, lengths: ArrayLike | None) -> tuple[Array, Array]:
    """Return target and predicted values (N, K) in float64."""
    given = _without_padding(y_true, y_pred, lengths)
    truth, guess = (as_numbers(*one).astype(np.float64) for one in zip(("y_true", "y_pred"), given, strict=True))
    K = 1 if truth.ndim == 1 else truth.shape[-1]
    return truth.reshape(-1, K), guess.reshape(-1, K)


def numbers_with_weights(
    y_true: ArrayLike, y_pred: ArrayLike, lengths: ArrayLike | None, weights: ArrayLike | None
) -> tuple[Array, Array, Array]:
    """Return target and predicted values, and their weights, all (N, K) in float64.

    Examples
    --------
    >>> numbers_with_weights([1.0, 2.0], [1.0, 0.0], None, [3, 1])[2].tolist()
    [[3.0], [1.0]]
    """
    truth, guess = _numbers(y_true, y_pred, lengths)
    if weights is None:
        return truth, guess, np.ones(truth.shape)
    return truth, guess, _numbers(y_true, _spread(weights, y_true, lengths), lengths)[1]


def _names(truth: Array, guess: Array, classes: Sequence[Any] | None) -> list[Any]:
    if classes is not None:
        return list(of_type("classes", classes, Sequence[Any]))
    _check_types(truth, guess)
    occurring = np.union1d(truth, guess)
    if np.issubdtype(occurring.dtype, np.integer) and occurring.size and occurring[0] >= 0:
        return list(range(int(occurring[-1]) + 1))
    return occurring.tolist()


def _places(which: str, labels: Array, names: list[Any]) -> Array:
    """Return the index of each label in `names`; an integer label is its own index."""
    if np.issubdtype(labels.dtype, np.integer):
        known = (labels >= 0) & (labels < len(names))
        places = labels
    else:
        table = {name: place for place, name in enumerate(names)}
        places = np.array([table.get(label, -1) for label in labels.tolist()], np.int64)
        known = places >= 0
    if not known.all():
        raise ValueError(f"{which} has the label {labels[~known].tolist()[0]!r}, which is none of the classes {names}")
    return places
