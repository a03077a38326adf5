"""The same sequences in every container, told apart by type and explicit argument."""

import numpy as np
import pandas as pd
import pytest

import rnnbp
from rnnbp.data import SequenceDataset

pytest.importorskip("sklearn")
from sklearn.model_selection import GroupKFold, cross_val_score
from sklearn.pipeline import make_pipeline

from rnnbp.estimators import (
    MLPClassifier,
    SequenceClassifier,
    SequenceRegressor,
    SequenceStandardizer,
    SequenceTagger,
    read_sequences,
)
from rnnbp.estimators.containers import Container

EQUAL = [np.random.default_rng(k).normal(size=(5, 2)) for k in range(4)]
UNEQUAL = [np.random.default_rng(k).normal(size=(3 + k, 2)) for k in range(4)]


def padded(sequences: list[np.ndarray]) -> np.ndarray:
    """Return sequences in one array (n, time, features), with NaN past their ends, as tslearn does."""
    longest = max(map(len, sequences))
    return np.stack([np.pad(s, ((0, longest - len(s)), (0, 0)), constant_values=np.nan) for s in sequences])


def long_frame(sequences: list[np.ndarray]) -> pd.DataFrame:
    """Return a row a step, with rows of the sequences mixed, and steps in any order."""
    rows = [(f"id{i}", t, *step) for i, s in enumerate(sequences) for t, step in enumerate(s)]
    frame = pd.DataFrame(rows, columns=["who", "when", "pitch", "level"])
    shuffled = frame.sample(frac=1, random_state=0)
    first = ~shuffled["who"].duplicated()
    return pd.concat([shuffled[first].sort_values("who"), shuffled[~first]])


def levels(sequences: list[np.ndarray]) -> pd.DataFrame:
    """Return sktime's frame of two index levels."""
    frame = pd.DataFrame(np.concatenate(sequences), columns=["pitch", "level"])
    steps = [(i, t) for i, s in enumerate(sequences) for t in range(len(s))]
    return frame.set_index(pd.MultiIndex.from_tuples(steps))


def nested(sequences: list[np.ndarray]) -> pd.DataFrame:
    """Return sktime's frame whose cells are series."""
    return pd.DataFrame({name: [pd.Series(s[:, f]) for s in sequences] for f, name in enumerate(["pitch", "level"])})


def object_array(sequences: list[np.ndarray]) -> np.ndarray:
    """Return a one-dimensional array of arrays."""
    array = np.empty(len(sequences), object)
    array[:] = sequences
    return array


CONTAINERS = {
    "list": (UNEQUAL, {}, list),
    "list of equal lengths": (EQUAL, {}, list),
    "tuple": (UNEQUAL, {}, tuple),
    "object array": (UNEQUAL, {}, object_array),
    "lists of lists": (UNEQUAL, {}, lambda s: [one.tolist() for one in s]),
    "frames": (UNEQUAL, {}, lambda s: [pd.DataFrame(one) for one in s]),
    "dataset": (UNEQUAL, {}, lambda s: SequenceDataset(s, dtype=np.float64)),
    "pairs": (UNEQUAL, {}, lambda s: [(one, 0) for one in s]),
    "aeon's list": (UNEQUAL, {"axes": "nft"}, lambda s: [one.T for one in s]),
    "aeon's array": (EQUAL, {"axes": "nft"}, lambda s: np.stack([one.T for one in s])),
    "array ntf": (EQUAL, {"axes": "ntf"}, np.stack),
    "tslearn's array": (UNEQUAL, {"axes": "ntf"}, padded),
    "padded nft": (UNEQUAL, {"axes": "nft"}, lambda s: padded(s).swapaxes(1, 2)),
    "long frame": (UNEQUAL, {"sequence": "who", "time": "when"}, long_frame),
    "two index levels": (UNEQUAL, {}, levels),
    "nested frame": (UNEQUAL, {}, nested),
}


@pytest.mark.parametrize("name", CONTAINERS)
def test_every_container_holds_the_same_sequences(name):
    sequences, arguments, make = CONTAINERS[name]
    container = Container(**arguments)
    X = make(sequences)
    assert not container.is_table(X)
    found = container.read(X).sequences
    assert len(found) == 4
    for one, wanted in zip(found, sequences):
        np.testing.assert_array_equal(one, wanted)


@pytest.mark.parametrize("name", CONTAINERS)
def test_every_container_trains_the_same_classifier(name):
    sequences, arguments, make = CONTAINERS[name]
    settings = {"cell": "elman", "hidden_size": 3, "epochs": 2, "random_state": 0}
    wanted = SequenceClassifier(**settings).fit(sequences, [0, 1, 0, 1])
    found = SequenceClassifier(**settings, **arguments).fit(make(sequences), [0, 1, 0, 1])
    assert (found.predict_proba(make(sequences)) == wanted.predict_proba(sequences)).all()
    assert found.n_features_in_ == 2


