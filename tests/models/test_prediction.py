"""Predictions of a trained and of a loaded model, under the class names of the training data."""

import numpy as np
import pytest

import rnnbp


def named(n=12) -> rnnbp.SequenceDataset:
    """Return sequences of 2 to 4 steps above or below zero, with a name of a class."""
    rng = np.random.default_rng(0)
    kinds = [("up", "down")[i % 2] for i in range(n)]
    sequences = [rng.normal(2 if kind == "up" else -2, 0.3, (rng.integers(2, 5), 1)) for kind in kinds]
    return rnnbp.SequenceDataset(sequences, targets=kinds)


def trained(data, loss, outputs, *, per_step=False, epochs=40) -> rnnbp.Sequential:
    last = () if per_step else (rnnbp.Last(),)
    model = rnnbp.Sequential(rnnbp.Elman(1, 4), *last, rnnbp.Dense(4, outputs))
    rnnbp.Trainer(model, loss, optimizer=rnnbp.Adam(0.05)).fit(data, epochs=epochs, progress=False)
    return model


@pytest.fixture(scope="module")
def model() -> rnnbp.Sequential:
    return trained(named(), rnnbp.CrossEntropy(), 2)


def test_predictions_are_class_names_where_there_are_names(model):
    data = named()
    assert model.predict(data).tolist() == data.named_targets.tolist()
    assert (model.predict(data) == data.named_targets).mean() == 1


def test_a_loaded_model_predicts_without_a_trainer(model, tmp_path):
    model.save(tmp_path / "m.npz")
    again = rnnbp.load(tmp_path / "m.npz")
    assert again.classes == ("down", "up")
    assert repr(again.loss) == repr(rnnbp.CrossEntropy())
    np.testing.assert_array_equal(again.predict(named()), model.predict(named()))
    np.testing.assert_array_equal(again.predict_proba(named()), model.predict_proba(named()))


def test_probabilities_are_in_the_order_of_the_classes(model):
    data, p = named(), model.predict_proba(named())
    assert p.shape == (12, 2)
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-6)
    assert np.array(model.classes)[p.argmax(axis=1)].tolist() == model.predict(data).tolist()


def test_the_trainer_predicts_the_same(model):
    trainer = rnnbp.Trainer(model, rnnbp.CrossEntropy())
    np.testing.assert_array_equal(trainer.predict(named()), model.predict(named()))
    np.testing.assert_array_equal(trainer.predict_proba(named(), batch_size=5), model.predict_proba(named()))


@pytest.mark.parametrize("batch_size", [1, 5, 256])
def test_predict_takes_datasets_batches_and_lists(model, batch_size):
    data = named()
    expected = model.predict(data).tolist()
    assert model.predict(data, batch_size).tolist() == expected
    assert model.predict(list(data.sequences), batch_size).tolist() == expected
    assert model.predict([x.tolist() for x in data.sequences], batch_size).tolist() == expected
    assert model.predict(data.batch(), batch_size).tolist() == expected  # in the caller's order, not the longest first


def test_integers_without_names_stay_integers():
    data = named()
    data = rnnbp.SequenceDataset(list(data.sequences), targets=data.targets)
    found = trained(data, rnnbp.CrossEntropy(), 2).predict(data)
    assert found.dtype.kind == "i"
    assert found.tolist() == data.targets.tolist()


def test_one_value_is_predicted_as_a_number_and_several_as_a_row():
    x = [np.full((3, 1), v) for v in (0.0, 1.0)]
    one = rnnbp.SequenceDataset(x, targets=[0.0, 1.0])
    assert trained(one, rnnbp.MeanSquaredError(), 1, epochs=1).predict(one).shape == (2,)
    two = rnnbp.SequenceDataset(x, targets=[[0.0, 1.0], [1.0, 0.0]])
    assert trained(two, rnnbp.MeanSquaredError(), 2, epochs=1).predict(two).shape == (2, 2)


def test_a_binary_label_is_predicted_under_its_name():
    data = named()
    model = trained(data, rnnbp.BinaryCrossEntropy(), 1)
    assert model.predict(data).tolist() == data.named_targets.tolist()
    assert model.predict_proba(data).shape == (12,)
    assert ((model.predict_proba(data) > 0.5) == (data.named_targets == "up")).all()


def test_outputs_of_steps_are_predicted_for_every_step():
    x = [np.ones((3, 1)), -np.ones((2, 1))]
    data = rnnbp.SequenceDataset(x, targets=[["up"] * 3, ["down"] * 2])
    model = trained(data, rnnbp.CrossEntropy(), 2, per_step=True)
    assert [one.tolist() for one in model.predict(data)] == [["up"] * 3, ["down"] * 2]
    assert [p.shape for p in model.predict_proba(data)] == [(3, 2), (2, 2)]
    values = rnnbp.SequenceDataset(x, targets=[np.zeros(3), np.zeros(2)])
    found = trained(values, rnnbp.MeanSquaredError(), 1, per_step=True, epochs=1).predict(values)
    assert [one.shape for one in found] == [(3,), (2,)]


def test_label_sequences_are_predicted_as_lists_of_names():
    x = [np.ones((6, 1)), -np.ones((5, 1))]
    data = rnnbp.SequenceDataset(x, rnnbp.LabelSequences([["up"], ["down"]]))
    model = trained(data, rnnbp.CTC(), 3, per_step=True, epochs=300)
    assert model.predict(data) == [["up"], ["down"]] == data.named_targets
    assert rnnbp.token_error_rate(data.named_targets, model.predict(data)).rate == 0
    with pytest.raises(ValueError, match="y_true holds integers and y_pred names"):
        rnnbp.token_error_rate(data.targets, model.predict(data))
    integers = rnnbp.SequenceDataset(x, rnnbp.LabelSequences([[1], [2]]))
    found = trained(integers, rnnbp.CTC(), 3, per_step=True, epochs=300).predict(integers)
    assert [one.tolist() for one in found] == [[1], [2]]


