"""Arguments that a dataset refuses, and the error messages."""

import numpy as np
import pandas as pd
import pytest

from rnnbp import LabelSequences
from rnnbp.data import SequenceDataset, validation

X = [np.zeros((3, 2)), np.ones((5, 2))]


def changed(i, t, f, value):
    sequences = [x.copy() for x in X]
    sequences[i][t, f] = value
    return sequences


@pytest.mark.parametrize(
    ("sequences", "message"),
    [
        ([], "sequences must hold at least one sequence, got none"),
        ([X[0], np.zeros((0, 2))], r"sequence 1 is empty: it has shape \(0, 2\)"),
        ([X[0], []], r"sequence 1 is empty: it has shape \(0,\)"),
        (changed(1, 4, 0, np.nan), "sequence 1 holds nan at step 4, feature 0: inputs must be finite"),
        (changed(0, 2, 1, -np.inf), "sequence 0 holds -inf at step 2, feature 1: inputs must be finite"),
        (changed(0, 2, 1, 1e300), r"sequence 0 holds 1e\+300 at step 2, feature 1: too large for float32"),
        (
            [X[0], np.zeros((5, 3))],
            r"sequence 1 has shape \(T, F\) = \(5, 3\), but sequence 0 has \(T, F\) = \(3, 2\): all must have as many",
        ),
        ([X[0], np.zeros(5, int)], r"sequence 1 has shape \(T,\) = \(5,\), but sequence 0 has \(T, F\) = \(3, 2\)"),
        (
            [np.zeros(3)],
            r"sequence 0 must have shape \(T, F\), or \(T,\) for integer tokens, got float64 of \(3,\): "
            r"for one feature give x\[:, None\]",
        ),
        (np.zeros((5, 3)), r"sequences have shape \(5, 3\): give x\[:, :, None\] .* or \[x\] for one sequence"),
        ([np.zeros((2, 3, 4))], r"got float64 of \(2, 3, 4\)"),
        ([np.zeros((2, 3), complex)], "got complex128"),
        ([[["a"]]], "got <U1"),
        ([[[1, 2], [3]]], r"sequence 0 must have shape \(T, F\), but its steps are of different sizes"),
        ([np.array([1, -2])], "sequence 0 holds the token -2 at step 1: tokens must be 0 or more"),
    ],
)
def test_malformed_sequences_are_refused(sequences, message):
    with pytest.raises(ValueError, match=message):
        SequenceDataset(sequences)


@pytest.mark.parametrize(
    ("targets", "classes", "message"),
    [
        ([0], None, "targets must be one for each of the 2 sequences, got 1"),
        ([0, -1], None, "the class of sequence 1 must be an integer of 0 or more, got -1"),
        ([0, 2], ["a", "b"], "the class of sequence 1 must be from 0 to 1, got 2"),
        (["a", "c"], ["a", "b"], "the class of sequence 1, 'c', is not among a, b"),
        (["a", None], None, "the class of sequence 1 is missing"),
        (pd.Series([1, pd.NA], dtype="Int64"), None, "the class of sequence 1 is missing"),
        (pd.Series(["a", pd.NA], dtype="string"), None, "the class of sequence 1 is missing"),
        (5, None, "targets must be one for each of the 2 sequences, got int"),
        ([0, 1], ["a", "a"], "classes must be different names, got 'a' twice"),
        ([0, 1], [], "classes must hold at least one name, got none"),
        ([0.5, 1.5], ["a", "b"], r"classes are given, so targets must be labels \(integers or names\), got float64"),
        ([1.0, np.inf], None, "the target of sequence 1 is infinite; where there is none, give NaN"),
        ([1j, 2j], None, "targets must be numbers or names of classes, got complex128"),
        (np.zeros((2, 3, 4)), None, "targets of sequence 1 are 3 for its 5 steps: give one a step$"),
        (np.zeros((2, 0)), None, r"got \(2, 0\)"),
        ([np.zeros(3, int), np.zeros(4, int)], None, "targets of sequence 1 are 4 for its 5 steps: give one a step"),
        (
            [np.zeros(3, int), [0, 1, 2, 0, -2]],
            None,
            "the class of sequence 1 at step 4 must be an integer of 0 or more, ",
        ),
        ([np.zeros(3, int), [0, 1, 2, 0, -2]], None, "or -1 where there is none, got -2"),
        ([np.zeros(3, int), [0, 3, 2, 0, 0]], "abc", "the class of sequence 1 at step 1 must be from 0 to 2, or -1"),
        ([["a"] * 3, ["b", "a", "z", "a", "a"]], "ab", "the class of sequence 1 at step 2, 'z', is not among a, b"),
        ([np.zeros(3), [0, 0, -np.inf, 0, 0]], None, "the target of sequence 1 at step 2 is infinite"),
        ([np.zeros((3, 2)), np.zeros((5, 3))], None, r"the same K for all: got \(5, 3\), and \(3, 2\) for sequence 0"),
    ],
)
def test_malformed_targets_are_refused(targets, classes, message):
    with pytest.raises(ValueError, match=message):
        SequenceDataset(X, targets, classes=classes)


