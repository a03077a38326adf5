"""Feature names of a model: set by training, saved, and compared by name with those of other data."""

import numpy as np
import pytest

import rnnbp

NAMES = ("energy", "pitch", "tone")


def dataset(names=NAMES, order=(0, 1, 2), n=6):
    rng = np.random.default_rng(0)
    sequences = [rng.standard_normal((rng.integers(2, 5), 3))[:, list(order)] for _ in range(n)]
    return rnnbp.SequenceDataset(sequences, [i % 2 for i in range(n)], feature_names=names)


@pytest.fixture
def trainer():
    model = rnnbp.Sequential(rnnbp.GRU(3, 4), rnnbp.Last(), rnnbp.Dense(4, 2))
    made = rnnbp.Trainer(model, rnnbp.CrossEntropy())
    made.fit(dataset(), epochs=1, progress=False)
    return made


def test_training_sets_the_names_which_the_file_has_too(trainer, tmp_path):
    assert trainer.model.feature_names == NAMES
    trainer.model.save(tmp_path / "m.npz")
    assert rnnbp.load(tmp_path / "m.npz").feature_names == NAMES


def test_features_in_another_order_are_put_in_the_models(trainer):
    other = dataset(("tone", "energy", "pitch"), (2, 0, 1))
    np.testing.assert_array_equal(trainer.model.predict_proba(other), trainer.model.predict_proba(dataset()))
    np.testing.assert_array_equal(trainer.predict_proba(other), trainer.predict_proba(dataset()))
    np.testing.assert_array_equal(
        trainer.model.transform(other, 0, "states")[1], trainer.model.transform(dataset(), 0, "states")[1]
    )
    assert trainer.evaluate(other) == trainer.evaluate(dataset())
    rows = trainer.fit(other, other, epochs=1, progress=False)
    assert trainer.evaluate(dataset())["loss"] == rows["validation_loss"].iloc[-1]


def test_a_validation_set_of_a_first_training_is_put_in_order():
    model = rnnbp.Sequential(rnnbp.GRU(3, 4), rnnbp.Last(), rnnbp.Dense(4, 2))
    trainer = rnnbp.Trainer(model, rnnbp.CrossEntropy())
    rows = trainer.fit(dataset(), dataset(("tone", "energy", "pitch"), (2, 0, 1)), epochs=1, progress=False)
    assert rows["validation_loss"].iloc[-1] == trainer.evaluate(dataset())["loss"]


def test_names_that_nothing_is_known_of_fit(trainer):
    expected = trainer.model.predict_proba(dataset())
    np.testing.assert_array_equal(trainer.model.predict_proba(dataset(None)), expected)
    np.testing.assert_array_equal(trainer.model.predict_proba(dataset().sequences), expected)
    trainer.model.feature_names = None
    np.testing.assert_array_equal(trainer.model.predict_proba(dataset(("a", "b", "c"))), expected)
    trainer.model.feature_names = ("x0", "x1", "x2")
    np.testing.assert_array_equal(trainer.model.predict_proba(dataset(("a", "b", "c"))), expected)


def test_other_names_are_refused(trainer):
    other = dataset(("energy", "pitch", "colour"))
    message = (
        r"{}: the features must be those that the model was trained on, energy, pitch, tone: "
        "missing tone; unexpected colour. model.feature_names = None"
    )
    for call, name in (
        (lambda: trainer.model.predict(other), "data"),
        (lambda: trainer.evaluate(other), "dataset"),
        (lambda: trainer.fit(other, epochs=1, progress=False), "train"),
        (lambda: trainer.fit(dataset(), other, epochs=1, progress=False), "validation"),
    ):
        with pytest.raises(ValueError, match=message.format(name)):
            call()


def test_tokens_of_other_characters_are_refused_in_every_use():
    text = "abcd" * 20
    train, same = (rnnbp.SequenceDataset.from_text(text, 2, 10) for _ in range(2))
    other = rnnbp.SequenceDataset.from_text(text, 2, 10, rnnbp.data.CharTokenizer("dcba"))
    model = rnnbp.Sequential(rnnbp.Embedding(4, 4), rnnbp.GRU(4, 8), rnnbp.Dense(8, 4))
    trainer = rnnbp.Trainer(model, rnnbp.CrossEntropy(), stateful=True)
    with pytest.raises(ValueError, match=r"validation has the tokens of CharTokenizer\('dcba'"):
        trainer.fit(train, other, epochs=1, batch_size=2, progress=False)
    trainer.fit(train, same, epochs=1, batch_size=2, progress=False)
    for use in (
        lambda: trainer.fit(other, epochs=1, batch_size=2, progress=False),
        lambda: trainer.evaluate(other),
        lambda: model.predict(other),
        lambda: model.transform(other, layer=1, what="states"),
    ):
        with pytest.raises(
            ValueError, match=r"tokens of CharTokenizer\('dcba'.*the model those of CharTokenizer\('abcd'"
        ):
            use()
