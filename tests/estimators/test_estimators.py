"""Estimators of sequences: training, prediction, and what scikit-learn does with them."""

import copy
import pickle
import re
import subprocess
import sys

import numpy as np
import pytest

import rnnbp
from rnnbp.data import SequenceDataset

pytest.importorskip("sklearn")
from sklearn import config_context
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import VotingClassifier
from sklearn.model_selection import GridSearchCV, GroupKFold, KFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.class_weight import compute_sample_weight

from rnnbp.estimators import (
    MLPClassifier,
    MLPRegressor,
    SequenceClassifier,
    SequenceRegressor,
    SequenceStandardizer,
    SequenceTagger,
)


def steps_up_or_down(count: int = 40, seed: int = 0) -> tuple[list[np.ndarray], np.ndarray]:
    """Return noisy ramps of different lengths, and whether they go up or down."""
    rng = np.random.default_rng(seed)
    y = np.array(["down", "up"])[np.arange(count) % 2]
    slope = np.where(y == "up", 0.5, -0.5)
    X = [k * np.arange(n)[:, None] + rng.normal(0, 0.1, (n, 2)) for k, n in zip(slope, rng.integers(4, 9, count))]
    return X, y


def last_step(features, outputs):
    """Return the layers of a network that sees the last step alone."""
    return [rnnbp.Last(), rnnbp.Dense(features, outputs)]


def without_address(value):
    """Return a value as text for the name of a test, which must be the same in every process."""
    return re.sub(" at 0x[0-9a-f]+", "", repr(value))


CLASSIFIERS = [
    SequenceClassifier(cell="elman", hidden_size=6, random_state=0),
    SequenceClassifier(cell="gru", hidden_size=6, bidirectional=True, num_layers=2, dropout=0.1, random_state=0),
    SequenceClassifier(cell=rnnbp.ElmanCell(1, 5, "relu"), pooling="mean", random_state=0),
    SequenceClassifier(cell=rnnbp.LSTMCell, hidden_size=5, gradient=rnnbp.TruncatedBPTT(2, 4), random_state=0),
    SequenceClassifier(cell="elman", pooling="attention", random_state=0),
    SequenceClassifier(cell="elman", loss="binary_cross_entropy", random_state=0),
    MLPClassifier(view="statistics", random_state=0),
    MLPClassifier(view="resampled", hidden_layer_sizes=(8, 8), random_state=0),
    MLPClassifier(view=rnnbp.Window(1, 1), random_state=0),
    MLPClassifier(model=last_step, random_state=0),
]


@pytest.mark.parametrize("classifier", CLASSIFIERS, ids=without_address)
def test_classes_of_sequences_are_learned(classifier):
    X, y = steps_up_or_down()
    classifier.fit(X, y)
    assert classifier.classes_.tolist() == ["down", "up"]
    assert classifier.score(X, y) == 1.0
    np.testing.assert_allclose(classifier.predict_proba(X).sum(axis=1), 1)
    assert (classifier.classes_[classifier.predict_proba(X).argmax(axis=1)] == classifier.predict(X)).all()
    assert classifier.n_features_in_ == 2
    assert classifier.n_iter_ == len(classifier.history_) == 30


@pytest.mark.parametrize("make", [SequenceRegressor, MLPRegressor])
def test_values_of_sequences_are_learned(make):
    X, _ = steps_up_or_down()
    y = np.array([x.mean() for x in X])
    regressor = make(random_state=0, epochs=60).fit(X, y)
    assert regressor.score(X, y) > 0.9
    assert regressor.predict(X).shape == (40,)
    both = make(random_state=0, epochs=60).fit(X, np.stack([y, -y], axis=1))
    assert both.predict(X).shape == (40, 2)
    assert both.score(X, np.stack([y, -y], axis=1)) > 0.9


