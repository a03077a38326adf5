"""Stateful training and evaluation: the state is carried from batch to batch of a stream, and nowhere else."""

import numpy as np
import pytest

import rnnbp

ROWS, STEPS = 4, 5


def stream(n: int = 80, seed: int = 0, rows: int = ROWS) -> rnnbp.SequenceDataset:
    """Return a stream whose target is the input of the step before, across the ends of batches too."""
    x = np.random.default_rng(seed).choice([-1.0, 1.0], size=(n, 1))
    return rnnbp.SequenceDataset.from_stream(x, np.roll(x, 1, axis=0), rows, STEPS, dtype=np.float64)


def network(seed: int = 1) -> rnnbp.Sequential:
    return rnnbp.Sequential(rnnbp.Elman(1, 6), rnnbp.Dense(6, 1), seed=seed, dtype=np.float64)


def trainer_of(model=None, gradient=None, **options) -> rnnbp.Trainer:
    options = {"stateful": True} | options
    return rnnbp.Trainer(model or network(), rnnbp.MeanSquaredError(), gradient or rnnbp.BPTT(), **options)


def uncut(data: rnnbp.SequenceDataset) -> rnnbp.SequenceDataset:
    """Return each row of a stream as one sequence."""
    rows = [np.concatenate(data.sequences[r :: data.rows]) for r in range(data.rows)]
    targets = [np.concatenate(data.targets[r :: data.rows]) for r in range(data.rows)]
    return rnnbp.SequenceDataset(rows, targets=targets, dtype=np.float64)


# ---- evaluation ----------------------------------------------------------------------------------


def test_evaluation_carries_the_state_through_a_stream():
    data, whole = stream(), uncut(stream())
    found, expected = trainer_of().evaluate(data), trainer_of(stateful=False).evaluate(whole)
    assert found == pytest.approx(expected, rel=1e-12)
    assert abs(found["loss"] - trainer_of(stateful=False).evaluate(data)["loss"]) > 1e-3


def test_predictions_carry_the_state_through_a_stream():
    data = stream()
    found = trainer_of().predict(data)
    whole = trainer_of(stateful=False).predict(uncut(data))
    for row in range(ROWS):
        np.testing.assert_allclose(np.concatenate(found[row::ROWS]), whole[row], rtol=1e-12)


def test_probabilities_carry_the_state_through_a_stream():
    data = stream()
    trainer, from_zeros = (
        rnnbp.Trainer(network(), rnnbp.BinaryCrossEntropy(), stateful=stateful) for stateful in (True, False)
    )
    found, whole = trainer.predict_proba(data), from_zeros.predict_proba(uncut(data))
    for row in range(ROWS):
        np.testing.assert_allclose(np.concatenate(found[row::ROWS]), whole[row], rtol=1e-12)
    with pytest.raises(ValueError, match="batch_size must be 4, the number of rows of the stream in dataset, got 8"):
        trainer.predict_proba(data, batch_size=8)


def test_a_saved_model_carries_the_state_through_a_stream_without_a_trainer(tmp_path):
    trainer, data = trainer_of(), stream()
    trainer.fit(data, epochs=1, batch_size=ROWS, progress=False)
    trainer.model.save(tmp_path / "m.npz")
    found = rnnbp.load(tmp_path / "m.npz").predict(data)
    np.testing.assert_array_equal(np.concatenate(found), np.concatenate(trainer.predict(data)))
    from_zeros = trainer_of(trainer.model, stateful=False).predict(data)
    assert not np.allclose(np.concatenate(found), np.concatenate(from_zeros))


def test_validation_scores_equal_those_of_evaluate():
    trainer = trainer_of()
    history = trainer.fit(stream(), validation=stream(60, 1, rows=2), epochs=2, batch_size=ROWS, progress=False)
    assert history["validation_loss"].iloc[-1] == trainer.evaluate(stream(60, 1, rows=2))["loss"]


def test_each_stream_and_each_epoch_starts_from_a_zero_state():
    trainer = trainer_of()
    before = trainer.evaluate(stream())
    trainer.evaluate(stream(seed=1))
    assert trainer.evaluate(stream()) == before
    still = trainer_of(optimizer=rnnbp.SGD(0.0))
    assert len(set(still.fit(stream(), epochs=3, batch_size=ROWS, progress=False)["loss"])) == 1


def test_sequences_that_are_no_stream_each_start_from_a_zero_state():
    whole = uncut(stream())
    assert trainer_of().evaluate(whole) == trainer_of(stateful=False).evaluate(whole)


