"""Metrics against scikit-learn; padding and ignored labels do not count."""

import math

import numpy as np
import pandas as pd
import pytest

import rnnbp
from rnnbp import metrics

sk = pytest.importorskip("sklearn.metrics")


@pytest.fixture
def labels(rng):
    return rng.integers(4, size=50), rng.integers(4, size=50)


def test_label_metrics_equal_scikit_learns(labels):
    targets, predicted = labels
    assert metrics.accuracy(targets, predicted) == pytest.approx(sk.accuracy_score(targets, predicted))
    assert metrics.balanced_accuracy(targets, predicted) == pytest.approx(
        sk.balanced_accuracy_score(targets, predicted)
    )
    recall = metrics.per_class_recall(targets, predicted)
    np.testing.assert_allclose(recall, sk.recall_score(targets, predicted, average=None))
    np.testing.assert_array_equal(metrics.confusion_matrix(targets, predicted), sk.confusion_matrix(targets, predicted))


def test_labels_may_be_strings(labels):
    names = np.array(["a", "e", "i", "o"])
    targets, predicted = names[labels[0]], names[labels[1]]
    assert metrics.accuracy(targets, predicted) == metrics.accuracy(*labels)
    pd.testing.assert_frame_equal(
        metrics.confusion_matrix(targets, predicted), metrics.confusion_matrix(*labels, classes=names)
    )
    assert metrics.balanced_accuracy(targets, predicted) == metrics.balanced_accuracy(*labels)


def test_regression_metrics_equal_scikit_learns(rng):
    targets = rng.standard_normal((30, 3))
    predicted = targets + 0.3 * rng.standard_normal((30, 3))
    assert metrics.r2(targets, predicted) == pytest.approx(sk.r2_score(targets, predicted), rel=1e-13)
    assert metrics.mean_squared_error(targets, predicted) == pytest.approx(
        sk.mean_squared_error(targets, predicted), rel=1e-13
    )


@pytest.mark.parametrize("predicted", [[1.0, 1.0, 1.0], [1.0, 1.0, 2.0]])
def test_r2_of_constant_targets_equals_scikit_learns(predicted):
    assert metrics.r2([1.0, 1.0, 1.0], predicted) == sk.r2_score([1.0, 1.0, 1.0], predicted)


def test_padding_and_ignored_labels_are_left_out():
    targets = np.array([[0, 1], [1, -1], [1, 5]])
    predicted = np.array([[0, 1], [0, 0], [1, 0]])
    assert metrics.accuracy(targets, predicted, [3, 2]) == 0.75
    assert metrics.per_class_recall(targets, predicted, [3, 2]).tolist() == [1.0, 2 / 3]
    assert metrics.confusion_matrix(targets, predicted, [3, 2]).to_numpy().sum() == 4


def test_padding_of_numbers_is_left_out(rng):
    targets, predicted = rng.standard_normal((2, 4, 2, 3))
    real = np.arange(4)[:, None] < np.array([4, 2])
    assert metrics.r2(targets, predicted, [4, 2]) == pytest.approx(sk.r2_score(targets[real], predicted[real]))
    assert metrics.mean_squared_error(targets, predicted, [4, 2]) == pytest.approx(
        sk.mean_squared_error(targets[real], predicted[real])
    )
    assert metrics.r2(targets[..., 0], predicted[..., 0], [4, 2]) == pytest.approx(
        sk.r2_score(targets[real][:, 0], predicted[real][:, 0])
    )


def test_missing_targets_are_left_out():
    targets = np.array([[1.0, np.nan], [2.0, 5.0], [4.0, 6.0], [np.nan, 8.0]])
    predicted = np.array([[1.0, 0.0], [2.0, 5.0], [3.0, 7.0], [0.0, 8.0]])
    by_column = [sk.r2_score([1, 2, 4], [1, 2, 3]), sk.r2_score([5, 6, 8], [5, 7, 8])]
    assert metrics.r2(targets, predicted) == pytest.approx(np.mean(by_column))
    assert metrics.mean_squared_error(targets, predicted) == pytest.approx(2 / 6)


def test_a_class_that_does_not_occur_has_no_recall():
    recall = metrics.per_class_recall([0, 1, 1], [0, 1, 2], classes=["a", "b", "c"])
    assert recall.index.tolist() == ["a", "b", "c"]
    assert recall[["a", "b"]].tolist() == [1.0, 0.5]
    assert math.isnan(recall["c"])
    assert metrics.balanced_accuracy([0, 1, 1], [0, 1, 2]) == 0.75


