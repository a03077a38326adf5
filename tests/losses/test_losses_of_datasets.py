"""What losses say of a dataset's targets, of classes and of batches, apart from their values and gradients."""

import numpy as np
import pytest

from rnnbp.losses import CTC, BinaryCrossEntropy, CrossEntropy, Loss, MeanSquaredError, Quantile

NAMES = ["a", "b", "c"]


def no_lengths() -> np.ndarray:
    raise AssertionError("lengths are for label sequences")


@pytest.mark.parametrize("number", [0, 2])
def test_a_wrong_target_is_named_by_its_sequence(number):
    labels = np.array([1, 1, 1])
    labels[number] = 2
    with pytest.raises(ValueError, match=rf"^sequence {number}, as a batch of its own: .*2"):
        CrossEntropy().check_dataset(labels, no_lengths, 2)


def test_a_wrong_target_of_a_step_is_named_by_its_sequence_and_step():
    steps = [np.array([0.0, 1.0]), np.array([0.5, 0.5, 1.5])]
    with pytest.raises(
        ValueError, match=r"^sequence 1, as a batch of its own: .* got 1\.5 in targets\[t=2, b=0, k=0\]"
    ):
        BinaryCrossEntropy().check_dataset(steps, no_lengths, 1)


def test_targets_that_fit_are_no_error():
    CrossEntropy().check_dataset(np.array([0, 1, -1]), no_lengths, 2)
    CrossEntropy().check_dataset([np.array([0, 1]), np.array([1])], no_lengths, 2)
    MeanSquaredError().check_dataset(np.zeros((3, 2)), no_lengths, 2)


def test_predicted_classes_are_named_if_all_of_them_have_names():
    assert CrossEntropy().named(np.array([2, 0]), NAMES).tolist() == ["c", "a"]
    assert CrossEntropy().named(np.zeros(0, int), NAMES).tolist() == []
    with pytest.raises(ValueError, match="output 3 is the greatest of a sequence, but the model has 3 classes"):
        CrossEntropy().named(np.array([0, 3]), NAMES)
    assert CTC().named(np.array([2, 1, 1]), NAMES) == ["c", "b", "b"]


@pytest.mark.parametrize(("classes", "outputs"), [("abc", 1), ("ab", 2), ("abc", 3)])
def test_binary_cross_entropy_refuses_classes_it_does_not_tell_apart(classes, outputs):
    with pytest.raises(ValueError, match=f"tells two classes apart by one output, got {len(classes)} classes"):
        BinaryCrossEntropy().check_classes(classes, outputs)


def test_binary_cross_entropy_tells_two_classes_apart_by_one_output():
    BinaryCrossEntropy().check_classes("ab", 1)
    BinaryCrossEntropy().check_classes("a", 1)


def test_losses_of_values_refuse_classes_and_have_no_probabilities():
    with pytest.raises(ValueError, match="MeanSquaredError is for values, and the targets are classes"):
        MeanSquaredError().check_classes("ab", 2)
    with pytest.raises(ValueError, match="MeanSquaredError is for values, which have no probabilities"):
        MeanSquaredError().probabilities(np.zeros((1, 2)))


@pytest.mark.parametrize("call", ["weights", "terms", "align", "predict", "score"])
def test_a_loss_without_a_method_says_which_it_lacks(call):
    class Unfinished(Loss):
        pass

    arguments = {"weights": 1, "terms": 3, "align": 2, "predict": 1, "score": 2}[call]
    with pytest.raises(NotImplementedError, match=f"^Unfinished does not define {call}$"):
        getattr(Unfinished(), call)(*[np.zeros((1, 1))] * arguments)


def test_the_evidence_of_weighted_steps_leaves_out_padding_and_weight_zero():
    outputs, targets = np.arange(12.0).reshape(3, 2, 2), np.array([[0, 1], [1, 0], [0, 1]])
    due = np.array([[True, True], [True, False], [True, False]])
    weights = np.array([[1.0, 2.0], [0.0, 4.0], [3.0, 5.0]])
    found = MeanSquaredError().evidence(outputs, targets, due, weights)
    assert [part.tolist() for part in found] == [[[0, 1], [2, 3], [8, 9]], [0, 1, 0], [1, 2, 3]]
    counts = CrossEntropy().evidence(outputs, targets, due, weights)  # class 1 is predicted at every step
    assert [part.tolist() for part in counts] == [[2], [6]]
    first = CrossEntropy().evidence(outputs[:1], targets[:1], due[:1], np.array([[1.0, 0.0]]))
    assert CrossEntropy().pooled_score([counts, first]) == pytest.approx(2 / 7)


def test_the_accuracy_of_binary_steps_leaves_out_padding():
    outputs = np.array([[[1.0], [1.0]], [[1.0], [-1.0]]])  # (T, B, K) = (2, 2, 1)
    targets = np.array([[1.0, 1.0], [0.0, 1.0]])
    assert BinaryCrossEntropy().score(outputs, targets, [2, 1]) == pytest.approx(2 / 3)
    assert BinaryCrossEntropy().score(outputs, targets) == 0.5
    assert BinaryCrossEntropy().score(outputs[0], targets[0], lengths=[9, 9]) == 1.0


def test_half_is_the_lower_of_two_classes():
    assert BinaryCrossEntropy().score([[-1.0], [-1.0], [1.0]], [0.5, 0.51, 0.51]) == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("outputs", "targets", "advice"),
    [
        ((5, 2, 3), (2, 3), "add rnnbp.Last"),
        ((5, 2, 3), (5, 2, 1), ""),
        ((2, 3), (5, 2), "leave out the layer that pools over time"),
        ((2, 3), (2, 5), ""),
        ((2, 3), (5,), ""),
    ],
)
def test_the_advice_for_targets_of_a_wrong_shape_fits_the_shapes(outputs, targets, advice):
    with pytest.raises(ValueError, match="targets must have shape") as caught:
        MeanSquaredError()(np.zeros(outputs), np.zeros(targets))
    assert advice in str(caught.value)
    assert ("rnnbp.Last" in str(caught.value)) == bool(advice)


def test_the_median_of_several_quantiles_is_the_prediction():
    loss = Quantile((0.1, 0.5, 0.9))
    assert loss.predict([[3.0, 1.0, 2.0, 6.0, 5.0, 4.0]]).tolist() == [[2.0, 5.0]]
    assert Quantile((0.1, 0.9)).predict([[2.0, 1.0]]).tolist() == [[[1.0, 2.0]]]