@pytest.mark.parametrize(
    "loss", ["huber", "mean_absolute_error", rnnbp.losses.MixtureDensity(2), "quantile"], ids=without_address
)
def test_every_loss_of_values_trains_a_regressor(loss):
    X, _ = steps_up_or_down()
    y = np.stack([[x.mean(), -x[-1, 0]] for x in X])
    regressor = MLPRegressor(loss=loss, view="resampled", epochs=100, random_state=0).fit(X, y)
    assert regressor.predict(X).shape == (40, 2)
    assert regressor.score(X, y) > 0.8
    bands = MLPRegressor(loss=rnnbp.losses.Quantile((0.2, 0.8)), epochs=2).fit(X, y[:, 0]).predict(X)
    assert bands.shape == (40, 2)
    assert (bands[:, 0] <= bands[:, 1]).all()


def test_the_same_random_state_gives_the_same_bits():
    X, y = steps_up_or_down()
    one, other = (SequenceClassifier(cell="elman", random_state=3, epochs=3, dropout=0.2).fit(X, y) for _ in range(2))
    assert (one.model_.params.vector == other.model_.params.vector).all()
    third = SequenceClassifier(cell="elman", random_state=4, epochs=3).fit(X, y)
    assert not (one.model_.params.vector == third.model_.params.vector).all()


def test_the_model_of_an_estimator_is_that_of_a_trainer():
    """An estimator adds nothing to training."""
    X, y = steps_up_or_down()
    classifier = SequenceClassifier(cell="elman", hidden_size=4, epochs=3, batch_size=8, random_state=0).fit(X, y)
    seed = classifier.model_.seed
    model = rnnbp.Sequential(rnnbp.Elman(2, 4), rnnbp.Last(), rnnbp.Dense(4, 2), seed=seed)
    trainer = rnnbp.Trainer(model, rnnbp.CrossEntropy(), rnnbp.BPTT(), rnnbp.Adam(0.01), seed=seed)
    trainer.fit(SequenceDataset(X, y), epochs=3, batch_size=8, progress=False)
    assert (model.params.vector == classifier.model_.params.vector).all()


def test_warm_start_continues_where_fit_ended():
    X, y = steps_up_or_down()
    whole = SequenceClassifier(cell="elman", epochs=4, random_state=0).fit(X, y)
    parts = SequenceClassifier(cell="elman", epochs=2, random_state=0, warm_start=True).fit(X, y).fit(X, y)
    assert parts.n_iter_ == 4
    assert (parts.model_.params.vector == whole.model_.params.vector).all()


def test_partial_fit_trains_one_more_epoch():
    X, y = steps_up_or_down()
    whole = SequenceClassifier(cell="elman", epochs=3, random_state=0).fit(X, y)
    parts = SequenceClassifier(cell="elman", random_state=0)
    for _ in range(3):
        parts.partial_fit(X, y)
    assert parts.n_iter_ == 3
    assert (parts.model_.params.vector == whole.model_.params.vector).all()


def test_partial_fit_has_no_epochs_to_stop():
    with pytest.raises(ValueError, match="early_stopping=True has no effect on partial_fit"):
        SequenceClassifier(early_stopping=True).partial_fit(*steps_up_or_down())


def test_partial_fit_cannot_balance_classes_that_it_has_not_seen():
    with pytest.raises(ValueError, match="class_weight='balanced' would count the classes of each call"):
        SequenceClassifier(class_weight="balanced").partial_fit(*steps_up_or_down())


def test_partial_fit_takes_all_classes_at_the_first_call():
    X, y = steps_up_or_down()
    classifier = SequenceClassifier(cell="elman", random_state=0)
    classifier.partial_fit(X[::2], y[::2], classes=["down", "sideways", "up"]).partial_fit(X[1::2], y[1::2])
    assert classifier.predict_proba(X).shape == (40, 3)
    with pytest.raises(ValueError, match=r"y has the class 'round', which is not one of \['down', 'sideways', 'up'\]"):
        classifier.partial_fit(X[:1], ["round"])