def test_metrics_without_items_are_nan():
    assert math.isnan(metrics.accuracy([-1], [1]))
    assert math.isnan(metrics.balanced_accuracy([-1], [1]))
    assert math.isnan(metrics.r2([1.0], [1.0]))
    assert math.isnan(metrics.mean_squared_error([np.nan], [1.0]))


def test_confusion_matrix_names_rows_and_columns():
    table = metrics.confusion_matrix([0, 0, 1], [0, 1, 1], classes=["a", "i"])
    assert (table.index.name, table.columns.name) == ("target", "predicted")
    assert table.loc["a", "i"] == 1
    assert table.loc["i", "a"] == 0


@pytest.mark.parametrize(
    ("targets", "predicted", "lengths", "message"),
    [
        ([1, 2], [1], None, r"y_true and y_pred must have the same shape, got \(2,\) and \(1,\)"),
        ([1, 2], [1, 2], [2], r"lengths must have shape \(B,\) beside y_true .* got \(1,\) beside \(2,\)"),
        ([[1, 2]], [[1, 2]], [1], r"got \(1,\) beside \(1, 2\)"),
    ],
)
def test_shapes_that_do_not_fit_are_refused(targets, predicted, lengths, message):
    with pytest.raises(ValueError, match=message):
        metrics.accuracy(targets, predicted, lengths)
    with pytest.raises(ValueError, match=message):
        metrics.r2(targets, predicted, lengths)


def test_labels_that_are_no_class_are_refused():
    with pytest.raises(ValueError, match=r"y_true has the label 2, which is none of the classes \['a', 'i'\]"):
        metrics.confusion_matrix([2], [0], classes=["a", "i"])
    with pytest.raises(ValueError, match="y_pred has the label 'u', which is none of the classes"):
        metrics.confusion_matrix(["a"], ["u"], classes=["a", "i"])


def test_the_order_and_the_names_of_the_arguments_are_scikit_learns():
    """Recall, R2 and the confusion matrix are not symmetric in targets and predictions."""
    sick, found = ["sick", "sick", "sick", "well"], ["sick", "well", "well", "well"]
    assert metrics.per_class_recall(sick, found)["sick"] == pytest.approx(1 / 3)
    assert metrics.confusion_matrix(y_true=sick, y_pred=found).loc["sick"].tolist() == [1, 2]
    assert metrics.r2([0.0, 1.0, 2.0, 3.0], [1.0, 1.0, 2.0, 2.0]) == 0.6
    assert rnnbp.token_error_rate(y_true=["abc"], y_pred=["ab"]) == rnnbp.ErrorRate(0, 0, 1, 3, 1, 1)


def test_names_and_integers_are_not_compared():
    with pytest.raises(ValueError, match="y_true holds integers and y_pred names: give both as names"):
        metrics.accuracy([0, 1], ["a", "b"])
    with pytest.raises(ValueError, match="y_true holds names and y_pred integers"):
        metrics.balanced_accuracy(["a", "b"], [0, 1])
    table = metrics.confusion_matrix([0, 1, 1], ["a", "a", "b"], classes=["a", "b"])  # which says what is meant
    assert table.to_numpy().tolist() == [[1, 0], [1, 1]]


def test_steps_of_unequal_sequences_are_compared():
    truth = [np.array([0, 1, 2]), np.array([1])]
    assert metrics.accuracy(truth, [np.array([0, 1, 1]), np.array([1])]) == 0.75
    named = [np.array(["a", None, "b"], object), np.array(["b"], object)]
    assert metrics.accuracy(named, [np.array(["a", "b", "a"]), np.array(["b"])]) == pytest.approx(2 / 3)
    with pytest.raises(ValueError, match=r"y_true holds sequences of different lengths: give numpy.concatenate"):
        metrics.r2([np.ones(3), np.ones(1)], [np.ones(3), np.ones(1)])


def test_single_values_may_be_a_column():
    assert metrics.r2([[1.0], [2.0], [3.0]], [1.0, 2.0, 4.0]) == metrics.r2([1.0, 2.0, 3.0], [1.0, 2.0, 4.0])