TABLES = {
    "array": np.stack,
    "list of lists": lambda rows: [row.tolist() for row in rows],
    "frame": lambda rows: pd.DataFrame(np.stack(rows), columns=["pitch", "level"]),
}


@pytest.mark.parametrize("name", TABLES)
def test_rows_of_a_table_are_sequences_of_one_step(name):
    rows = [s[0] for s in EQUAL]
    assert Container().is_table(TABLES[name](rows))
    settings = {"cell": "elman", "hidden_size": 3, "epochs": 2, "dtype": "float64", "random_state": 0}
    table = SequenceClassifier(**settings).fit(TABLES[name](rows), [0, 1, 0, 1])
    sequences = SequenceClassifier(**settings).fit([row[None] for row in rows], [0, 1, 0, 1])
    np.testing.assert_array_equal(table.model_.params.vector, sequences.model_.params.vector)


@pytest.mark.parametrize(
    ("X", "dtype", "wanted"),
    [
        (np.ones((4, 2)), None, "float64"),
        (np.ones((4, 2), np.float32), None, "float32"),
        (EQUAL, None, "float32"),
        (EQUAL, "float64", "float64"),
    ],
)
def test_a_model_has_the_dtype_of_a_table_and_float32_for_sequences(X, dtype, wanted):
    classifier = SequenceClassifier(cell="elman", epochs=1, dtype=dtype).fit(X, [0, 1, 0, 1])
    assert classifier.model_.dtype == wanted


@pytest.mark.parametrize("estimator", [SequenceClassifier(), MLPClassifier()], ids=repr)
def test_the_axes_of_an_array_are_never_guessed(estimator):
    with pytest.raises(ValueError, match=r"X has shape \(4, 5, 2\), .* say axes='ntf' if it is \(n, time, features\)"):
        estimator.fit(np.stack(EQUAL), [0, 1, 0, 1])


def test_axes_are_of_two_kinds():
    with pytest.raises(ValueError, match="axes must be one of 'nft', 'ntf'; got 'tnf'"):
        SequenceClassifier(axes="tnf").fit(np.stack(EQUAL), [0, 1, 0, 1])


def test_missing_values_within_a_sequence_are_an_error():
    X = padded(UNEQUAL)
    X[1, 1, 0] = np.nan
    with pytest.raises(ValueError, match="sequence 1 holds nan at step 1, feature 0"):
        SequenceClassifier(axes="ntf").fit(X, [0, 1, 0, 1])


def test_a_nested_frame_needs_as_many_steps_of_every_feature():
    X = nested(UNEQUAL)
    X["level"] = [one[:4] for one in X["level"]]
    with pytest.raises(ValueError, match="the features of sequence 2 must have as many steps each, got 5, 4"):
        SequenceClassifier().fit(X, [0, 1, 0, 1])


def test_a_column_of_a_long_frame_may_hold_the_classes():
    frame = long_frame(UNEQUAL).assign(label=lambda f: np.where(f["who"] < "id2", "low", "high"))
    settings = {"cell": "elman", "epochs": 2, "random_state": 0, "sequence": "who", "time": "when"}
    found = SequenceClassifier(**settings).fit(frame, "label")
    wanted = SequenceClassifier(**settings).fit(frame.drop(columns="label"), ["low", "low", "high", "high"])
    assert found.feature_names_in_.tolist() == ["pitch", "level"]
    assert (found.model_.params.vector == wanted.model_.params.vector).all()
    assert found.score(frame, "label") == wanted.score(UNEQUAL, ["low", "low", "high", "high"])


def test_a_column_of_a_frame_of_two_levels_may_hold_the_classes():
    X = levels(UNEQUAL)
    named = X.assign(label=np.where(X.index.get_level_values(0) < 2, "low", "high"))
    settings = {"cell": "elman", "epochs": 2, "random_state": 0}
    found = SequenceClassifier(**settings).fit(named, "label")
    wanted = SequenceClassifier(**settings).fit(X, ["low", "low", "high", "high"])
    assert (found.model_.params.vector == wanted.model_.params.vector).all()
    assert found.predict(named).tolist() == found.predict(X).tolist()
    with pytest.raises(ValueError, match="y='label' is the name of a column, but X is no frame with a row for each"):
        SequenceClassifier().fit(UNEQUAL, "label")