# ---- training ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "gradient",
    [rnnbp.BPTT(), rnnbp.BPTT(slots=1, block=2), rnnbp.TruncatedBPTT(2, 4), rnnbp.RTRL(), rnnbp.FiniteDifference()],
    ids=repr,
)
def test_the_loss_of_an_epoch_is_that_of_the_uncut_rows(gradient):
    """At a learning rate of 0, for every algorithm."""
    trainer = trainer_of(gradient=gradient, optimizer=rnnbp.SGD(0.0))
    history = trainer.fit(stream(), epochs=1, batch_size=ROWS, progress=False)
    assert history["loss"][0] == pytest.approx(trainer.evaluate(uncut(stream()))["loss"], rel=1e-9)


def test_subsets_of_whole_batches_and_maps_of_a_stream_are_streams():
    data, batches = stream(), 80 // ROWS // STEPS
    assert data.rows == data.subset(range(ROWS, 3 * ROWS)).rows == data.map(lambda x: 2 * x).rows == ROWS
    assert data.map(lambda x: 2 * x).subset(np.arange(len(data)) < ROWS).rows == ROWS
    first, last = data.subset(range((batches - 1) * ROWS)), data.subset(range((batches - 1) * ROWS, batches * ROWS))
    trainer_of().fit(first, last, epochs=1, batch_size=ROWS, progress=False)
    for places in (range(2, 2 + ROWS), range(ROWS + 1), [0, 1, 2, 3, 8, 9, 10, 11], [3, 2, 1, 0]):
        assert data.subset(places).rows is None
    assert data.cut(2).rows is None
    assert data.split(0.5)[0].rows is None


def test_a_stream_with_fewer_classes_is_mapped_by_name_and_stays_a_stream():
    x = np.random.default_rng(0).normal(size=(80, 1))
    both = rnnbp.SequenceDataset.from_stream(x, np.where(x[:, 0] > 0, "up", "down"), ROWS, STEPS)
    only_up = rnnbp.SequenceDataset.from_stream(np.abs(x), ["up"] * 80, ROWS, STEPS)
    trainer = rnnbp.Trainer(rnnbp.Sequential(rnnbp.Elman(1, 4), rnnbp.Dense(4, 2)), rnnbp.CrossEntropy(), stateful=True)
    trainer.fit(both, epochs=1, batch_size=ROWS, progress=False)
    rows = [np.concatenate(only_up.sequences[r::ROWS]) for r in range(ROWS)]
    whole = rnnbp.SequenceDataset(rows, targets=[["up"] * len(row) for row in rows])
    assert trainer.evaluate(only_up)["loss"] == pytest.approx(trainer.evaluate(whole)["loss"], rel=1e-6)


@pytest.mark.parametrize(
    ("data", "options", "message"),
    [
        (stream(), {"batch_size": 2}, "batch_size must be 4, the number of rows of the stream in train, got 2"),
        (stream(), {}, "batch_size must be 4, the number of rows of the stream in train, got 16"),
        (stream().subset(range(6)), {"batch_size": 4}, "train is no stream whose batches continue one another: make"),
        (
            rnnbp.SequenceDataset([np.ones((n, 1)) for n in (3, 5)], targets=[np.ones((n, 1)) for n in (3, 5)]),
            {"batch_size": 2},
            r"train is no stream whose batches continue one another: make it by SequenceDataset\.from_stream",
        ),
    ],
)
def test_data_that_are_no_stream_are_refused_before_the_first_update(data, options, message):
    trainer = trainer_of()
    before = trainer.model.params.vector.copy()
    with pytest.raises(ValueError, match=message):
        trainer.fit(data, epochs=1, progress=False, **options)
    np.testing.assert_array_equal(trainer.model.params.vector, before)
    assert trainer.rows == []


def test_evaluation_refuses_a_batch_size_that_is_not_that_of_the_stream():
    for ask in (trainer_of().evaluate, trainer_of().predict):
        with pytest.raises(
            ValueError, match="batch_size must be 4, the number of rows of the stream in dataset, got 8"
        ):
            ask(stream(), batch_size=8)


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ([rnnbp.LSTM(1, 3, bidirectional=True), rnnbp.Dense(6, 1)], r"needs causal layers, but layer 0 \(\w+\) sees"),
        ([rnnbp.Elman(1, 3), rnnbp.Window(0, 2), rnnbp.Dense(9, 1)], r"causal layers, but layer 1 \(Window\) sees"),
        ([rnnbp.Dense(1, 1)], "stateful=True has no effect on a model without state"),
    ],
)
def test_a_model_that_cannot_continue_from_a_state_is_refused(layers, message):
    trainer = trainer_of(rnnbp.Sequential(*layers, dtype=np.float64))
    with pytest.raises(ValueError, match=message):
        trainer.fit(stream(), epochs=1, batch_size=ROWS, progress=False)
    with pytest.raises(ValueError, match=message):
        trainer.evaluate(stream())
