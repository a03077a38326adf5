"""Labels are renumbered by class name between two datasets, and between a dataset and a model."""

import numpy as np
import pandas as pd
import pytest

import rnnbp
from rnnbp.applications.nettalk import CTCReader, Reader
from rnnbp.applications.spoken_digits import leave_one_speaker_out
from rnnbp.diagnostics import unit_importance
from rnnbp.models import matched

LEVELS = {"a": -2.0, "b": 0.0, "c": 2.0}


def spoken(names, classes=None) -> rnnbp.SequenceDataset:
    """Return a dataset with one sequence for each name; the level of a sequence identifies its name."""
    return rnnbp.SequenceDataset([np.full((2, 1), LEVELS[n]) for n in names], targets=list(names), classes=classes)


def network(seed=0) -> rnnbp.Sequential:
    return rnnbp.Sequential(rnnbp.Last(), rnnbp.Dense(1, 8, activation="tanh"), rnnbp.Dense(8, 3), seed=seed)


@pytest.fixture(scope="module")
def trainer() -> rnnbp.Trainer:
    """Return a trainer whose model classifies a, b and c."""
    made = rnnbp.Trainer(network(), rnnbp.CrossEntropy(), rnnbp.Backprop(), rnnbp.Adam(0.1))
    made.fit(spoken("abc" * 5), epochs=60, progress=False)
    assert made.evaluate(spoken("abc"))["accuracy"] == 1
    return made


# ---- a dataset ----------------------------------------------------------------------------------


def test_labels_are_mapped_by_name():
    data = spoken("cbac").with_classes(["b", "a", "d", "c"])
    assert data.targets.tolist() == [3, 0, 1, 3]
    assert data.classes == ("b", "a", "d", "c")
    assert data.named_targets.tolist() == list("cbac")


def test_steps_without_a_label_are_unchanged():
    data = rnnbp.SequenceDataset([np.ones((3, 1)), np.ones((2, 1))], targets=[["b", None, "c"], ["c", "b"]])
    moved = data.with_classes(["c", "a", "b"])
    assert [t.tolist() for t in moved.targets] == [[2, -1, 0], [0, 2]]
    assert [t.tolist() for t in moved.named_targets] == [["b", None, "c"], ["c", "b"]]


def test_label_sequences_are_mapped_by_name():
    labels = rnnbp.LabelSequences([["x", "y"], [], ["y"]])
    moved = rnnbp.SequenceDataset([np.ones((4, 1))] * 3, labels).with_classes(["<blank>", "y", "x"])
    assert [one.tolist() for one in moved.targets] == [[2, 1], [], [1]]
    assert moved.targets.classes == moved.classes == ("<blank>", "y", "x")
    assert moved.named_targets == [["x", "y"], [], ["y"]]


def test_the_sequences_of_every_epoch_keep_the_mapping():
    data = rnnbp.data.ResampledDataset(lambda place, epoch: np.ones((2, 1)), targets=["b", "c"]).with_classes(
        list("abc")
    )
    assert data.at_epoch(3).targets.tolist() == data.subset([0, 1]).targets.tolist() == [1, 2]


def test_integer_labels_take_names_by_index():
    data = rnnbp.SequenceDataset([np.ones((2, 1))] * 2, targets=[1, 0]).with_classes(["no", "yes"])
    assert data.named_targets.tolist() == ["yes", "no"]
    with pytest.raises(ValueError, match="the class of sequence 0 must be from 0 to 0, got 1"):
        rnnbp.SequenceDataset([np.ones((2, 1))] * 2, targets=[1, 0]).with_classes(["no"])


def test_unknown_names_without_occurrences_are_accepted():
    data = spoken("ab", classes=["a", "b", "unused"])
    assert data.with_classes(["b", "a"]).targets.tolist() == [1, 0]


def test_unknown_names_are_listed():
    with pytest.raises(ValueError, match="the classes 'b', 'c' are not among 'a', 'd'"):
        spoken("abc").with_classes(["a", "d"])
    with pytest.raises(ValueError, match=r"the classes 'yess' are not among .* Did you mean 'yes'\?"):
        rnnbp.SequenceDataset([np.ones((2, 1))], targets=["yess"]).with_classes(["no", "yes"])
    with pytest.raises(ValueError, match="targets must be labels"):
        rnnbp.SequenceDataset([np.ones((2, 1))], targets=[[0.5]]).with_classes(["a"])


