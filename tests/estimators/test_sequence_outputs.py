"""Estimators of a label a step, of label sequences, and of the next steps; transformers before them."""

import numpy as np
import pytest

import rnnbp
from rnnbp.data import LabelSequences, SequenceDataset

pytest.importorskip("sklearn")
from sklearn.model_selection import GridSearchCV, TimeSeriesSplit, cross_val_score
from sklearn.pipeline import make_pipeline

from rnnbp.estimators import (
    SequenceClassifier,
    SequenceFeatures,
    SequenceForecaster,
    SequenceStandardizer,
    SequenceTagger,
    SequenceTranscriber,
)


def running_signs(count: int = 30) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Return random walks' steps, and the sign of the walk at each step."""
    rng = np.random.default_rng(0)
    X = [rng.normal(size=(n, 1)) for n in rng.integers(3, 12, count)]
    return X, [np.where(x.cumsum() > 0, "plus", "minus") for x in X]


TAGGER = SequenceTagger(cell="elman", hidden_size=8, epochs=60, batch_size=8, random_state=0)


def test_a_class_of_each_step_is_learned():
    X, y = running_signs()
    tagger = TAGGER.fit(X, y)
    assert tagger.classes_.tolist() == ["minus", "plus"]
    assert tagger.score(X, y) > 0.95
    assert [len(p) for p in tagger.predict(X)] == [len(x) for x in X]
    assert tagger.predict_proba(X)[3].shape == (len(X[3]), 2)
    assert np.mean(np.concatenate(tagger.predict(X)) == np.concatenate(y)) == tagger.score(X, y)


def test_steps_without_a_label_do_not_count():
    X, y = running_signs()
    holes = [np.where(np.arange(len(one)) % 3 == 1, None, one) for one in y]
    tagger = SequenceTagger(cell="elman", epochs=2, random_state=0).fit(X, holes)
    assert tagger.classes_.tolist() == ["minus", "plus"]
    data = SequenceDataset(X, [np.where(np.arange(len(one)) % 3 == 1, -1, one == "plus") for one in y], per_step=True)
    of_dataset = SequenceTagger(cell="elman", epochs=2, random_state=0).fit(data)
    assert of_dataset.classes_.tolist() == [0, 1]
    assert (of_dataset.model_.params.vector == tagger.model_.params.vector).all()
    assert of_dataset.score(data) == tagger.score(X, holes)


def test_labels_must_be_one_a_step():
    X, y = running_signs()
    with pytest.raises(ValueError, match=r"y of sequence 1 must be one for each of its 8 steps, got \(7,\)"):
        TAGGER.fit(X[:2], [y[0], y[1][:-1]])


TRANSCRIBER = SequenceTranscriber(cell="elman", epochs=60, batch_size=8, random_state=0)


def spelled(words: list[str]) -> list[np.ndarray]:
    """Return two steps for each letter, with a pause between letters."""
    codes = np.eye(3)
    return [codes[[k for letter in word for k in ("ab".index(letter), "ab".index(letter), 2)]] for word in words]


def test_label_sequences_are_learned():
    words = ["ab", "ba", "a", "bb", "aba"] * 6
    X = spelled(words)
    transcriber = TRANSCRIBER.fit(X, words)
    assert transcriber.classes_.tolist() == ["a", "b"]
    assert transcriber.score(X, words) == 1.0
    assert "".join(transcriber.predict(spelled(["bab"]))[0]) == "bab"
    assert transcriber.predict_proba(X)[0].shape == (6, 3)


def test_label_sequences_may_be_integers_names_or_a_dataset():
    words = ["ab", "ba", "a", "bb"] * 2
    X, settings = spelled(words), {"cell": "elman", "epochs": 2, "random_state": 0}
    fits = [
        SequenceTranscriber(**settings).fit(X, words),
        SequenceTranscriber(**settings).fit(X, [["ab".index(letter) for letter in word] for word in words]),
        SequenceTranscriber(**settings).fit(SequenceDataset(X, LabelSequences(words))),
    ]
    for other in fits[1:]:
        assert (other.model_.params.vector == fits[0].model_.params.vector).all()
    assert fits[1].classes_.tolist() == [0, 1]