def test_early_stopping_restores_the_best_epoch():
    X, y = steps_up_or_down()
    settings = {"cell": "elman", "early_stopping": True, "validation_fraction": 0.25, "patience": 2}
    classifier = SequenceClassifier(**settings, epochs=200, optimizer=rnnbp.Adam(0.1), random_state=0).fit(X, y)
    losses = classifier.history_["validation_loss"]
    assert classifier.n_iter_ == losses.idxmin() + 1 + 2 < 200


def test_a_pickled_or_copied_estimator_predicts_the_same_and_continues_the_same():
    X, y = steps_up_or_down()
    classifier = SequenceClassifier(cell="elman", epochs=2, random_state=0).fit(X, y)
    for other in (pickle.loads(pickle.dumps(classifier)), copy.deepcopy(classifier)):
        assert (other.predict_proba(X) == classifier.predict_proba(X)).all()
        other.partial_fit(X, y)
        assert other.n_iter_ == 3
        assert classifier.n_iter_ == 2


def test_a_search_over_nested_parameters_keeps_groups_together():
    X, y = steps_up_or_down()
    speakers = np.arange(40) // 4
    grid = {"cell": ["elman", "gru"], "optimizer__learning_rate": [0.01, 1e-6]}
    search = GridSearchCV(SequenceClassifier(hidden_size=4, random_state=0), grid, cv=GroupKFold(3))
    search.fit(X, y, groups=speakers)
    assert search.best_params_["optimizer__learning_rate"] == 0.01
    assert search.best_score_ == 1.0


def test_a_dataset_is_cut_by_scikit_learn_with_its_targets():
    X, y = steps_up_or_down(12)
    data, classifier = SequenceDataset(X, y), SequenceClassifier(cell="elman", epochs=2, random_state=0)
    folds = KFold(2, shuffle=True, random_state=0)
    assert cross_val_score(classifier, data, cv=folds).tolist() == cross_val_score(classifier, X, y, cv=folds).tolist()


def test_scikit_learns_own_estimators_take_sequences_through():
    X, y = steps_up_or_down(16)
    values = [x.mean() for x in X]
    regressor = TransformedTargetRegressor(MLPRegressor(epochs=60, random_state=0), transformer=StandardScaler())
    assert regressor.fit(X, values).score(X, values) > 0.9
    vote = VotingClassifier([(view, MLPClassifier(view=view, random_state=0)) for view in ("resampled", "statistics")])
    assert vote.fit(X, y).score(X, y) == 1.0
    scores = cross_val_score(MLPClassifier(epochs=5, random_state=0), X, y, cv=2, scoring="roc_auc")
    assert (scores > 0.5).all()


@pytest.mark.slow
def test_cross_validation_runs_in_processes():
    X, y = steps_up_or_down()
    classifier = MLPClassifier(random_state=0, epochs=5)
    groups = np.arange(40) // 4
    here, there = (cross_val_score(classifier, X, y, groups=groups, cv=GroupKFold(2), n_jobs=jobs) for jobs in (1, 2))
    assert (here == there).all()


@pytest.mark.parametrize(
    ("estimator", "message"),
    [
        (SequenceClassifier(model=last_step, hidden_size=3), "hidden_size=3 has no effect beside model="),
        (MLPClassifier(model=last_step, activation="tanh"), "activation='tanh' has no effect beside model="),
        (SequenceClassifier(embedding_size=3), "embedding_size=3 has no effect: X does not hold integer tokens"),
    ],
    ids=without_address,
)
def test_a_parameter_without_effect_is_an_error(estimator, message):
    with pytest.raises(ValueError, match=message):
        estimator.fit(*steps_up_or_down())


def test_a_table_has_no_view():
    with pytest.raises(ValueError, match="view='window' has no effect: X is a table"):
        MLPClassifier(view="window").fit(np.eye(4), [0, 1, 0, 1])


def test_a_static_estimator_tells_rows_of_a_table_from_sequences():
    rng = np.random.default_rng(0)
    table, y = rng.normal(size=(20, 2)), np.arange(20) % 2
    classifier = MLPClassifier(epochs=1).fit(table, y)
    with pytest.raises(ValueError, match=r"X must be a table \(n, features\), as MLPClassifier was fitted on"):
        classifier.predict([np.ones((3, 2))])
    classifier.fit([np.ones((3, 2))] * 20, y)
    with pytest.raises(ValueError, match="X must be sequences, as MLPClassifier was fitted on"):
        classifier.predict(table)


