"""Trainer: fit, evaluate and predict, with every optimizer; callbacks, early stopping, resuming, divergence."""

import numpy as np
import pytest

import rnnbp
from rnnbp.optimizers import OPTIMIZERS

F = 2
ROW = ["epoch", "loss", "accuracy", "validation_loss", "validation_accuracy"]
ROW += ["gradient_norm", "learning_rate", "seconds", "steps"]


def two_classes(n: int = 24, seed: int = 0) -> rnnbp.SequenceDataset:
    """Sequences of 3 to 6 steps whose class is their mean's sign."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % 2
    sequences = [rng.normal(2 * k - 1, 1, (rng.integers(3, 7), F)) for k in labels]
    return rnnbp.SequenceDataset(sequences, targets=labels)


def network(**options) -> rnnbp.Sequential:
    layers = rnnbp.Elman(F, 5), rnnbp.Dropout(0.2), rnnbp.Last(), rnnbp.Dense(5, 2)
    return rnnbp.Sequential(*layers, **options)


def trainer_of(optimizer=None, gradient=None, **options) -> rnnbp.Trainer:
    optimizer = rnnbp.Adam(0.02) if optimizer is None else optimizer
    return rnnbp.Trainer(network(), rnnbp.CrossEntropy(), gradient or rnnbp.BPTT(), optimizer, **options)


# ---- history and predictions ---------------------------------------------------------------------


def test_the_history_has_a_row_for_every_epoch():
    data = two_classes()
    history = trainer_of().fit(data, two_classes(seed=1), epochs=4, batch_size=8, progress=False)
    assert list(history) == ROW
    assert history["epoch"].tolist() == [1, 2, 3, 4]
    assert (history["steps"] == data.lengths.sum()).all()
    assert history["loss"].is_monotonic_decreasing
    assert (history[["gradient_norm", "seconds"]] > 0).all(axis=None)


def test_fit_takes_30_epochs_of_batches_of_16_sequences(capfd):
    optimizer, data = rnnbp.SGD(0.01), rnnbp.SequenceDataset(np.ones((33, 1, 2)), np.zeros(33, int))
    steps, step = [], optimizer.step
    optimizer.step = lambda *arguments: steps.append(1) or step(*arguments)
    assert len(trainer_of(optimizer).fit(data, progress=False)) == 30
    assert len(steps) == 30 * 3
    assert capfd.readouterr() == ("", "")  # without progress


def test_a_minimizer_is_given_the_loss_of_all_sequences_whose_steps_count_at_each_evaluation():
    optimizer, data, found = rnnbp.LBFGS(1), two_classes(), []

    def minimize(objective, params, product):
        found.append(objective(params.vector))
        product(np.ones(params.size))
        return objective(params.vector)

    optimizer.minimize = minimize
    trainer = trainer_of(optimizer)
    (whole,) = rnnbp.BPTT().gradients(trainer.model, data.batch(), trainer.loss)
    product = rnnbp.hvp(trainer.model, data.batch(), trainer.loss, np.ones(trainer.model.params.size))
    history = trainer.fit(data, epochs=1, batch_size=7, progress=False)
    assert history["steps"].item() == 3 * data.lengths.sum() + product.steps
    assert found[0][0] == pytest.approx(whole.loss, rel=1e-5)
    np.testing.assert_allclose(found[0][1], whole.vector, rtol=1e-3, atol=1e-6)


def test_fit_continues_from_the_last_call():
    trainer, whole = trainer_of(), trainer_of()
    for _ in range(3):
        trainer.fit(two_classes(), epochs=2, progress=False)
    whole.fit(two_classes(), epochs=6, progress=False)
    assert trainer.history["epoch"].tolist() == [1, 2, 3, 4, 5, 6]
    np.testing.assert_array_equal(trainer.model.params.vector, whole.model.params.vector)


def test_the_seed_determines_the_trained_parameters():
    vectors = []
    for seed in (0, 0, 1):
        trainer = trainer_of(seed=seed)
        trainer.fit(two_classes(), epochs=2, progress=False)
        vectors.append(trainer.model.params.vector)
    np.testing.assert_array_equal(vectors[0], vectors[1])
    assert not np.array_equal(vectors[0], vectors[2])


def test_evaluate_is_the_loss_and_score_of_the_whole_dataset():
    data, trainer = two_classes(), trainer_of()
    batch = data.batch()
    outputs = trainer.model.forward(batch)
    expected = {
        "loss": pytest.approx(trainer.loss(outputs, batch.targets)[0], rel=1e-6),
        "accuracy": pytest.approx((outputs.argmax(axis=1) == batch.targets).mean()),
    }
    assert trainer.evaluate(data) == expected
    assert trainer.evaluate(data, batch_size=5) == expected


def test_predictions_are_in_the_datasets_order():
    data, trainer = two_classes(), trainer_of()
    trainer.fit(data, epochs=20, progress=False)
    predicted = trainer.predict(data, batch_size=7)
    alone = [trainer.predict(data.subset([i]))[0] for i in range(len(data))]
    np.testing.assert_array_equal(predicted, alone)
    assert (predicted == data.targets).mean() == trainer.evaluate(data)["accuracy"] > 0.9


def test_predictions_of_steps_are_a_list():
    sequences = [np.ones((n, 1)) for n in (2, 5, 3)]
    data = rnnbp.SequenceDataset(sequences, targets=[np.zeros((n, 1)) for n in (2, 5, 3)])
    model = rnnbp.Sequential(rnnbp.Elman(1, 3), rnnbp.Dense(3, 1))
    predicted = rnnbp.Trainer(model, rnnbp.MeanSquaredError()).predict(data)
    assert [p.shape for p in predicted] == [(2,), (5,), (3,)]


# ---- optimizers, gradients, schedules ------------------------------------------------------------


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_reduces_the_loss(name):
    trainer = trainer_of(OPTIMIZERS[name]())
    if name == "ridge":
        trainer.model.freeze("0.*")
    before = trainer.evaluate(two_classes())["loss"]
    trainer.fit(two_classes(), epochs=10, batch_size=24, progress=False)  # Rprop wants whole epochs
    assert trainer.evaluate(two_classes())["loss"] < before


@pytest.mark.parametrize(
    "gradient",
    [rnnbp.BPTT(), rnnbp.TruncatedBPTT(1, 1), rnnbp.TruncatedBPTT(2, 3), rnnbp.FiniteDifference(1e-3)],
    ids=repr,
)
def test_every_gradient_algorithm_reduces_the_loss(gradient):
    trainer = trainer_of(rnnbp.SGD(0.1), gradient)
    before = trainer.evaluate(two_classes())["loss"]
    trainer.fit(two_classes(), epochs=3, batch_size=8, progress=False)
    assert trainer.evaluate(two_classes())["loss"] < before


@pytest.mark.parametrize("weight", [1.0, 20.0])
def test_a_weighted_class_is_predicted_where_nothing_can_be_learned(weight):
    rng = np.random.default_rng(0)
    data = rnnbp.SequenceDataset(list(rng.normal(0, 1, (40, 3, F))), targets=[0, 1] * 20)  # nothing to be learned
    trainer = rnnbp.Trainer(network(), rnnbp.CrossEntropy([1.0, weight]), rnnbp.BPTT(), rnnbp.Adam(0.01))
    trainer.fit(data, epochs=5, progress=False)
    ones = trainer.predict(data).mean()
    assert ones > 0.95 if weight > 1 else ones < 0.9


def test_a_schedule_sets_the_learning_rate_before_each_batch():
    trainer = trainer_of(rnnbp.SGD(0.5), schedule=rnnbp.Cosine(4))
    history = trainer.fit(two_classes(), epochs=4, batch_size=12, progress=False)
    expected = [0.5 * rnnbp.Cosine(4)(epoch + 0.5) for epoch in range(4)]  # at each epoch's second batch of two
    np.testing.assert_allclose(history["learning_rate"], expected)


def test_on_plateau_reduces_the_learning_rate_without_improvement():
    schedule = rnnbp.OnPlateau("loss", factor=0.5, patience=0, threshold=0.99)  # nothing is an improvement
    history = trainer_of(rnnbp.SGD(0.1), schedule=schedule).fit(two_classes(), epochs=4, progress=False)
    assert history["learning_rate"].iloc[-1] < 0.1


def test_clipping_bounds_the_norm_of_the_update():
    trainer = trainer_of(rnnbp.SGD(1.0), clip=rnnbp.ClipNorm(1e-3))
    before = trainer.model.params.vector.copy()
    trainer.fit(two_classes(), epochs=1, batch_size=24, progress=False)
    assert np.linalg.norm(trainer.model.params.vector - before) == pytest.approx(1e-3, rel=1e-3)


def test_only_stateful_training_learns_dependencies_longer_than_a_batch():
    """The label is the bit six steps before; a batch has five steps."""
    bits = np.random.default_rng(0).integers(0, 2, 3000)
    labels = np.concatenate([np.full(6, -1), bits[:-6]])
    data = rnnbp.SequenceDataset.from_stream(2.0 * bits[:, None] - 1, labels, batch_size=10, steps=5)
    scores = {}
    for stateful in (False, True):
        model = rnnbp.Sequential(rnnbp.GRU(1, 24), rnnbp.Dense(24, 2))
        gradient = rnnbp.TruncatedBPTT(5, 10)
        trainer = rnnbp.Trainer(model, rnnbp.CrossEntropy(), gradient, rnnbp.Adam(0.01), stateful=stateful)
        trainer.fit(data, epochs=3, batch_size=10, progress=False)
        scores[stateful] = trainer.history["accuracy"].iloc[-1]
    assert scores[False] < 0.6
    assert scores[True] > scores[False]


# ---- callbacks, early stopping, resuming ---------------------------------------------------------


def test_callbacks_are_called_after_every_epoch_and_may_end_training():
    calls = []

    def until_three(trainer, row):
        calls.append((len(trainer.history), row["epoch"]))
        return row["epoch"] == 3

    trainer_of(callbacks=[until_three]).fit(two_classes(), epochs=10, progress=False)
    assert calls == [(1, 1), (2, 2), (3, 3)]


def test_early_stopping_restores_the_best_parameters():
    rng = np.random.default_rng(0)
    noise = rnnbp.SequenceDataset(list(rng.normal(0, 1, (20, 4, F))), targets=rng.integers(0, 2, 20))
    trainer = trainer_of(rnnbp.Adam(0.05))
    history = trainer.fit(noise, two_classes(), epochs=60, progress=False, stopping=rnnbp.EarlyStopping(patience=4))
    best = history["validation_loss"].idxmin()
    assert len(history) == best + 5 < 60
    assert trainer.evaluate(two_classes())["loss"] == pytest.approx(history["validation_loss"][best], rel=1e-6)


def test_early_stopping_refuses_a_column_that_the_history_does_not_have():
    with pytest.raises(ValueError, match=r"monitor must be a column of the history, got 'validation_loss'"):
        trainer_of().fit(two_classes(), epochs=1, progress=False, stopping=rnnbp.EarlyStopping())


@pytest.mark.parametrize("optimizer", [rnnbp.Adam, rnnbp.Momentum, rnnbp.Rprop, rnnbp.LBFGS])
def test_a_resumed_training_equals_the_uninterrupted_one(optimizer, tmp_path):
    def make():
        return trainer_of(optimizer(), schedule=None if optimizer is rnnbp.LBFGS else rnnbp.Cosine(6))

    whole, first, second = make(), make(), make()
    stopping = rnnbp.EarlyStopping(patience=50, monitor="loss")
    whole.fit(two_classes(), epochs=6, batch_size=5, progress=False, stopping=stopping)
    first.fit(two_classes(), epochs=2, batch_size=5, progress=False, stopping=stopping, checkpoint=tmp_path / "c.npz")
    second.resume(tmp_path / "c.npz")
    second.fit(two_classes(), epochs=4, batch_size=5, progress=False, stopping=stopping)
    np.testing.assert_array_equal(second.model.params.vector, whole.model.params.vector)
    same = [column for column in whole.history if column != "seconds"]
    assert second.history[same].equals(whole.history[same])


def test_fit_up_to_resumes_from_its_checkpoint_and_trains_the_remaining_epochs(tmp_path):
    data, path = two_classes(), tmp_path / "c.npz"
    whole = trainer_of()
    whole.fit(data, epochs=4, batch_size=8, progress=False)
    for wanted, run in ((2, 2), (4, 4), (4, 4), (3, 4)):  # each by a new trainer, as in a process of its own
        trainer = trainer_of()
        assert len(trainer.fit_up_to(wanted, data, batch_size=8, progress=False, checkpoint=path)) == run
    np.testing.assert_array_equal(trainer.model.params.vector, whole.model.params.vector)
    assert len(trainer_of().fit_up_to(1, data, progress=False)) == 1
    with pytest.raises(ValueError, match="epochs must be a positive integer, got 0"):
        trainer.fit_up_to(0, data)


# ---- divergence and wrong arguments --------------------------------------------------------------


def test_divergence_names_the_batch_and_restores_the_last_good_parameters():
    class NotANumber(rnnbp.CrossEntropy):
        def terms(self, outputs, targets, weights):
            values, d = super().terms(outputs, targets, weights)
            seen.append(trainer.model.params.vector.copy())
            return (values * np.nan, d) if len(seen) > 4 else (values, d)

    seen = []
    trainer = rnnbp.Trainer(network(), NotANumber(), rnnbp.BPTT(), rnnbp.SGD(0.1))
    with pytest.raises(
        rnnbp.TrainingDivergedError, match=r"the loss is nan at epoch 2, batch 0, steps 0 to \d; the largest gradient"
    ):
        trainer.fit(two_classes(), epochs=3, batch_size=8, progress=False)
    np.testing.assert_array_equal(trainer.model.params.vector, seen[3])
    assert (seen[4] != seen[3]).any()


def test_divergence_restores_parameters_that_were_set_by_hand():
    trainer = trainer_of(rnnbp.SGD(0.1))
    trainer.model.params.vector[:] = 0.25
    trainer.loss.terms = lambda outputs, targets, weights: (weights * np.inf, outputs)
    with pytest.raises(rnnbp.TrainingDivergedError, match="the loss is inf at epoch 1, batch 0"):
        trainer.fit(two_classes(), epochs=1, progress=False)
    assert (trainer.model.params.vector == 0.25).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("lstm", rnnbp.CrossEntropy()), "model must be a rnnbp Sequential, got 'lstm'"),
        ((network(), "mse"), "loss must be a rnnbp Loss, got 'mse'"),
        ((network(), rnnbp.CrossEntropy(), rnnbp.BPTT), "gradient must be an object with a method 'gradients'"),
        ((network(), rnnbp.CrossEntropy(), rnnbp.BPTT(), "adam"), "optimizer must be an object with a method 'step'"),
    ],
)
def test_arguments_of_the_wrong_type_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        rnnbp.Trainer(*arguments)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ([np.ones((3, F))], "train must be a SequenceDataset, got list"),
        (rnnbp.SequenceDataset([np.ones((3, F))]), "train has no targets: give them as"),
        (rnnbp.SequenceDataset([np.ones((3, 5))], targets=[0]), r"x of shape \(3, 1, 5\) does not fit layer 0"),
        (rnnbp.SequenceDataset([np.ones((3, F))], targets=[2]), "label 2 in .* is not one of the K = 2 classes 0..1"),
        (rnnbp.SequenceDataset([np.ones((3, F))], targets=[0.5]), r"targets must have shape \(B,\)"),
    ],
)
def test_data_that_do_not_fit_the_model_are_refused(data, message):
    with pytest.raises(ValueError, match=message):
        trainer_of().fit(data, epochs=1, progress=False)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"epochs": 0}, "epochs must be a positive integer, got 0"),
        ({"batch_size": 2.5}, "batch_size must be a positive integer, got 2.5"),
    ],
)
def test_numbers_out_of_range_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        trainer_of().fit(two_classes(), progress=False, **options)


def test_backprop_refuses_a_recurrent_model():
    with pytest.raises(ValueError, match="recurrent"):
        trainer_of(gradient=rnnbp.Backprop()).fit(two_classes(), epochs=1, progress=False)


# ---- progress ------------------------------------------------------------------------------------


def test_progress_is_a_bar_or_without_tqdm_a_line_per_epoch(capsys, monkeypatch):
    trainer_of().fit(two_classes(), epochs=2)
    assert "2/2" in capsys.readouterr().err
    monkeypatch.setattr("rnnbp.runtime.progress._tqdm_bar", lambda total, label: None)
    trainer_of().fit(two_classes(), epochs=2)
    assert capsys.readouterr().err.splitlines()[1].startswith("epoch 2/2  loss ")