def test_a_column_of_numbers_that_holds_the_classes_is_no_feature():
    frame = long_frame(UNEQUAL).assign(tag=lambda f: (f["pitch"] > 0).astype(int))
    tagger = SequenceTagger(cell="elman", epochs=2, sequence="who", time="when", random_state=0).fit(frame, "tag")
    assert tagger.feature_names_in_.tolist() == ["pitch", "level"]
    assert [len(tags) for tags in tagger.predict(frame)] == [3, 4, 5, 6]
    assert [len(tags) for tags in tagger.predict(frame.drop(columns="tag"))] == [3, 4, 5, 6]


def test_names_of_features_are_remembered_and_compared():
    classifier = SequenceClassifier(cell="elman", epochs=1).fit(levels(UNEQUAL), [0, 1, 0, 1])
    assert classifier.feature_names_in_.tolist() == ["pitch", "level"]
    classifier.predict(levels(UNEQUAL)[["level", "pitch"]])  # columns are found by name
    with pytest.raises(ValueError, match=r"X has the features \['a', 'b'\], but SequenceClassifier was fitted on"):
        classifier.predict([pd.DataFrame(s, columns=["a", "b"]) for s in UNEQUAL])
    with pytest.raises(ValueError, match="X has 1 features, but SequenceClassifier is expecting 2 features"):
        classifier.predict([s[:, :1] for s in UNEQUAL])


def test_targets_of_a_dataset_or_of_its_pairs_are_taken():
    data = SequenceDataset(UNEQUAL, ["b", "a", "b", "a"])
    classifier = SequenceClassifier(cell="elman", epochs=1, random_state=0).fit(data)
    assert classifier.classes_.tolist() == ["a", "b"]
    assert classifier.score(data) == classifier.score(UNEQUAL, ["b", "a", "b", "a"])
    pairs = SequenceClassifier(cell="elman", epochs=1, random_state=0).fit(list(data))  # as scikit-learn cuts datasets
    assert pairs.classes_.tolist() == [0, 1]
    assert (pairs.predict_proba(UNEQUAL) == classifier.predict_proba(UNEQUAL)).all()
    with pytest.raises(ValueError, match="This SequenceClassifier estimator requires y to be passed"):
        classifier.fit(UNEQUAL)
    with pytest.raises(ValueError, match="y must be one a sequence of X, 4, got 3"):
        classifier.fit(UNEQUAL, [0, 1, 0])


def test_the_sequences_of_a_frame_can_be_cut_by_cross_validation():
    frame = long_frame(UNEQUAL * 3).assign(label=lambda f: np.where(f["who"] < "id3", "low", "high"))
    data = read_sequences(frame, sequence="who", time="when", target="label")
    assert len(cross_val_score(SequenceClassifier(epochs=1), data.sequences, data.named_targets, cv=2)) == 2
    with pytest.raises(ValueError, match="X must hold sequences, got a table"):
        read_sequences(frame)


def test_series_are_sequences_of_one_feature_and_ragged_lists_an_error():
    series = [pd.Series([1.0, 2.0]), pd.Series([3.0, 4.0, 5.0])]
    assert [s.tolist() for s in Container().read(series).sequences] == [[[1.0], [2.0]], [[3.0], [4.0], [5.0]]]
    with pytest.raises(ValueError, match="X holds lists of different lengths: a sequence of one feature is an array"):
        SequenceClassifier().fit([[1.0, 2.0], [3.0]], [0, 1])
    with pytest.raises(ValueError, match="for one feature give x"):
        SequenceClassifier().fit([np.ones(2), np.ones(3)], [0, 1])


def test_tokens_are_sequences_of_integers():
    rng = np.random.default_rng(0)
    X = [rng.integers(0, 4, n) for n in rng.integers(3, 9, 60)]
    y = [int((x == 2).any()) for x in X]
    classifier = SequenceClassifier(cell="gru", epochs=60, pooling="mean", random_state=0).fit(X, y)
    assert classifier.score(X, y) > 0.95
    assert isinstance(classifier.model_.layers[0], rnnbp.Embedding)


def unsorted_frame() -> pd.DataFrame:
    """Return sequences 'f', 'a', 'e', ... in this order, of which the label is whether their inputs are positive."""
    rng = np.random.default_rng(0)
    parts = []
    for k, who in enumerate("faecbd"):
        sign = 1 if k < 3 else -1
        part = pd.DataFrame({"t": np.arange(4 + k), "pitch": sign + 0.1 * rng.normal(size=4 + k), "level": 0.0})
        parts.append(part.assign(who=who, label="high" if sign > 0 else "low", value=float(sign), weight=k + 1.0))
    return pd.concat(parts, ignore_index=True)


LONG = {"sequence": "who", "time": "t", "random_state": 0}
FRAME = unsorted_frame()
INPUTS = FRAME[["who", "t", "pitch", "level"]]