WEIGHTED = [
    SequenceClassifier(cell="elman", dtype="float64", random_state=0, epochs=5),
    SequenceClassifier(cell="gru", bidirectional=True, dtype="float64", loss="binary_cross_entropy", random_state=0),
    MLPClassifier(view="window", dtype="float64", random_state=0),
    SequenceRegressor(cell="elman", dtype="float64", random_state=0),
    MLPRegressor(view="resampled", dtype="float64", random_state=0),
]


@pytest.mark.parametrize("estimator", WEIGHTED, ids=without_address)
def test_a_weight_counts_as_repetitions_of_sequences_of_different_lengths(estimator):
    X, names = steps_up_or_down(12)
    y = names if hasattr(estimator, "class_weight") else [x.mean() for x in X]
    weights = np.arange(12) % 4
    estimator.set_params(batch_size=100)
    weighted = copy.deepcopy(estimator.fit(X, y, sample_weight=weights))
    repeated = estimator.fit(
        [x for x, w in zip(X, weights) for _ in range(w)], [k for k, w in zip(y, weights) for _ in range(w)]
    )
    np.testing.assert_allclose(weighted.model_.params.vector, repeated.model_.params.vector, rtol=1e-6, atol=1e-9)


def test_weights_of_a_dataset_are_those_of_its_sequences():
    X, y = steps_up_or_down(12)
    weights = np.arange(12.0)
    settings = {"cell": "elman", "epochs": 2, "random_state": 0}
    data = SequenceDataset(X, y, weights=weights)
    wanted = SequenceClassifier(**settings).fit(X, y, sample_weight=weights).model_.params.vector
    assert (SequenceClassifier(**settings).fit(data).model_.params.vector == wanted).all()


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([0, 0], "non-zero|zero for all"),  # from scikit-learn 1.8 it finds that itself
        ([1, -1], "sample_weight must be 0 or more, and above 0 for a sequence, got -1"),
    ],
)
def test_weights_must_be_positive_for_a_sequence(weights, message):
    X, y = steps_up_or_down(2)
    with pytest.raises(ValueError, match=message):
        SequenceClassifier().fit(X, y, sample_weight=weights)


def test_values_of_a_dataset_are_taken():
    X, _ = steps_up_or_down(10)
    data = SequenceDataset(X, [x.mean() for x in X])
    regressor = MLPRegressor(epochs=2, random_state=0).fit(data)
    assert regressor.predict(data).shape == (10,)
    assert regressor.score(data) == pytest.approx(regressor.score(X, [x.mean() for x in X]))


def test_weights_of_steps_leave_steps_out():
    rng = np.random.default_rng(0)
    X = [rng.normal(size=(n, 1)) for n in (4, 6, 5)]
    y = [(x[:, 0] > 0).astype(int) for x in X]
    other = [np.where(np.arange(len(one)) % 2, one, 1 - one) for one in y]
    weights = [np.arange(len(one)) % 2 for one in y]
    tagger = SequenceTagger(cell="elman", epochs=3, random_state=0)
    one, two = (tagger.fit(X, labels, sample_weight=weights).model_.params.vector.copy() for labels in (y, other))
    assert (one == two).all()
    assert tagger.score(X, y, sample_weight=weights) == tagger.score(X, other, sample_weight=weights)
    assert (tagger.fit(X, y).model_.params.vector != one).any()


