"""State of one training: new at each fit, and continued only from a checkpoint."""

import numpy as np
import pytest

import rnnbp
from rnnbp.training.state import TrainingState

F = 2


def constant(value: float, n: int = 20) -> rnnbp.SequenceDataset:
    """Return random sequences, the same at every call, whose target is always `value`."""
    sequences = [np.random.default_rng(i).normal(size=(5, F)) for i in range(n)]
    return rnnbp.SequenceDataset(sequences, targets=[[value]] * n, dtype=np.float64)


def trainer_of(optimizer=None, gradient=None, seed=0, **options) -> rnnbp.Trainer:
    model = rnnbp.Sequential(rnnbp.MeanOverTime(), rnnbp.Dense(F, 1), seed=seed, dtype=np.float64)
    optimizer = rnnbp.SGD(0.05) if optimizer is None else optimizer
    return rnnbp.Trainer(model, rnnbp.MeanSquaredError(), gradient or rnnbp.Backprop(), optimizer, **options)


def diverging_scores(trainer: rnnbp.Trainer) -> rnnbp.EarlyStopping:
    """Return a rule, and set a callback whose column gets worse from the third epoch."""

    def mark(_, row):
        row["mark_loss"] = abs(row["epoch"] - 3.0)

    trainer.callbacks = (mark,)
    return rnnbp.EarlyStopping(patience=2, monitor="mark_loss")


# ---- early stopping ------------------------------------------------------------------------------


def test_a_second_fit_starts_early_stopping_afresh():
    trainer, rule = trainer_of(rnnbp.Adam(0.05)), rnnbp.EarlyStopping(patience=5)
    near, far = constant(0.0), constant(10.0)
    first = len(trainer.fit(near, near, epochs=60, progress=False, stopping=rule))
    history = trainer.fit(far, far, epochs=200, progress=False, stopping=rule)
    assert history["epoch"].tolist() == list(range(1, len(history) + 1))
    assert len(history) - first > 10
    assert trainer.evaluate(far)["loss"] == history["validation_loss"][first:].min() < 50


def test_early_stopping_has_its_full_patience_in_a_second_fit_where_the_score_is_nan():
    trainer = trainer_of(callbacks=[lambda _, row: row.update(mark_loss=float("nan"))])
    rule = rnnbp.EarlyStopping(patience=3, monitor="mark_loss")
    assert len(trainer.fit(constant(0.0), epochs=9, progress=False, stopping=rule)) == 3
    assert len(trainer.fit(constant(0.0), epochs=9, progress=False, stopping=rule)) == 6


def test_a_run_that_early_stopping_ended_is_not_trained_further_when_resumed(tmp_path):
    data, path = constant(1.0), tmp_path / "c.npz"
    whole = trainer_of()
    rule = diverging_scores(whole)
    history = whole.fit(data, epochs=20, progress=False, stopping=rule, checkpoint=path)
    assert len(history) == 5
    for resume in ("fit", "fit_up_to"):
        again = trainer_of(seed=1)
        diverging_scores(again)
        if resume == "fit":
            again.resume(path)
            found = again.fit(data, epochs=20, progress=False, stopping=rule)
        else:
            found = again.fit_up_to(20, data, progress=False, stopping=rule, checkpoint=path)
        assert found.equals(history)
        np.testing.assert_array_equal(again.model.params.vector, whole.model.params.vector)
    more = again.fit(data, epochs=2, progress=False)  # a new training
    assert len(more) == 7


def test_fit_up_to_stops_early_and_restores_the_best_parameters_each_time(tmp_path):
    data, path = constant(1.0), tmp_path / "c.npz"
    for epochs, rows in ((4, 4), (4, 4), (20, 5), (20, 5)):  # each by a new trainer, as in a process of its own
        trainer = trainer_of()
        rule = diverging_scores(trainer)
        best = trainer_of()
        best.fit(data, epochs=3, progress=False)
        assert len(trainer.fit_up_to(epochs, data, progress=False, stopping=rule, checkpoint=path)) == rows
        np.testing.assert_array_equal(trainer.model.params.vector, best.model.params.vector)


def test_a_resumed_run_counts_its_patience_from_its_own_best_epoch(tmp_path):
    data, path = constant(1.0), tmp_path / "c.npz"
    trainer = trainer_of()
    trainer.fit(data, epochs=4, progress=False, stopping=diverging_scores(trainer), checkpoint=path)
    again = trainer_of()
    rule = diverging_scores(again)
    again.resume(path)
    assert len(again.fit(data, epochs=20, progress=False, stopping=rule)) == 5
    other = trainer_of()
    other.resume(path)
    rule = rnnbp.EarlyStopping(patience=6, monitor="loss")  # another column: its best is not known yet
    assert len(other.fit(data, epochs=2, progress=False, stopping=rule)) == 6
    assert other.training.best.monitor == "loss"
    assert other.training.best.value == other.history["loss"][4:].min()