# ---- a dataset and a model ----------------------------------------------------------------------


def test_a_model_knows_the_classes_that_it_was_trained_on(trainer):
    assert trainer.model.classes == ("a", "b", "c")
    assert isinstance(trainer.model.loss, rnnbp.CrossEntropy)


@pytest.mark.parametrize("names", ["bc", "c", "cba"])
def test_a_subset_of_the_classes_is_evaluated_by_name(trainer, names):
    assert trainer.evaluate(spoken(names))["accuracy"] == 1


def test_classes_in_another_order_are_evaluated_by_name(trainer):
    assert trainer.evaluate(spoken("abc", classes=["c", "a", "b"]))["accuracy"] == 1


def test_unknown_classes_are_refused_by_every_use_of_a_model(trainer):
    data = rnnbp.SequenceDataset([np.ones((2, 1))] * 3, targets=["a", "x", "y"])
    before = trainer.model.params.vector.copy()
    with pytest.raises(ValueError, match="dataset: the classes 'x', 'y' are not among 'a', 'b', 'c'"):
        trainer.evaluate(data)
    with pytest.raises(ValueError, match="train: the classes 'x', 'y' are not among"):
        trainer.fit(data, epochs=1, progress=False)
    with pytest.raises(ValueError, match="validation: the classes 'x', 'y' are not among"):
        trainer.fit(spoken("abc"), data, epochs=1, progress=False)
    with pytest.raises(ValueError, match="test: the classes 'x', 'y' are not among"):
        rnnbp.compare({"net": network}, spoken("abc" * 3), data, progress=False)
    np.testing.assert_array_equal(trainer.model.params.vector, before)


def test_a_refused_training_leaves_the_model_without_classes():
    model = network()
    with pytest.raises(ValueError, match="validation: the classes 'c'"):
        rnnbp.Trainer(model, rnnbp.CrossEntropy()).fit(spoken("ab"), spoken("c"), epochs=1, progress=False)
    assert model.classes is None
    assert model.loss is None


def test_validation_is_scored_by_name():
    made = rnnbp.Trainer(network(), rnnbp.CrossEntropy(), rnnbp.Backprop(), rnnbp.Adam(0.1))
    history = made.fit(spoken("abc" * 5), spoken("cb"), epochs=60, progress=False)
    assert history["validation_accuracy"].iloc[-1] == 1


def test_training_continues_with_a_subset_in_another_order():
    made = rnnbp.Trainer(network(), rnnbp.CrossEntropy(), rnnbp.Backprop(), rnnbp.Adam(0.1))
    made.fit(spoken("abc" * 5), epochs=60, progress=False)
    row = made.fit(spoken("cb", classes=["c", "b"]), epochs=1, progress=False).iloc[-1]
    assert row["accuracy"] == 1
    assert made.model.classes == ("a", "b", "c")


def test_a_model_without_classes_learns_new_ones():
    model = network()
    model.classes = ["u", "v", "w"]
    model.classes = None
    rnnbp.Trainer(model, rnnbp.CrossEntropy()).fit(spoken("abc"), epochs=1, progress=False)
    assert model.classes == ("a", "b", "c")


def test_integer_labels_are_unchanged(trainer):
    integers = rnnbp.SequenceDataset([np.full((2, 1), 2.0)], targets=[2])
    assert trainer.evaluate(integers)["accuracy"] == 1


def test_names_are_not_compared_with_integers():
    integers = rnnbp.SequenceDataset([np.ones((2, 1))] * 3, targets=[0, 1, 2])
    made = rnnbp.Trainer(network(), rnnbp.CrossEntropy())
    with pytest.raises(ValueError, match="validation has the classes 'b', 'c', and the model is trained without names"):
        made.fit(integers, spoken("bc"), epochs=1, progress=False)
    made.fit(integers, epochs=1, progress=False)
    with pytest.raises(ValueError, match="dataset has the classes 'b', 'c'"):
        made.evaluate(spoken("bc"))