@pytest.mark.parametrize("steps_ahead", [1, 3])
def test_a_wave_is_continued(steps_ahead):
    t = np.arange(300)
    wave = 100 + 20 * np.stack([np.sin(t / 4), np.cos(t / 4)], axis=1)
    forecaster = SequenceForecaster(cell="gru", steps_ahead=steps_ahead, epochs=40, batch_size=2, random_state=0)
    forecaster.fit(wave[:290])
    assert np.abs(forecaster.predict(10) - wave[290:]).max() < 4
    assert forecaster.score(wave) > 0.95
    assert forecaster.predict(4).shape == (4, 2)
    assert forecaster.predict(4, X=[wave[:50], wave[:60]]).shape == (2, 4, 2)


def test_a_forecast_of_several_series_is_that_of_each():
    rng = np.random.default_rng(0)
    series = [rng.normal(size=n) for n in (20, 30, 25)]
    forecaster = SequenceForecaster(cell="elman", epochs=2, dtype="float64", random_state=0).fit(series)
    together = forecaster.predict(3)
    assert together.shape == (3, 3, 1)
    for one, alone in zip(together, series):
        np.testing.assert_allclose(forecaster.predict(3, X=alone), one[:, 0], rtol=1e-12)


def test_a_forecast_at_once_predicts_the_targets_that_it_was_trained_on():
    """The first prediction of `steps_ahead` steps is the output at the last step, in the units of the series."""
    series = np.random.default_rng(0).normal(5, 3, size=(40, 2))
    forecaster = SequenceForecaster(cell="elman", steps_ahead=4, epochs=1, dtype="float64", random_state=0).fit(series)
    scaled = forecaster.standardizer_(series)
    last = forecaster.model_.forward(scaled[:, None])[-1, 0].reshape(4, 2)
    np.testing.assert_allclose(forecaster.predict(4), forecaster.standardizer_.inverse(last), rtol=1e-12)


def test_folds_of_one_series_are_series():
    wave = np.sin(np.arange(200) / 4)
    scores = cross_val_score(
        SequenceForecaster(cell="elman", epochs=40, batch_size=1, random_state=0), wave[:, None], cv=TimeSeriesSplit(2)
    )
    assert (scores > 0.9).all()


def test_a_forecaster_takes_causal_layers_only():
    with pytest.raises(ValueError, match="SequenceForecaster takes causal layers"):
        SequenceForecaster(bidirectional=True, epochs=1).fit(np.arange(9.0))


def test_the_end_of_one_series_says_when_to_stop():
    """A series whose end is another one: the validation loss is that of the end."""
    series = np.concatenate([np.zeros(80), np.full(20, 5.0)]) + np.random.default_rng(0).normal(0, 0.1, 100)
    settings = {"cell": "elman", "window": 10, "early_stopping": True, "validation_fraction": 0.2, "epochs": 1}
    history = SequenceForecaster(**settings, random_state=0).fit(series).history_
    assert history["validation_loss"][0] > 5 * history["loss"][0]
    with pytest.raises(ValueError, match=r"validation_fraction=0.2 of 1 sequences leaves none for one of both parts"):
        SequenceForecaster(**(settings | {"window": 100})).fit(series)


def test_a_forecaster_needs_a_loss_of_one_prediction():
    band = rnnbp.losses.Quantile((0.1, 0.9))
    with pytest.raises(ValueError, match=r"predictions are fed back as inputs, but Quantile.* add 0.5 to quantiles"):
        SequenceForecaster(loss=band, epochs=1).fit(np.arange(9.0))
    assert SequenceForecaster(loss="quantile", steps_ahead=2, epochs=1).fit(np.arange(9.0)).predict(3).shape == (3,)