def test_a_run_that_a_callback_interrupted_continues_when_resumed(tmp_path):
    trainer = trainer_of(callbacks=[lambda _, row: row["epoch"] == 2])
    trainer.fit(constant(1.0), epochs=9, progress=False, checkpoint=tmp_path / "c.npz")
    again = trainer_of()
    again.resume(tmp_path / "c.npz")
    assert len(again.fit(constant(1.0), epochs=3, progress=False)) == 5


# ---- learning rate and optimizer -----------------------------------------------------------------


def test_the_learning_rate_is_restored_after_a_schedule():
    optimizer, data = rnnbp.SGD(0.05), constant(1.0)
    trainer_of(optimizer, schedule=rnnbp.Cosine(3)).fit(data, epochs=5, progress=False)
    assert optimizer.learning_rate == 0.05
    second = trainer_of(optimizer)
    before = second.model.params.vector.copy()
    assert (second.fit(data, epochs=5, progress=False)["learning_rate"] == 0.05).all()
    assert not np.array_equal(second.model.params.vector, before)


def test_the_learning_rate_is_restored_when_training_is_interrupted():
    def interrupt(trainer, row):
        raise KeyboardInterrupt

    optimizer = rnnbp.SGD(0.05)
    trainer = trainer_of(optimizer, schedule=rnnbp.StepDecay(1, 0.5), callbacks=[interrupt])
    with pytest.raises(KeyboardInterrupt):
        trainer.fit(constant(1.0), epochs=3, progress=False)
    assert optimizer.learning_rate == 0.05


def test_callbacks_and_checkpoints_see_the_learning_rate_that_the_schedule_multiplies(tmp_path):
    seen = []
    trainer = trainer_of(
        rnnbp.SGD(0.05),
        schedule=rnnbp.StepDecay(1, 0.5),
        callbacks=[lambda one, row: seen.append((one.optimizer.learning_rate, row["learning_rate"]))],
    )
    trainer.fit(constant(1.0), epochs=2, progress=False, checkpoint=tmp_path / "c.npz")
    assert seen == [(0.05, 0.05), (0.05, 0.025)]
    again = trainer_of(rnnbp.SGD(0.2))
    again.resume(tmp_path / "c.npz")
    assert again.optimizer.learning_rate == 0.05


def test_a_schedule_restarts_with_each_fit():
    trainer = trainer_of(schedule=rnnbp.StepDecay(1, 0.5))
    for _ in range(2):
        trainer.fit(constant(1.0), epochs=3, progress=False)
    assert trainer.history["learning_rate"].tolist() == [0.05, 0.025, 0.0125] * 2


def test_a_schedule_monitors_only_the_epochs_of_its_own_training():
    trainer = trainer_of(schedule=rnnbp.OnPlateau("loss", factor=0.5, patience=0, threshold=0.9))
    trainer.fit(constant(1.0), epochs=3, progress=False)
    rates = trainer.fit(constant(100.0), epochs=3, progress=False)["learning_rate"]
    assert rates.tolist() == [0.05, 0.05, 0.025] * 2


@pytest.mark.parametrize("written", [None, rnnbp.StepDecay(1, 0.5)], ids=["no schedule", "schedule"])
@pytest.mark.parametrize("resumed", [None, rnnbp.Constant()], ids=["no schedule", "schedule"])
def test_the_learning_rate_after_resume_does_not_depend_on_whether_a_schedule_is_set(written, resumed, tmp_path):
    trainer = trainer_of(rnnbp.SGD(0.05), schedule=written)
    trainer.fit(constant(1.0), epochs=3, progress=False, checkpoint=tmp_path / "c.npz")
    again = trainer_of(rnnbp.SGD(0.2), schedule=resumed)
    again.resume(tmp_path / "c.npz")
    assert again.optimizer.learning_rate == 0.05
    assert again.fit(constant(1.0), epochs=1, progress=False)["learning_rate"].iloc[-1] == 0.05


def test_an_optimizer_that_stepped_for_another_trainer_is_reset():
    data, used = constant(1.0), rnnbp.Adam(0.05)
    trainer_of(used).fit(constant(-5.0), epochs=3, progress=False)
    fresh, reused = trainer_of(rnnbp.Adam(0.05)), trainer_of(used)
    for trainer in (fresh, reused):
        trainer.fit(data, epochs=3, progress=False)
    np.testing.assert_array_equal(reused.model.params.vector, fresh.model.params.vector)


def test_an_optimizer_with_a_loaded_state_continues_from_it():
    data, first = constant(1.0), trainer_of(rnnbp.Adam(0.05))
    first.fit(data, epochs=2, progress=False)
    loaded = rnnbp.Adam(0.05).load_state_dict(first.optimizer.state_dict())
    trainer_of(loaded).fit(data, epochs=1, progress=False)
    assert loaded.steps == first.optimizer.steps + 2