@pytest.mark.parametrize("steps", [[], [SequenceStandardizer(sequence="who", time="t")]])
def test_series_by_id_is_put_in_the_order_of_the_sequences(steps: list) -> None:
    labels = FRAME.groupby("who").label.first()  # sorted by id
    assert labels.tolist() != FRAME.drop_duplicates("who").label.tolist()
    model = make_pipeline(*steps, SequenceClassifier(epochs=30, **LONG)).fit(INPUTS, labels)
    assert model.score(INPUTS, labels) == 1
    assert model.predict(INPUTS).tolist() == FRAME.drop_duplicates("who").label.tolist()


def test_series_of_weights_by_id_is_put_in_the_order_of_the_sequences() -> None:
    weights = FRAME.groupby("who").weight.first()
    of_series = SequenceClassifier(epochs=3, **LONG).fit(INPUTS, FRAME.label, weights)
    in_order = SequenceClassifier(epochs=3, **LONG).fit(INPUTS, FRAME.label, weights.loc[list("faecbd")].to_numpy())
    np.testing.assert_array_equal(of_series.predict_proba(INPUTS), in_order.predict_proba(INPUTS))


@pytest.mark.parametrize(
    ("estimator", "column"),
    [(SequenceClassifier, "label"), (SequenceTagger, "label"), (SequenceRegressor, "value"), (MLPClassifier, "label")],
)
def test_y_of_a_value_a_row_is_that_of_a_column(estimator: type, column: str) -> None:
    named = estimator(epochs=3, **LONG).fit(FRAME[[*INPUTS, column]], column)
    for y in (FRAME[column], FRAME[column].to_numpy(), FRAME[column].tolist()):
        model = estimator(epochs=3, **LONG).fit(INPUTS, y)
        assert model.score(INPUTS, y) == named.score(FRAME[[*INPUTS, column]], column)
        assert str(model.predict(INPUTS)) == str(named.predict(INPUTS))


def test_frames_are_cross_validated_by_rows_where_their_sequences_are_the_groups() -> None:
    scores = cross_val_score(
        SequenceClassifier(epochs=30, **LONG),
        INPUTS,
        FRAME.label,
        groups=FRAME.who,
        cv=GroupKFold(3),
        error_score="raise",
    )
    assert scores.tolist() == [1, 1, 1]


@pytest.mark.parametrize("estimator", [SequenceClassifier(), SequenceTagger(), SequenceRegressor(), MLPClassifier()])
def test_long_frame_without_the_column_of_its_sequences_is_refused(estimator: SequenceClassifier) -> None:
    with pytest.raises(ValueError, match=r"column 'who' holds no numbers.*sequence='id'"):
        estimator.fit(INPUTS, FRAME.label)
    with pytest.raises(ValueError, match=r"y='label' names a column.*sequence='id'"):
        estimator.fit(FRAME[["t", "pitch"]], "label")
    with pytest.raises(ValueError, match=r"column 'who' holds no numbers.*SequenceStandardizer"):
        SequenceStandardizer().fit(INPUTS)


def test_standardizer_finds_the_columns_of_a_frame_by_name() -> None:
    scaler = SequenceStandardizer(sequence="who", time="t").fit(INPUTS)
    turned = scaler.transform(INPUTS[["level", "pitch", "t", "who"]])
    for one, other in zip(scaler.transform(INPUTS).sequences, turned.sequences, strict=True):
        np.testing.assert_array_equal(one, other)


def test_labels_of_steps_and_of_sequences_are_told_apart() -> None:
    of_steps = [np.array(list("ab" * 8))[: len(x)] for x in UNEQUAL]
    with pytest.raises(ValueError, match=r"y must be one class a sequence, got \(3,\) for sequence 0: SequenceTagger"):
        SequenceClassifier().fit(UNEQUAL, of_steps)
    with pytest.raises(ValueError, match=r"each of its 3 steps, got \(\): SequenceClassifier takes one a sequence"):
        SequenceTagger().fit(UNEQUAL, ["a", "b", "a", "b"])


@pytest.mark.parametrize(("cell", "name"), [(rnnbp.LSTM, "lstm"), (rnnbp.Elman, "elman")])
def test_the_class_of_a_layer_is_taken_as_its_name(cell: type, name: str) -> None:
    one, other = (
        SequenceClassifier(cell=c, num_layers=2, bidirectional=True, epochs=1, random_state=0).fit(
            UNEQUAL, [0, 1, 0, 1]
        )
        for c in (cell, name)
    )
    np.testing.assert_array_equal(one.predict_proba(UNEQUAL), other.predict_proba(UNEQUAL))
