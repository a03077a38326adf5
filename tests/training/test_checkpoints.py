"""A checkpoint is loaded completely or not at all: values that are not valid are refused, and nothing is changed."""

import copy

import numpy as np
import pytest

import rnnbp
from rnnbp.runtime import read_archive, write_archive
from rnnbp.training.checkpoint import CHECKPOINT_FILE

F, P = 2, 29


def data() -> rnnbp.SequenceDataset:
    rng = np.random.default_rng(0)
    return rnnbp.SequenceDataset([rng.normal(k % 2, 1, (4, F)) for k in range(12)], targets=[k % 2 for k in range(12)])


def trainer_of(dtype=np.float32, optimizer=None, seed=0) -> rnnbp.Trainer:
    model = rnnbp.Sequential(rnnbp.Elman(F, 3), rnnbp.Last(), rnnbp.Dense(3, 2), dtype=dtype, seed=seed)
    return rnnbp.Trainer(model, rnnbp.CrossEntropy(), rnnbp.BPTT(), optimizer or rnnbp.Adam(0.02), seed=seed)


def everything(trainer: rnnbp.Trainer) -> tuple:
    state = trainer.optimizer.state_dict()
    arrays = [trainer.model.params.vector.copy(), *(state[k] for k in sorted(state))]
    return arrays, copy.deepcopy((trainer.rows, trainer.rng.bit_generator.state, trainer.training, trainer._resumed))


@pytest.fixture
def path(tmp_path):
    """Path of the checkpoint of a training with a best epoch."""
    stopping = rnnbp.EarlyStopping(patience=9, monitor="loss")
    trainer_of().fit(data(), epochs=3, progress=False, stopping=stopping, checkpoint=tmp_path / "c.npz")
    return tmp_path / "c.npz"


def rewrite(path, change) -> None:
    header, arrays = read_archive(path, CHECKPOINT_FILE)
    change(header, arrays)
    del header["kind"], header["version"]
    write_archive(path, CHECKPOINT_FILE, header, arrays)


def setting(where: str, *keys):
    """Return a function that sets the entry of the header or the arrays under all keys but the last to the last."""

    def change(header, arrays):
        place = {"header": header, "arrays": arrays}[where]
        for key in keys[:-2]:
            place = place[key]
        if keys[-1] is ...:
            del place[keys[-2]]
        else:
            place[keys[-2]] = keys[-1]

    return change