def test_balanced_classes_are_those_of_scikit_learn():
    X, y = steps_up_or_down(30)
    X, y = X[:20] + X[20::2], np.concatenate([y[:20], y[20::2]])  # more 'down' than 'up'
    balanced = compute_sample_weight("balanced", y)
    settings = {"cell": "elman", "epochs": 3, "random_state": 0}
    by_class = SequenceClassifier(class_weight="balanced", **settings).fit(X, y)
    by_sequence = SequenceClassifier(**settings).fit(X, y, sample_weight=balanced)
    by_dict = SequenceClassifier(class_weight=dict(zip(y, balanced)), **settings).fit(X, y)
    np.testing.assert_allclose(by_class.model_.params.vector, by_sequence.model_.params.vector, rtol=1e-5)
    assert (by_dict.model_.params.vector == by_sequence.model_.params.vector).all()
    with pytest.raises(ValueError, match=r"class_weight has the class 'left', which is not in y"):
        SequenceClassifier(class_weight={"left": 2}).fit(X, y)
    with pytest.raises(ValueError, match=r"class_weight must be None, 'balanced' or a dict .* got 'even'"):
        SequenceClassifier(class_weight="even").fit(X, y)


def test_weights_are_routed_through_a_search_and_a_pipeline():
    X, y = steps_up_or_down(24)
    weights = (np.arange(24) < 20).astype(float)
    with config_context(enable_metadata_routing=True):
        classifier = SequenceClassifier(cell="elman", epochs=2, random_state=0)
        classifier.set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        pipeline = make_pipeline(SequenceStandardizer(), classifier)
        search = GridSearchCV(pipeline, {"sequenceclassifier__hidden_size": [3]}, cv=2)
        search.fit(X, y, sample_weight=weights)
    fitted = search.best_estimator_[-1]
    standardized = search.best_estimator_[0].transform(X)
    alone = SequenceClassifier(cell="elman", epochs=2, hidden_size=3, random_state=0)
    alone.fit(standardized, y, sample_weight=weights)
    assert (fitted.model_.params.vector == alone.model_.params.vector).all()


def test_without_scikit_learn_the_extra_is_named():
    script = "import sys; sys.modules['sklearn'] = None; import rnnbp.estimators; rnnbp.estimators.MLPClassifier"
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert "ImportError: rnnbp.estimators needs scikit-learn" in result.stderr
    assert 'pip install "rnnbp[sklearn]"' in result.stderr


def test_later_calls_of_partial_fit_may_repeat_the_classes_but_not_change_them():
    X, y = steps_up_or_down()
    classifier = SequenceClassifier(cell="elman", random_state=0).partial_fit(X, y, classes=["up", "down"])
    classifier.partial_fit(X, y, classes=["down", "up"])
    with pytest.raises(ValueError, match=r"those of the first call, \['down', 'up'\], got \['down', 'round', 'up'\]"):
        classifier.partial_fit(X, y, classes=["down", "up", "round"])


def test_one_sequence_is_not_taken_for_a_table_of_as_many_sequences_as_it_has_steps():
    X, y = steps_up_or_down()
    classifier = SequenceClassifier(cell="elman", epochs=1, random_state=0).fit(X, y)
    for one in (X[0], X[0].tolist()):
        with pytest.raises(
            ValueError, match=r"X must be sequences, as SequenceClassifier was fitted on: one alone is \[x\]"
        ):
            classifier.predict(one)
    assert classifier.predict([X[0]]).shape == (1,)


def test_weights_that_leave_no_sequence_are_refused():
    X, y = steps_up_or_down()
    with pytest.raises(ValueError, match="sample_weight and class_weight together must be above 0 for a sequence"):
        SequenceClassifier(class_weight={"up": 0, "down": 0}).fit(X, y)


def test_a_refused_fit_leaves_a_fitted_estimator_unchanged(rng):
    X, y = list(rng.normal(size=(4, 3, 2))), [0, 1, 0, 1]
    classifier = SequenceClassifier(cell="elman", epochs=1, random_state=0).fit(X, y)
    before = dict(vars(classifier))
    for wrong in ([0, 1], ["a", None, "b", 1.5], None):
        with pytest.raises((TypeError, ValueError), match=r"\by\b"):
            classifier.fit(np.ones((4, 5)), wrong)
        assert vars(classifier) == before
    assert len(classifier.predict(X)) == 4
