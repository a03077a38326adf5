"""How good predictions are: accuracy, recall, confusion, R2."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

Array = np.ndarray


def accuracy(predicted: ArrayLike, targets: ArrayLike, lengths: ArrayLike | None = None, *, ignore: int = -1) -> float:
    """The fraction of labels that are right.

    Parameters
    ----------
    predicted, targets : array_like (B,), (T, B) or (T, B, K)
        Labels: integers or strings.
    lengths : array_like (B,), optional
        With a time axis, each sequence's number of steps: what lies past them does not count. Default: all
        count.
    ignore : int, default -1
        Items whose target is this label do not count.

    Returns
    -------
    float
        Between 0 and 1; NaN where nothing counts.

    Raises
    ------
    ValueError
        If the shapes do not fit.

    Examples
    --------
    >>> accuracy([0, 1, 2, 2], [0, 1, 1, -1])
    0.6666666666666666
    """
    guess, truth = _labelled(predicted, targets, lengths, ignore)
    return float((guess == truth).mean()) if truth.size else float("nan")


def per_class_recall(
    predicted: ArrayLike,
    targets: ArrayLike,
    lengths: ArrayLike | None = None,
    *,
    classes: Sequence[Any] | None = None,
    ignore: int = -1,
) -> pd.Series:
    """Of the items of each class, the fraction that was found.

    Parameters
    ----------
    predicted, targets, lengths, ignore
        As `accuracy` takes them.
    classes : sequence, optional
        The names of the classes; integer labels are places in it. Default: the labels that occur, or, of
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
    >>> per_class_recall([0, 1, 0, 1], [0, 0, 1, 1], classes=["a", "i"]).to_dict()
    {'a': 0.5, 'i': 0.5}
    """
    table = confusion_matrix(predicted, targets, lengths, classes=classes, ignore=ignore)
    counts = table.to_numpy()
    found, there = np.diag(counts).astype(float), counts.sum(axis=1)
    recall = np.divide(found, there, out=np.full(len(counts), np.nan), where=there > 0)
    return pd.Series(recall, index=table.index, name="recall")


def balanced_accuracy(
    predicted: ArrayLike, targets: ArrayLike, lengths: ArrayLike | None = None, *, ignore: int = -1
) -> float:
    """The mean of the recalls of the classes that occur: accuracy in which every class has the same weight.

    Parameters
    ----------
    predicted, targets, lengths, ignore
        As `accuracy` takes them.

    Returns
    -------
    float
        Between 0 and 1; NaN where nothing counts.

    Examples
    --------
    >>> balanced_accuracy([0, 0, 0, 0], [0, 0, 0, 1])
    0.5
    """
    return float(per_class_recall(predicted, targets, lengths, ignore=ignore).mean())


def confusion_matrix(
    predicted: ArrayLike,
    targets: ArrayLike,
    lengths: ArrayLike | None = None,
    *,
    classes: Sequence[Any] | None = None,
    ignore: int = -1,
) -> pd.DataFrame:
    """How often items of each class were taken for each class.

    Parameters
    ----------
    predicted, targets, lengths, classes, ignore
        As `per_class_recall` takes them.

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
    >>> confusion_matrix([0, 1, 1], [0, 0, 1], classes=["a", "i"])
    predicted  a  i
    target
    a          1  1
    i          0  1
    """
    guess, truth = _labelled(predicted, targets, lengths, ignore)
    names = _names(guess, truth, classes)
    size = len(names)
    places = _places("targets", truth, names) * size + _places("predicted", guess, names)
    counts = np.bincount(places, minlength=size * size).reshape(size, size)
    return pd.DataFrame(counts, pd.Index(names, name="target"), pd.Index(names, name="predicted"))


def mean_squared_error(predicted: ArrayLike, targets: ArrayLike, lengths: ArrayLike | None = None) -> float:
    """The mean of the squared differences, over items and K.

    Parameters
    ----------
    predicted, targets, lengths
        As `r2` takes them.

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
    >>> mean_squared_error([[1.0], [2.0]], [[0.0], [np.nan]])
    1.0
    """
    guess, truth = _numbers(predicted, targets, lengths)
    there = ~np.isnan(truth)
    return float(np.mean((guess - truth)[there] ** 2)) if there.any() else float("nan")


def r2(predicted: ArrayLike, targets: ArrayLike, lengths: ArrayLike | None = None) -> float:
    """The coefficient of determination ``1 - sum((y - p)**2) / sum((y - mean(y))**2)``, averaged over K.

    Parameters
    ----------
    predicted, targets : array_like (B,), (B, K) or (T, B, K)
        Values; (T, B) too where `lengths` are given. A NaN target does not count.
    lengths : array_like (B,), optional
        With a time axis, each sequence's number of steps: what lies past them does not count. Default: all
        count.

    Returns
    -------
    float
        1 for a perfect prediction, 0 for one as good as the mean. For targets that do not vary, 1 if they are
        predicted exactly and else 0, as scikit-learn has it. NaN for fewer than two items.

    Raises
    ------
    ValueError
        If the shapes do not fit.

    Examples
    --------
    >>> r2([1.0, 2.0, 3.0], [1.0, 2.0, 3.0]), r2([2.0, 2.0, 2.0], [1.0, 2.0, 3.0])
    (1.0, 0.0)
    """
    guess, truth = _numbers(predicted, targets, lengths)
    return float(np.mean([_r2_of_one(p, y) for p, y in zip(guess.T, truth.T, strict=True)]))


def _r2_of_one(guess: Array, truth: Array) -> float:
    there = ~np.isnan(truth)
    guess, truth = guess[there], truth[there]
    if truth.size < 2:
        return float("nan")
    error, spread = np.sum((truth - guess) ** 2), np.sum((truth - truth.mean()) ** 2)
    if spread == 0:
        return float(error == 0)
    return float(1 - error / spread)


def _pick(predicted: ArrayLike, targets: ArrayLike, lengths: ArrayLike | None) -> tuple[Array, Array]:
    """Both without what lies past the sequences' ends: then the first axis is that of the items."""
    guess, truth = np.asarray(predicted), np.asarray(targets)
    if guess.shape != truth.shape or guess.ndim == 0:
        raise ValueError(f"predicted and targets must have the same shape, got {guess.shape} and {truth.shape}")
    if lengths is None:
        return guess, truth
    ends = np.asarray(lengths)
    if guess.ndim < 2 or ends.shape != guess.shape[1:2]:
        raise ValueError(
            "lengths must have shape (B,) beside predicted of shape (T, B) or (T, B, K), "
            f"got {ends.shape} beside {guess.shape}"
        )
    real = np.arange(len(guess))[:, None] < ends
    return guess[real], truth[real]