def test_resume_with_a_used_optimizer_continues_from_the_checkpoint(tmp_path):
    data, whole = constant(1.0), trainer_of(rnnbp.Adam(0.05))
    whole.fit(data, epochs=4, progress=False)
    trainer_of(rnnbp.Adam(0.05)).fit(data, epochs=2, progress=False, checkpoint=tmp_path / "c.npz")
    used = rnnbp.Adam(0.05)
    trainer_of(used).fit(constant(-5.0), epochs=3, progress=False)
    again = trainer_of(used)
    again.resume(tmp_path / "c.npz")
    again.fit(data, epochs=2, progress=False)
    np.testing.assert_array_equal(again.model.params.vector, whole.model.params.vector)


def test_a_schedule_continues_in_fit_up_to():
    trainer = trainer_of(schedule=rnnbp.StepDecay(1, 0.5))
    for epochs in (1, 3):
        trainer.fit_up_to(epochs, constant(1.0), progress=False)
    assert trainer.history["learning_rate"].tolist() == [0.05, 0.025, 0.0125]


# ---- representations -----------------------------------------------------------------------------


def test_the_repr_of_a_trainer_lists_its_arguments_and_last_scores():
    trainer = trainer_of(clip=rnnbp.ClipNorm(1.0))
    assert repr(trainer).splitlines() == [
        "Trainer: 0 epochs",
        "  model      2 layers, 3 parameters, float64",
        "  loss       MeanSquaredError()",
        "  gradient   Backprop()",
        "  optimizer  SGD(learning_rate=0.05, weight_decay=0.0)",
        "  clip       ClipNorm(1)",
    ]
    trainer.fit(constant(1.0), epochs=1, progress=False)
    assert repr(trainer).startswith(f"Trainer: 1 epoch, loss {trainer.rows[0]['loss']:.4g}, r2 ")
    assert trainer._repr_html_().startswith("<table><caption>Trainer: 1 epoch, loss")
    trainer.rows[0]["note_loss"] = "of a callback"
    assert "note_loss" not in repr(trainer)


def test_a_long_history_prints_its_first_and_last_rows():
    history = trainer_of().fit(constant(1.0), epochs=40, progress=False)
    assert len(repr(history).splitlines()) == 12
    assert all(column in repr(history).splitlines()[0] for column in history)
    assert history._repr_html_().count("<tr") == 10
    assert type(history.tail()).__name__ == "DataFrame"


@pytest.mark.parametrize("begun", [0, 7])
def test_patience_without_any_improvement_counts_from_the_beginning(begun):
    rule = rnnbp.EarlyStopping(patience=2, monitor="loss")
    best = rule.begin(begun) if begun else rule.begin()
    rows = [{"epoch": begun + n, "loss": np.nan} for n in (1, 2)]
    assert [rule.seen(best, row, np.zeros(1)) for row in rows] == [False, True]
    assert best.vector is None


def test_an_improvement_counts_if_it_is_more_than_the_least_one():
    rule = rnnbp.EarlyStopping(patience=9, monitor="accuracy", least=0.25)
    best = rule.begin()
    found = []
    for n, accuracy in enumerate([0.25, 0.5, 0.75, 0.875], 1):
        rule.seen(best, {"epoch": n, "accuracy": accuracy}, np.full(1, float(n)))
        found.append((best.epoch, best.vector[0]))
    assert found == [(1, 1.0), (1, 1.0), (3, 3.0), (3, 3.0)]


def test_a_column_that_a_row_does_not_have_is_refused():
    rule = rnnbp.EarlyStopping(monitor="accuracy")
    with pytest.raises(ValueError, match="accuracy"):
        rule.seen(rule.begin(), {"epoch": 1, "loss": 1.0}, np.zeros(1))


def test_the_least_improvement_is_no_less_than_0():
    assert rnnbp.EarlyStopping(least=0.0).least == 0
    with pytest.raises(ValueError, match=r"least must be .*, got -1"):
        rnnbp.EarlyStopping(least=-1)


def test_the_best_parameters_are_restored_for_the_column_that_chose_them():
    loss, accuracy = rnnbp.EarlyStopping(monitor="loss"), rnnbp.EarlyStopping(monitor="accuracy")
    state = TrainingState()
    state.begin(loss, 3)
    assert (state.best.epoch, state.best.monitor) == (3, "loss")
    state.update(loss, {"epoch": 4, "loss": 2.0, "accuracy": 0.5}, np.array([7.0]))
    state.begin(loss, 4)
    vector = np.array([1.0])
    for other in (None, accuracy):
        state.restore_best(other, vector)
        assert vector == 1
    state.restore_best(loss, vector)
    assert vector == 7
    state.begin(accuracy, 4)
    assert state.best.vector is None
    state.restore_best(accuracy, vector)
    assert vector == 7