def test_a_checkpoint_knows_the_classes(tmp_path):
    def of(model):
        return rnnbp.Trainer(model, rnnbp.CrossEntropy())

    of(network()).fit(spoken("abc"), epochs=1, progress=False, checkpoint=tmp_path / "c.npz")
    again = of(network())
    again.resume(tmp_path / "c.npz")
    assert again.model.classes == ("a", "b", "c")
    other = network()
    other.classes = ["c", "b", "a"]
    before = other.params.vector.copy()
    with pytest.raises(ValueError, match="has the classes 'a', 'b', 'c', and the trainer's has 'c', 'b', 'a'"):
        of(other).resume(tmp_path / "c.npz")
    np.testing.assert_array_equal(other.params.vector, before)


def test_a_resumed_finished_training_predicts_by_name(tmp_path):
    for _ in range(2):
        made = rnnbp.Trainer(network(), rnnbp.CrossEntropy())
        made.fit_up_to(1, spoken("abc"), progress=False, checkpoint=tmp_path / "c.npz")
        assert set(made.model.predict(spoken("abc"))) <= set("abc")


def test_label_sequences_are_scored_by_name():
    """A network that predicts x at every step."""
    model = rnnbp.Sequential(rnnbp.Dense(1, 3))
    model.params["0.w"], model.params["0.b"] = 0.0, [0.0, 9.0, 0.0]
    model.classes, model.loss = ["<blank>", "x", "y"], rnnbp.CTC()
    labels = rnnbp.LabelSequences([["x"]], classes=["<blank>", "y", "x"])
    assert rnnbp.Trainer(model, rnnbp.CTC()).evaluate(rnnbp.SequenceDataset([np.ones((3, 1))], labels)) == {
        "loss": pytest.approx(0, abs=1e-2),
        "token_error_rate": 0.0,
    }


def test_an_ensemble_has_the_classes_of_its_networks(trainer):
    with pytest.raises(
        ValueError, match=r"must be those that models\[0\] was trained on, 'a', 'b', 'c', in their order"
    ):
        Reader([trainer.model], ["c", "b", "a"])
    with pytest.raises(ValueError, match="got 'a', 'b'"):
        CTCReader([trainer.model], ["a", "b"])


def test_units_are_ranked_by_labels_of_the_same_names():
    train, test = rnnbp.datasets.load_digits()
    model = rnnbp.Sequential(rnnbp.Flatten(1), rnnbp.Dense(64, 8, "relu"), rnnbp.Dense(8, 10))
    rnnbp.Trainer(model, rnnbp.CrossEntropy(), rnnbp.Backprop()).fit(train, epochs=1, progress=False)
    found = unit_importance(model, test.with_classes("9876543210"))
    pd.testing.assert_frame_equal(found, unit_importance(model, test))


# ---- comparisons --------------------------------------------------------------------------------


def test_a_comparison_scores_by_name():
    report = rnnbp.compare(
        {"net": network},
        spoken("abc" * 6),
        spoken("cb" * 3, classes=["c", "b"]),
        seeds=1,
        epochs=80,
        optimizer=lambda: rnnbp.Adam(0.1),
        progress=False,
    )
    assert report.table["test_mean"].tolist() == [1.0]


def test_a_speakers_classes_are_scored_by_name():
    def load(speaker):
        """The speaker never says 0."""
        train, test = vowels.subset(vowels.targets < 3), vowels.subset((vowels.targets == 1) | (vowels.targets == 2))
        few = rnnbp.SequenceDataset(test.sequences, test.named_targets.tolist())
        assert few.classes == vowels.classes[1:3]
        return train, [few]

    vowels, _ = rnnbp.datasets.load_japanese_vowels()
    runs = leave_one_speaker_out(load, ["ann"], ["statistics-mlp"], seeds=1, epochs=5, progress=False)
    assert runs["test"].item() > 0.9


def test_a_dataset_with_the_same_classes_is_not_copied():
    data = spoken("abc")
    assert matched("test", data, ("a", "b", "c")) is data