def _labelled(predicted: ArrayLike, targets: ArrayLike, lengths: ArrayLike | None, ignore: int) -> tuple[Array, Array]:
    """The labels (N,) of the items that count."""
    guess, truth = (a.ravel() for a in _pick(predicted, targets, lengths))
    if not np.issubdtype(truth.dtype, np.integer):
        return guess, truth
    return guess[truth != ignore], truth[truth != ignore]


def _numbers(predicted: ArrayLike, targets: ArrayLike, lengths: ArrayLike | None) -> tuple[Array, Array]:
    """The values (N, K) in float64."""
    guess, truth = (a.astype(np.float64) for a in _pick(predicted, targets, lengths))
    K = 1 if guess.ndim == 1 else guess.shape[-1]
    return guess.reshape(-1, K), truth.reshape(-1, K)


def _names(guess: Array, truth: Array, classes: Sequence[Any] | None) -> list[Any]:
    if classes is not None:
        return list(classes)
    occurring = np.union1d(guess, truth)
    if np.issubdtype(occurring.dtype, np.integer) and occurring.size and occurring[0] >= 0:
        return list(range(int(occurring[-1]) + 1))
    return occurring.tolist()


def _places(which: str, labels: Array, names: list[Any]) -> Array:
    """Each label's place among the names; an integer is its own place, unless it is a name."""
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