def test_other_wrong_arguments_are_refused():
    with pytest.raises(ValueError, match="dtype must be float32, float64 or float16, got <class 'int'>"):
        SequenceDataset(X, dtype=int)
    with pytest.raises(ValueError, match="ids must be one a sequence, 2, got 1"):
        SequenceDataset(X, ids=["a"])


def test_names_are_numbered_in_sorted_order_or_that_of_the_classes():
    assert SequenceDataset(X, ["b", "a"]).targets.tolist() == [1, 0]
    assert SequenceDataset(X, ["b", "a"]).classes == ("a", "b")
    assert SequenceDataset(X, ["b", "a"], classes=["b", "a", "c"]).targets.tolist() == [0, 1]
    assert SequenceDataset(X, pd.Series(["b", "a"], dtype="category")).targets.tolist() == [1, 0]
    assert SequenceDataset(X, pd.Series([3, 4])).targets.tolist() == [3, 4]


def test_names_of_steps_are_numbered_and_none_becomes_minus_one():
    data = SequenceDataset(X, [["b", "a", "b"], ["c", None, "a", "a", None]])
    assert data.classes == ("a", "b", "c")
    assert [t.tolist() for t in data.targets] == [[1, 0, 1], [2, -1, 0, 0, -1]]


def test_values_have_an_axis_of_features():
    assert SequenceDataset(X, [0.5, np.nan]).targets.shape == (2, 1)
    assert SequenceDataset(X, [[1, 0], [0, 1]], per_step=False).targets.dtype == np.float64
    assert SequenceDataset(X, np.array([True, False])).targets.dtype == np.int64
    steps = SequenceDataset(X, [np.zeros(3), np.array([0, 1, np.nan, 3, 4])])
    assert [t.shape for t in steps.targets] == [(3, 1), (5, 1)]
    mixed = SequenceDataset(X, [[0, 1, 2], [0.5, 1, 2, 3, 4]])
    assert {t.dtype for t in mixed.targets} == {np.dtype(float)}


def test_a_list_of_rows_that_do_not_fit_the_steps_has_one_row_a_sequence():
    data = SequenceDataset(X, [[0.0, 1.0], [2.0, 3.0]])
    assert not data.per_step
    assert data.targets.tolist() == [[0, 1], [2, 3]]


EQUAL = [np.zeros((2, 1)), np.ones((2, 1))]


def test_ambiguous_values_of_steps_or_sequences_need_per_step():
    rows = [[0.0, 1.0], [2.0, 3.0]]
    with pytest.raises(ValueError, match=r"2 values for each sequence, all of which have as many steps: say per_step="):
        SequenceDataset(EQUAL, rows)
    whole, steps = (SequenceDataset(EQUAL, rows, per_step=per_step) for per_step in (False, True))
    assert whole.targets.tolist() == rows
    assert [t.tolist() for t in steps.targets] == [[[0], [1]], [[2], [3]]]
    assert (whole.per_step, steps.per_step) == (False, True)
    assert (whole.batch().per_step, steps.batch().per_step) == (False, True)
    for data in (whole, steps):
        assert data.map(lambda x: 2 * x).per_step == data.subset([1]).per_step == data.per_step


def test_an_array_of_values_has_one_row_a_sequence_for_all_sizes():
    for K in (1, 2, 3):
        data = SequenceDataset(EQUAL, np.zeros((2, K)))
        assert not data.per_step
        assert data.targets.shape == (2, K)
        assert not data.map(lambda x: x[:1]).per_step


def test_integers_for_each_sequence_are_classes_of_its_steps_in_a_list_or_an_array():
    for targets in ([[0, 1], [1, 1]], np.array([[0, 1], [1, 1]]), [["a", "b"], ["b", "b"]]):
        data = SequenceDataset(EQUAL, targets)
        assert data.per_step
        assert [t.tolist() for t in data.targets] == [[0, 1], [1, 1]]