def test_a_float64_model_predicts_in_float64(model):
    """The difference from 1 is smaller than float32 can represent."""
    double = rnnbp.Sequential(rnnbp.Last(), rnnbp.Dense(1, 1), dtype=np.float64)
    double.params["1.w"], double.params["1.b"], double.loss = 1.0, 0.0, rnnbp.MeanSquaredError()
    assert double.predict([[[1 + 1e-12]]]).item() == 1 + 1e-12
    assert model.astype(np.float64).predict(named()).tolist() == model.predict(named()).tolist()


# ---- data and models that are refused ------------------------------------------------------------


def test_a_model_that_was_never_trained_is_refused_with_advice():
    model = rnnbp.Sequential(rnnbp.Last(), rnnbp.Dense(1, 2))
    for ask in (model.predict, model.predict_proba):
        with pytest.raises(ValueError, match=r"never trained.*rnnbp.Trainer\(model, loss\).fit\(data\)"):
            ask(named())
    assert rnnbp.Trainer(model, rnnbp.CrossEntropy()).predict(named()).shape == (12,)  # which has a loss


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (np.ones((3, 1)), r"got an array of shape \(3, 1\): give one sequence as \[x\]"),
        (np.ones((3, 2, 1)), r"got an array of shape \(3, 2, 1\): SequenceDataset.from_padded\(x\) takes \(N, T, F\)"),
        (None, "data must be a SequenceDataset, a SequenceBatch or a list of arrays .* got None"),
        ([], r"got \[\]"),
        ("a.ts", r"got 'a.ts': read it by rnnbp.datasets.read_ts\('a.ts'\)"),
    ],
)
def test_other_data_are_refused(model, data, message):
    trainer = rnnbp.Trainer(model, rnnbp.CrossEntropy())
    for ask in (model.predict, model.predict_proba, trainer.predict, trainer.predict_proba):
        with pytest.raises(ValueError, match=message):
            ask(data)


def test_values_have_no_probabilities():
    model = rnnbp.Sequential(rnnbp.Last(), rnnbp.Dense(1, 1))
    model.loss = rnnbp.MeanSquaredError()
    for ask in (model.predict_proba, rnnbp.Trainer(model, rnnbp.MeanSquaredError()).predict_proba):
        with pytest.raises(
            ValueError, match="MeanSquaredError is for values, which have no probabilities: use predict"
        ):
            ask(named())


def test_probabilities_of_a_trainer_are_by_its_own_loss(model):
    p = rnnbp.Trainer(model, rnnbp.BinaryCrossEntropy()).predict_proba(named())
    outputs = model.forward(named().batch())
    np.testing.assert_allclose(named().batch().restore(1 / (1 + np.exp(-outputs))), p, rtol=1e-5)


def test_an_output_without_a_name_is_refused():
    model = rnnbp.Sequential(rnnbp.Last(), rnnbp.Dense(1, 3))
    model.params["1.w"], model.params["1.b"] = 0.0, [0.0, 0.0, 1.0]
    model.loss, model.classes = rnnbp.CrossEntropy(), ["a", "b"]
    with pytest.raises(ValueError, match="output 2 is the greatest of a sequence, but the model has 2 classes"):
        model.predict(named())


class Absolute(rnnbp.MeanSquaredError):
    """User-defined loss."""


def test_a_user_defined_loss_is_passed_to_load(model, tmp_path):
    mine = model.astype(np.float32)
    mine.loss = Absolute()
    mine.save(tmp_path / "m.npz")
    with pytest.raises(ValueError, match=r"unknown type '\w+.Absolute'.* A class of your own is given as classes="):
        rnnbp.load(tmp_path / "m.npz")
    assert isinstance(rnnbp.load(tmp_path / "m.npz", classes=[Absolute]).loss, Absolute)


# ---- representation and label sequences ----------------------------------------------------------


def test_the_html_of_a_model_is_a_table_of_layers(model):
    page = model._repr_html_()
    assert page.count("<tr") == 1 + 3 + 1  # columns, layers, total
    assert all(name in page for name in ("Elman", "Last", "Dense"))
    assert "(T, B, 4)" in page
    assert "trained for CrossEntropy" in page
    assert len(repr(model)) < 100


def spelled(classes) -> rnnbp.SequenceDataset:
    """Return words of two or three letters, two steps a letter, with `classes` in the order given."""
    words = ["abc", "cab", "ba", "acb", "bca"]
    shown = {name: 3 * np.eye(4)[i] for i, name in enumerate("_abc")}
    sequences = [np.repeat([shown[letter] for letter in word], 2, axis=0) for word in words]
    return rnnbp.SequenceDataset(sequences, targets=rnnbp.LabelSequences(words, classes))


@pytest.mark.parametrize("order", [["_", "c", "b", "a"], ["c", "_", "b", "a"], ["c", "b", "a", "_"]])
def test_label_sequences_are_mapped_by_name_wherever_the_blank_is(order):
    own, other = spelled(["_", "a", "b", "c"]), spelled(order)
    model = rnnbp.Sequential(rnnbp.Dense(4, 4))
    trainer = rnnbp.Trainer(model, rnnbp.CTC(), optimizer=rnnbp.Adam(0.1))
    history = trainer.fit(own, other, epochs=3, progress=False)
    assert history["validation_loss"].iloc[-1] == trainer.evaluate(own)["loss"]
    assert trainer.evaluate(other) == trainer.evaluate(own)
    trainer.fit(other, epochs=1, progress=False)
    assert trainer.evaluate(other) == trainer.evaluate(own)
