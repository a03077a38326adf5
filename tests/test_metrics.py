"""Metrics against scikit-learn, and what they leave out."""

import math

import numpy as np
import pandas as pd
import pytest

from rnnbp import metrics

sk = pytest.importorskip("sklearn.metrics")


@pytest.fixture
def labels(rng):
    return rng.integers(4, size=50), rng.integers(4, size=50)


def test_label_metrics_are_scikit_learns(labels):
    predicted, targets = labels
    assert metrics.accuracy(predicted, targets) == pytest.approx(sk.accuracy_score(targets, predicted))
    assert metrics.balanced_accuracy(predicted, targets) == pytest.approx(
        sk.balanced_accuracy_score(targets, predicted)
    )
    recall = metrics.per_class_recall(predicted, targets)
    np.testing.assert_allclose(recall, sk.recall_score(targets, predicted, average=None))
    np.testing.assert_array_equal(metrics.confusion_matrix(predicted, targets), sk.confusion_matrix(targets, predicted))


def test_string_labels(labels):
    names = np.array(["a", "e", "i", "o"])
    predicted, targets = names[labels[0]], names[labels[1]]
    assert metrics.accuracy(predicted, targets) == metrics.accuracy(*labels)
    pd.testing.assert_frame_equal(
        metrics.confusion_matrix(predicted, targets), metrics.confusion_matrix(*labels, classes=names)
    )
    assert metrics.balanced_accuracy(predicted, targets) == metrics.balanced_accuracy(*labels)


def test_numbers_are_scikit_learns(rng):
    targets = rng.standard_normal((30, 3))
    predicted = targets + 0.3 * rng.standard_normal((30, 3))
    assert metrics.r2(predicted, targets) == pytest.approx(sk.r2_score(targets, predicted), rel=1e-13)
    assert metrics.mean_squared_error(predicted, targets) == pytest.approx(
        sk.mean_squared_error(targets, predicted), rel=1e-13
    )


@pytest.mark.parametrize("predicted", [[1.0, 1.0, 1.0], [1.0, 1.0, 2.0]])
def test_r2_of_targets_that_do_not_vary_is_scikit_learns(predicted):
    assert metrics.r2(predicted, [1.0, 1.0, 1.0]) == sk.r2_score([1.0, 1.0, 1.0], predicted)


def test_padding_and_ignored_labels_are_left_out():
    targets = np.array([[0, 1], [1, -1], [1, 5]])
    predicted = np.array([[0, 1], [0, 0], [1, 0]])
    assert metrics.accuracy(predicted, targets, [3, 2]) == 0.75
    assert metrics.per_class_recall(predicted, targets, [3, 2]).tolist() == [1.0, 2 / 3]
    assert metrics.confusion_matrix(predicted, targets, [3, 2]).to_numpy().sum() == 4


def test_padding_of_numbers_is_left_out(rng):
    targets, predicted = rng.standard_normal((2, 4, 2, 3))
    real = np.arange(4)[:, None] < np.array([4, 2])
    assert metrics.r2(predicted, targets, [4, 2]) == pytest.approx(sk.r2_score(targets[real], predicted[real]))
    assert metrics.mean_squared_error(predicted, targets, [4, 2]) == pytest.approx(
        sk.mean_squared_error(targets[real], predicted[real])
    )
    assert metrics.r2(predicted[..., 0], targets[..., 0], [4, 2]) == pytest.approx(
        sk.r2_score(targets[real][:, 0], predicted[real][:, 0])
    )


def test_missing_targets_are_left_out():
    targets = np.array([[1.0, np.nan], [2.0, 5.0], [4.0, 6.0], [np.nan, 8.0]])
    predicted = np.array([[1.0, 0.0], [2.0, 5.0], [3.0, 7.0], [0.0, 8.0]])
    by_column = [sk.r2_score([1, 2, 4], [1, 2, 3]), sk.r2_score([5, 6, 8], [5, 7, 8])]
    assert metrics.r2(predicted, targets) == pytest.approx(np.mean(by_column))
    assert metrics.mean_squared_error(predicted, targets) == pytest.approx(2 / 6)


def test_a_class_that_does_not_occur_has_no_recall():
    recall = metrics.per_class_recall([0, 1, 2], [0, 1, 1], classes=["a", "b", "c"])
    assert recall.index.tolist() == ["a", "b", "c"]
    assert recall[["a", "b"]].tolist() == [1.0, 0.5]
    assert math.isnan(recall["c"])
    assert metrics.balanced_accuracy([0, 1, 2], [0, 1, 1]) == 0.75


def test_nothing_that_counts_is_nan():
    assert math.isnan(metrics.accuracy([1], [-1]))
    assert math.isnan(metrics.balanced_accuracy([1], [-1]))
    assert math.isnan(metrics.r2([1.0], [1.0]))
    assert math.isnan(metrics.mean_squared_error([1.0], [np.nan]))


def test_confusion_matrix_names_rows_and_columns():
    table = metrics.confusion_matrix([0, 1, 1], [0, 0, 1], classes=["a", "i"])
    assert (table.index.name, table.columns.name) == ("target", "predicted")
    assert table.loc["a", "i"] == 1
    assert table.loc["i", "a"] == 0


@pytest.mark.parametrize(
    ("predicted", "targets", "lengths", "message"),
    [
        ([1, 2], [1], None, r"predicted and targets must have the same shape, got \(2,\) and \(1,\)"),
        ([1, 2], [1, 2], [2], r"lengths must have shape \(B,\) beside predicted .* got \(1,\) beside \(2,\)"),
        ([[1, 2]], [[1, 2]], [1], r"got \(1,\) beside \(1, 2\)"),
    ],
)
def test_shapes_that_do_not_fit(predicted, targets, lengths, message):
    with pytest.raises(ValueError, match=message):
        metrics.accuracy(predicted, targets, lengths)
    with pytest.raises(ValueError, match=message):
        metrics.r2(predicted, targets, lengths)


def test_labels_that_are_no_class():
    with pytest.raises(ValueError, match=r"targets has the label 2, which is none of the classes \['a', 'i'\]"):
        metrics.confusion_matrix([0], [2], classes=["a", "i"])
    with pytest.raises(ValueError, match="predicted has the label 'u', which is none of the classes"):
        metrics.confusion_matrix(["u"], ["a"], classes=["a", "i"])