def test_a_pipeline_standardizes_by_the_training_sequences():
    rng = np.random.default_rng(0)
    X = [rng.normal(1000 + 10 * (i % 2), 3, (n, 1)) for i, n in enumerate(rng.integers(4, 9, 30))]
    y = np.arange(30) % 2
    pipeline = make_pipeline(SequenceStandardizer(), SequenceClassifier(cell="elman", epochs=20, random_state=0))
    assert pipeline.fit(X, y).score(X, y) > 0.9
    search = GridSearchCV(pipeline, {"sequenceclassifier__optimizer__learning_rate": [1e-6, 0.01]}, cv=2).fit(X, y)
    assert search.best_params_ == {"sequenceclassifier__optimizer__learning_rate": 0.01}


def test_a_standardizer_is_that_of_the_data_room_and_has_an_inverse():
    rng = np.random.default_rng(0)
    data = SequenceDataset([rng.normal(3, 2, (n, 2)) for n in (4, 6)], dtype=np.float64)
    standardizer = SequenceStandardizer().fit(data.sequences)
    flat = np.concatenate(standardizer.transform(data.sequences))
    np.testing.assert_allclose(flat.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(flat.std(axis=0), 1)
    assert isinstance(standardizer.transform(data), SequenceDataset)
    back = standardizer.inverse_transform(standardizer.transform(data.sequences))
    np.testing.assert_allclose(np.concatenate(back), np.concatenate(data.sequences))
    with pytest.raises(ValueError, match="X has 1 features, but SequenceStandardizer is expecting 2"):
        standardizer.transform([np.ones((3, 1))])


def test_features_of_recordings_are_those_of_the_features_room():
    recordings = [np.sin(np.arange(n) / 5) for n in (2000, 3000)]
    extract = rnnbp.features.MFCC(sr=8000, n_mfcc=5)
    transformer = SequenceFeatures(rnnbp.features.MFCC(sr=8000)).set_params(features__n_mfcc=5)
    for found, recording in zip(transformer.fit_transform(recordings), recordings):
        np.testing.assert_array_equal(found, extract(recording))


def test_reset_flags_of_a_dataset_are_those_of_training_and_prediction():
    X, y = running_signs()
    flags = [np.arange(len(x)) % 3 == 2 for x in X]
    tagger = SequenceTagger(cell="elman", epochs=2, random_state=0)
    tagger.fit(SequenceDataset(X, y, resets=flags))
    wanted = rnnbp.Sequential(*tagger.model_.layers, seed=tagger.model_.seed)
    data = SequenceDataset(X, y, resets=flags)
    trainer = rnnbp.Trainer(wanted, rnnbp.CrossEntropy(), optimizer=rnnbp.Adam(0.01), seed=wanted.seed)
    trainer.fit(data, epochs=2, batch_size=32, progress=False)
    np.testing.assert_array_equal(tagger.model_.params.vector, wanted.params.vector)


def test_a_forecaster_refuses_what_would_have_no_effect():
    X = [np.arange(9.0)[:, None]] * 2
    for options, what in (({"resets": [np.zeros(9, bool)] * 2}, "reset flags"), ({"weights": [1, 2]}, "weights")):
        with pytest.raises(ValueError, match=f"SequenceForecaster takes no {what}"):
            SequenceForecaster().fit(SequenceDataset(X, **options))


def test_classes_of_a_transcriber_are_sorted_and_each_is_one():
    X = [np.random.default_rng(0).normal(size=(8, 2))] * 4
    transcriber = SequenceTranscriber(cell="elman", random_state=0).partial_fit(X, ["ab"] * 4, classes=list("cbaa"))
    assert transcriber.classes_.tolist() == ["a", "b", "c"]
    assert transcriber.predict_proba(X)[0].shape == (8, 4)