ONE = np.ones(1, np.float32)
WRONG = {
    "a number for all weights": (setting("arrays", "parameters", ONE[0]), r"parameters is float32 of shape \(\)"),
    "one number for all weights": (setting("arrays", "parameters", ONE), r"parameters is float32 of shape \(1,\)"),
    "parameters of NaN": (setting("arrays", "parameters", np.full(P, np.nan, np.float32)), "parameters is not finite"),
    "an average of NaN": (
        setting("arrays", "optimizer.square", np.full(P, np.nan, np.float32)),
        r"optimizer\.square is not finite",
    ),
    "an average of one number": (
        setting("arrays", "optimizer.mean", ONE),
        r"optimizer\.mean is float32 of shape \(1,\)",
    ),
    "an average in float64": (setting("arrays", "optimizer.square", np.ones(P)), r"optimizer\.square is float64"),
    "an average too few": (setting("arrays", "optimizer.square", ...), "state of Adam lacks 'square'"),
    "an average too many": (setting("arrays", "optimizer.cube", np.ones(P, np.float32)), "'cube', which Adam does not"),
    "a best of one number": (setting("arrays", "best", ONE), r"best is float32 of shape \(1,\)"),
    "a best in float64": (setting("arrays", "best", np.ones(P)), "best is float64"),
    "no best": (setting("arrays", "best", ...), "the best epoch and its parameters must be there together"),
    "best is a text": (setting("header", "best", "value", "low"), "the best value must be a number, got 'low'"),
    "best is not a number": (setting("header", "best", "value", float("nan")), "the best value is nan"),
    "best without a value": (setting("header", "best", "value", ...), "'value'"),
    "best is a list": (
        setting("header", "best", []),
        r"best must have a value, an epoch and .* got \[\]",
    ),
    "best by a number": (setting("header", "best", "monitor", 3), "the name of a column as monitor, got {"),
    "best by an unknown column": (
        setting("header", "best", "monitor", "los"),
        "monitor must be a column of the history, got 'los'; there are .* Did you mean 'loss'",
    ),
    "best by a column that is no number": (
        lambda header, arrays: (
            [row.update(mark=[]) for row in header["rows"]],
            header["best"].update(monitor="mark"),
        ),
        r"mark of the best epoch, \d, must be a number, got \[\]",
    ),
    "best before the first epoch": (setting("header", "best", "epoch", 0), "the best epoch must be from 1, got 0"),
    "best in the future": (setting("header", "best", "epoch", 4), "must be at most the number of rows, 3, got 4"),
    "numbers are a list": (setting("header", "numbers", []), "does not contain a complete checkpoint"),
    "steps are negative": (setting("header", "numbers", "steps", -1), "steps must be an integer of 0 or more, got -1"),
    "a rate that is none": (setting("header", "numbers", "learning_rate", -1), "learning_rate must be a number of 0"),
    "no rate": (setting("header", "numbers", "learning_rate", ...), "state of Adam lacks 'learning_rate'"),
    "rows are a text": (setting("header", "rows", "many"), "rows must be a list of one object an epoch, got 'many'"),
    "rows are numbers": (
        setting("header", "rows", [1, 2, 3]),
        r"rows must be a list of one object an epoch, got \[1",
    ),
    "a row without its epoch": (setting("header", "rows", 1, "epoch", ...), "row 2 lacks 'epoch'"),
    "rows in another order": (setting("header", "rows", 1, "epoch", 3), "row 2 must be that of epoch 2, got 3"),
    "a loss that is a text": (setting("header", "rows", 0, "loss", "0.1"), "loss of row 1 must be a number, got '0.1'"),
    "a loss beyond numbers": (setting("header", "rows", 0, "loss", 10**400), "does not contain a complete checkpoint"),
    "a score that is a text": (
        setting("header", "rows", 0, "accuracy", "high"),
        "accuracy of row 1 must be a number, got 'high'",
    ),
    "a score that is a list": (
        setting("header", "rows", 2, "validation_accuracy", [1.0]),
        r"validation_accuracy of row 3 must be a number, got \[1\.0\]",
    ),
    "a score that is true": (
        setting("header", "rows", 0, "accuracy", True),
        "accuracy of row 1 must be a number, got True",
    ),
    "no rows": (setting("header", "rows", ...), "'rows'"),
    "no generator": (setting("header", "rng", {}), "does not contain a complete checkpoint"),
    "another generator": (setting("header", "rng", "bit_generator", "MT19937"), "a complete checkpoint"),
    "a generator of huge numbers": (setting("header", "rng", "state", "state", -(2**200)), "a complete checkpoint"),
    "a beginning in the future": (setting("header", "training", "first", 7), "first must be at most the number"),
    "an end that is a number": (setting("header", "training", "ended", 1), "ended must be true or false, got 1"),
    "no state": (setting("header", "training", ...), "'training'"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_checkpoint_that_is_not_valid_is_refused_and_changes_nothing(name, path):
    change, message = WRONG[name]
    rewrite(path, change)
    trainer = trainer_of(seed=1)
    trainer.fit(data(), epochs=1, progress=False)
    before = everything(trainer)
    with pytest.raises(ValueError, match=message) as raised:
        trainer.resume(path)
    assert "c.npz' does not contain a complete checkpoint" in str(raised.value)
    after = everything(trainer)
    np.testing.assert_equal(after[0], before[0])
    assert after[1] == before[1]


def test_columns_of_callbacks_may_have_values_of_any_type(tmp_path):
    trainer = trainer_of()
    trainer.callbacks = (lambda _, row: row.update(note=["a", None], name="first"),)
    trainer.fit(data(), epochs=1, progress=False, checkpoint=tmp_path / "c.npz")
    again = trainer_of()
    again.resume(tmp_path / "c.npz")
    assert again.rows == trainer.rows


def test_squares_of_gradients_that_overflowed_are_taken(path):
    rewrite(path, setting("arrays", "optimizer.square", np.full(P, np.inf, np.float32)))
    trainer = trainer_of()
    trainer.resume(path)
    assert np.isinf(trainer.optimizer.state_dict()["square"]).all()


def test_a_checkpoint_of_a_training_without_names_is_refused_by_a_model_with_names(path):
    trainer = trainer_of()
    trainer.model.classes = ["no", "yes"]
    with pytest.raises(ValueError, match="its model was trained without names, and the trainer's has 'no', 'yes'"):
        trainer.resume(path)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_checkpoint_of_another_dtype_is_refused(dtype, tmp_path):
    other = {np.float32: np.float64, np.float64: np.float32}[dtype]
    trainer_of(dtype).save(tmp_path / "c.npz")
    name = np.dtype(dtype).name
    with pytest.raises(
        ValueError, match=rf"is of a model in {name}, .* make it with Sequential\(\.\.\., dtype='{name}'"
    ):
        trainer_of(other).resume(tmp_path / "c.npz")


def test_a_checkpoint_with_another_learning_rate_is_refused_by_a_minimizer(tmp_path):
    trainer_of(optimizer=rnnbp.LBFGS(2)).fit(data(), epochs=1, progress=False, checkpoint=tmp_path / "c.npz")
    rewrite(tmp_path / "c.npz", setting("header", "numbers", "learning_rate", 0.5))
    trainer = trainer_of(optimizer=rnnbp.LBFGS(2))
    with pytest.raises(ValueError, match=r"learning_rate stays 1, got 0\.5"):
        trainer.resume(tmp_path / "c.npz")
    assert trainer.optimizer.steps == 0


def test_resume_restores_parameters_best_epoch_history_and_generator(path):
    trainer = trainer_of(seed=1)
    trainer.resume(path)
    header, arrays = read_archive(path, CHECKPOINT_FILE)
    np.testing.assert_array_equal(trainer.model.params.vector, arrays["parameters"])
    np.testing.assert_array_equal(trainer.training.best.vector, arrays["best"])
    assert trainer.rows == header["rows"]
    assert trainer.rng.bit_generator.state == header["rng"]


def test_numpy_scalars_in_a_row_are_written_as_numbers(tmp_path):
    trainer = trainer_of()
    trainer.callbacks = (lambda _, row: row.update(mark=np.float32(0.5)),)
    trainer.fit(data(), epochs=1, progress=False, checkpoint=tmp_path / "c.npz")
    again = trainer_of()
    again.resume(tmp_path / "c.npz")
    assert again.rows[0]["mark"] == 0.5


@pytest.mark.parametrize(
    ("place", "error", "message"),
    [
        ("nowhere/c.npz", FileNotFoundError, r"checkpoint: there is no folder '.*nowhere' to write 'c.npz' to"),
        ("", IsADirectoryError, r"checkpoint must name a file, and '.*' is a folder"),
    ],
)
def test_a_path_that_cannot_be_written_is_refused_before_training(place, error, message, tmp_path):
    trainer = trainer_of()
    for train in (trainer.fit, lambda *given, **options: trainer.fit_up_to(2, *given, **options)):
        with pytest.raises(error, match=message):
            train(data(), progress=False, checkpoint=tmp_path / place)
    with pytest.raises(error, match=message):
        trainer.save(tmp_path / place)
    with pytest.raises(ValueError, match="checkpoint must be the path of a file, got 3"):
        trainer.fit(data(), progress=False, checkpoint=3)
    assert trainer.rows == []


def test_a_checkpoint_of_another_optimizer_and_a_model_file_are_refused(tmp_path):
    trainer_of(optimizer=rnnbp.Adam()).save(tmp_path / "c.npz")
    with pytest.raises(ValueError, match="of another model or optimizer"):
        trainer_of(optimizer=rnnbp.SGD(0.1)).resume(tmp_path / "c.npz")
    trainer_of().model.save(tmp_path / "model.npz")
    with pytest.raises(ValueError, match=r"must be a file of 'rnnbp checkpoint'; it is 'rnnbp model'"):
        trainer_of().resume(tmp_path / "model.npz")


def test_a_damaged_checkpoint_is_refused(tmp_path):
    path = tmp_path / "c.npz"
    trainer_of().save(path)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(ValueError, match=r"c\.npz' is not a file of 'rnnbp checkpoint', or it is damaged"):
        trainer_of().resume(path)
    with pytest.raises(FileNotFoundError, match="there is no file"):
        trainer_of().resume(tmp_path / "none.npz")
    with pytest.raises(IsADirectoryError, match=r"path must name a file of 'rnnbp checkpoint', and '.*' is a folder"):
        trainer_of().resume(tmp_path)


def test_a_checkpoint_without_its_arrays_is_refused(tmp_path):
    trainer_of().save(tmp_path / "c.npz")
    header, arrays = read_archive(tmp_path / "c.npz", "rnnbp checkpoint")
    del arrays["parameters"]
    write_archive(tmp_path / "c.npz", "rnnbp checkpoint", header, arrays)
    with pytest.raises(ValueError, match="does not contain a complete checkpoint: 'parameters'"):
        trainer_of().resume(tmp_path / "c.npz")