@pytest.mark.parametrize(
    ("targets", "per_step", "message"),
    [
        ([[0, 1], [1, 1]], None, "targets of sequence 0 are 2 for its 3 steps: give one a step, or per_step=False if"),
        (np.zeros((2, 2), int), None, "targets of sequence 0 are 2 for its 3 steps"),
        ([[0, 1, 1], [1, 1, 0]], None, "targets of sequence 1 are 3 for its 5 steps"),
        ([["a"], ["b"]], None, "targets of sequence 0 are 1 for its 3 steps"),
        ([[0.5, 1.5], [1.0, 1.0]], True, "targets of sequence 0 are 2 for its 3 steps"),
        ([np.zeros(3), np.zeros(4)], None, "targets of sequence 1 are 4 for its 5 steps: give one a step$"),
        ([np.zeros(3), np.zeros(5)], False, r"targets of sequence 1 have shape \(5,\), those of sequence 0 \(3,\)"),
        ([0, 1], True, "per_step=True needs an array of targets for each sequence, got one number or name for each"),
        ([0, [1, 2]], None, r"that of sequence 1 has shape \(2,\), that of sequence 0 \(\)"),
        (np.zeros((2, 3, 1)), False, r"targets must have shape \(N,\) or \(N, K\)"),
        ([0, 1], 1, "per_step must be True or False, got 1"),
        (None, True, "per_step=True says that targets are one a step, but there are no targets"),
        (LabelSequences([[0], [1]]), True, "per_step=True says .* but targets are sequences of labels"),
    ],
)
def test_targets_that_do_not_fit_the_steps_are_refused_with_the_sequence_and_advice(targets, per_step, message):
    with pytest.raises(ValueError, match=message):
        SequenceDataset(X, targets, per_step=per_step)


def test_ordered_categories_keep_their_order_and_all_their_names():
    def ordered(*names, order=("low", "medium", "high")):
        return pd.Categorical(names, categories=order, ordered=True)

    assert SequenceDataset(X, ordered("low", "high")).classes == ("low", "medium", "high")
    assert SequenceDataset(X, pd.Series(ordered("high", "low"))).targets.tolist() == [2, 0]
    assert SequenceDataset(X, ordered("low", "high"), classes=["high", "low"]).targets.tolist() == [1, 0]
    steps = SequenceDataset(X, [ordered("low", None, "high"), ordered(*["medium"] * 5)])
    assert steps.classes == ("low", "medium", "high")
    assert [t.tolist() for t in steps.targets] == [[0, -1, 2], [1] * 5]
    assert SequenceDataset(X, pd.Categorical([7, 3], categories=[7, 3], ordered=True)).targets.tolist() == [7, 3]
    bins = pd.cut([150.0, 15.0], [0, 20, 100, 200])
    assert SequenceDataset(X, bins).targets.tolist() == [2, 0]
    with pytest.raises(ValueError, match="different ordered categories in different sequences: say classes="):
        SequenceDataset(X, [ordered(*["low"] * 3), ordered(*["low"] * 5, order=("low", "high"))])


def test_ordered_categories_of_label_sequences_follow_the_blank_in_their_order():
    labels = [pd.Categorical(names, categories=["low", "high"], ordered=True) for names in (["high", "low"], ["low"])]
    found = LabelSequences(labels)
    assert found.classes == ("<blank>", "low", "high")
    assert [one.tolist() for one in found] == [[2, 1], [1]]


def test_sequences_are_copied_in_the_given_dtype():
    mine = np.ones((2, 2))
    data = SequenceDataset([mine], dtype=np.float64)
    mine[:] = 5
    assert data.sequences[0].tolist() == [[1, 1], [1, 1]]
    assert data.sequences[0].dtype == data.dtype == np.float64
    assert SequenceDataset([mine]).sequences[0].dtype == np.float32
    assert SequenceDataset([np.array([3, 1], np.uint8)]).sequences[0].dtype == np.int64


@pytest.mark.parametrize("together", [1, 50, 2**14])
def test_of_many_sequences_the_first_wrong_one_is_named(together, monkeypatch, rng):
    """However many are checked in one call, and whatever else is wrong with those behind it."""
    monkeypatch.setattr(validation, "TOGETHER", together)
    right = [rng.normal(size=(n, 3)) for n in rng.integers(1, 9, 200)]
    assert len(SequenceDataset(right)) == 200
    for value, why in ((np.nan, "inputs must be finite"), (1e39, "too large for float32")):
        wrong = [s.copy() for s in right]
        wrong[130][0, 2] = value
        wrong[160] = np.zeros((0, 3))
        with pytest.raises(ValueError, match=rf"sequence 130 holds .* at step 0, feature 2: {why}"):
            SequenceDataset(wrong)
        wrong[20] = np.zeros((4, 2))
        wrong[130] = right[130]
        with pytest.raises(ValueError, match="sequence 160 is empty"):
            SequenceDataset(wrong)


@pytest.mark.parametrize("order", ["C", "F"])
def test_sequences_are_copies_in_c_order(order, rng):
    given = [rng.normal(size=(4, 3)).astype(np.float32, order=order) for _ in range(5)]
    expected = [s.copy() for s in given]
    data = SequenceDataset(given)
    for s in given:
        s[:] = 7
    data.sequences[1][:] = 5
    expected[1][:] = 5
    for s, found in zip(expected, data.sequences, strict=True):
        np.testing.assert_array_equal(found, s)
        assert found.flags.c_contiguous
