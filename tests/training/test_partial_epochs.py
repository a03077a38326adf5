"""Checkpoints between two batches: a run that stops there continues in the middle of the epoch, bit for bit."""

import signal

import numpy as np
import pytest

import rnnbp
from rnnbp.optimizers.schedules import OnPlateau
from rnnbp.runtime import Terminated, deferred, flatten, raise_if_asked, terminated_as_interrupted, unflatten
from rnnbp.training.checkpoint_writer import CheckpointWriter

F, K, EPOCHS = 3, 2, 2


class StopError(Exception):
    """Stops a training after a batch."""


def sequences(weights=None) -> rnnbp.SequenceDataset:
    rng = np.random.default_rng(0)
    lengths = rng.integers(2, 7, 11)
    return rnnbp.SequenceDataset([rng.normal(size=(n, F)) for n in lengths], rng.integers(0, K, 11), weights=weights)


def stream() -> rnnbp.SequenceDataset:
    rng = np.random.default_rng(1)
    return rnnbp.SequenceDataset.from_stream(rng.normal(size=(84, F)), rng.integers(0, K, 84), batch_size=4, steps=5)


def labels() -> rnnbp.SequenceDataset:
    data = sequences()
    targets = rnnbp.LabelSequences([[k % 2 + 1] for k in range(len(data))])
    return rnnbp.SequenceDataset(
        list(data.sequences), targets, classes=["-", "a", "b"], weights=np.linspace(0.5, 2, 11)
    )


def classifier(cell=rnnbp.GRU, **options) -> rnnbp.Trainer:
    model = rnnbp.Sequential(cell(F, 4), rnnbp.Dropout(0.3), rnnbp.Last(), rnnbp.Dense(4, K), seed=0)
    return rnnbp.Trainer(model, rnnbp.CrossEntropy(), **options)


def tagger(loss=None, outputs=K, cell=rnnbp.LSTM, **options) -> rnnbp.Trainer:
    model = rnnbp.Sequential(cell(F, 4), rnnbp.Dropout(0.3), rnnbp.Dense(4, outputs), seed=0)
    return rnnbp.Trainer(model, loss or rnnbp.CrossEntropy(), **options)


RUNS = {
    "dropout and a schedule": (lambda: classifier(schedule=rnnbp.Cosine(EPOCHS)), sequences),
    "weights and clipping": (
        lambda: classifier(clip=rnnbp.ClipNorm(0.1), optimizer=rnnbp.RMSprop()),
        lambda: sequences(np.linspace(0, 2, 11)),
    ),
    "a stream with state": (lambda: tagger(stateful=True), stream),
    "a stream with state, truncated": (
        lambda: tagger(gradient=rnnbp.TruncatedBPTT(2, 3), stateful=True, schedule=OnPlateau("loss", patience=1)),
        stream,
    ),
    "online": (lambda: tagger(gradient=rnnbp.UORO(), cell=rnnbp.Elman, optimizer=rnnbp.SGD(0.1)), stream),
    "label sequences": (lambda: tagger(rnnbp.CTC(), 3), labels),
}


def final(trainer: rnnbp.Trainer) -> tuple:
    """Return everything of a trainer but the seconds of its rows."""
    state = trainer.optimizer.state_dict()
    rows = [{k: v for k, v in row.items() if k != "seconds"} for row in trainer.rows]
    arrays = {k: np.asarray(v).tobytes() for k, v in state.items()}
    return trainer.model.params.vector.tobytes(), arrays, rows, trainer.rng.bit_generator.state


def fit(trainer: rnnbp.Trainer, data: rnnbp.SequenceDataset, **options) -> tuple:
    given = {"validation": data, "batch_size": 4, "progress": False, "checkpoint_every": 0.0} | options
    trainer.fit_up_to(EPOCHS, data, **given)
    return final(trainer)


def fit_until(batches: int, *given, **options) -> None:
    """Train as `fit` does until so many batches are done and the last one's checkpoint is written."""
    left, after_batch = [batches], CheckpointWriter.after_batch

    def counted(self, done):
        after_batch(self, done)
        left[0] -= 1
        if left[0] == 0:
            raise StopError

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(CheckpointWriter, "after_batch", counted)
        with pytest.raises(StopError):
            fit(*given, **options)


@pytest.mark.parametrize("name", RUNS)
def test_a_run_that_stops_after_any_batch_continues_to_the_same_bits(name, tmp_path):
    make, data = RUNS[name][0], RUNS[name][1]()
    whole = fit(make(), data, checkpoint=None, checkpoint_every=None)
    for stop in (1, -(-len(data) // 4), -(-len(data) // 4) + 1):  # within, at the end of, and after the first epoch
        path = tmp_path / f"{stop}.npz"
        fit_until(stop, make(), data, checkpoint=path)
        assert fit(make(), data, checkpoint=path) == whole
        assert fit(make(), data, checkpoint=path) == whole  # of the last checkpoint


def test_seconds_of_an_epoch_add_up(tmp_path, monkeypatch):
    clock = [0.0]
    monkeypatch.setattr("rnnbp.training.trainer.time.perf_counter", lambda: clock[0])
    after_batch = CheckpointWriter.after_batch

    def slow(self, done):
        after_batch(self, done)
        clock[0] += 10.0  # of the next batch

    monkeypatch.setattr(CheckpointWriter, "after_batch", slow)
    fit_until(2, classifier(), sequences(), checkpoint=tmp_path / "c.npz")
    clock[0] = 0.0
    trainer = classifier()
    fit(trainer, sequences(), checkpoint=tmp_path / "c.npz")
    assert [row["seconds"] for row in trainer.rows] == [10.0 + 10.0, 30.0]  # the last wait of a batch is not in a file


@pytest.mark.parametrize(("signum", "raised"), [(signal.SIGTERM, Terminated), (signal.SIGINT, KeyboardInterrupt)])
@pytest.mark.parametrize("place", ["batch", "validation", "callback"])
def test_a_signal_saves_the_epoch_at_the_next_batch(place, signum, raised, tmp_path, monkeypatch):
    data, path = sequences(), tmp_path / "c.npz"
    whole, trainer, calls = fit(classifier(), data, checkpoint_every=None), classifier(), []

    def signalling(target, name):
        function = getattr(target, name)

        def signalled(*given, **options):
            calls.append(name)
            if len(calls) == 2:
                signal.raise_signal(signum)
            return function(*given, **options)

        return target, name, signalled

    targets = {"batch": (trainer.optimizer, "step"), "validation": (rnnbp.CrossEntropy, "pooled_score")}
    if place == "callback":
        trainer.callbacks = (signalling(Calls(), "callback")[2],)
    else:
        monkeypatch.setattr(*signalling(*targets[place]))
    with terminated_as_interrupted(), pytest.raises(KeyboardInterrupt) as caught:
        fit(trainer, data, checkpoint=path, checkpoint_every=None)
    assert caught.type is raised
    monkeypatch.undo()
    again = classifier()
    again.resume(path)
    done = again._partial.batches if again._partial else 0
    assert (len(again.rows), done) == {"batch": (0, 2), "validation": (0, 3), "callback": (2, 0)}[place]
    assert fit(again, data, checkpoint=path) == whole


class Calls:
    """What a trainer calls after an epoch."""

    def callback(self, trainer, row):
        return None


def test_a_second_signal_takes_effect_at_once():
    with terminated_as_interrupted(), deferred():
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            raise_if_asked()


def test_without_a_checkpoint_a_signal_takes_effect_at_once():
    trainer = classifier()
    trainer.optimizer.step = lambda *given: signal.raise_signal(signal.SIGTERM) or pytest.fail("not reached")
    with terminated_as_interrupted(), pytest.raises(Terminated):
        trainer.fit(sequences(), epochs=1, progress=False)


def test_an_epoch_is_not_continued_on_other_batches(tmp_path):
    fit_until(2, classifier(), sequences(), checkpoint=tmp_path / "c.npz")
    trainer = classifier()
    with pytest.raises(
        ValueError, match="interrupted after 2 of the 3 batches of an epoch, and train has 6 of batch_size = 2"
    ):
        fit(trainer, sequences(), batch_size=2, checkpoint=tmp_path / "c.npz")
    assert fit(trainer, sequences(), checkpoint=None, checkpoint_every=None) == fit(
        classifier(), sequences(), checkpoint=None, checkpoint_every=None
    )


def test_a_checkpoint_is_written_after_so_many_seconds(tmp_path, monkeypatch):
    clock, written = [0.0], []
    monkeypatch.setattr("rnnbp.training.checkpoint_writer.time.monotonic", lambda: clock[0])
    monkeypatch.setattr(
        "rnnbp.training.checkpoint_writer.write_checkpoint", lambda path, found: written.append(clock[0])
    )
    trainer = classifier()
    step = trainer.optimizer.step
    trainer.optimizer.step = lambda *given: (clock.__setitem__(0, clock[0] + 1.0), step(*given))
    trainer.fit(sequences(), epochs=2, batch_size=2, progress=False, checkpoint=tmp_path / "c.npz", checkpoint_every=4)
    assert written == [4.0, 6.0, 10.0, 12.0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"checkpoint_every": -1.0}, "checkpoint_every must be a number of 0 or more, got -1"),
        (
            {"checkpoint": None, "checkpoint_every": 1.0},
            "checkpoint_every has no effect without a file: give checkpoint=",
        ),
        ({"keep": 0}, "keep must be a positive integer, got 0"),
        ({"keep": 1000}, "keep must be at most 100, got 1000"),
    ],
)
def test_arguments_of_checkpoints_are_checked_before_training(options, message, tmp_path):
    trainer = classifier()
    with pytest.raises(ValueError, match=message):
        fit(trainer, sequences(), **{"checkpoint": tmp_path / "c.npz"} | options)
    assert trainer.rows == []


@pytest.mark.parametrize(
    "value",
    [
        None,
        [np.ones((2, 0, 3)), None, ()],
        (np.asfortranarray(np.arange(6.0).reshape(2, 3)), [np.float32(0.1), 3, "a", True]),
        [np.arange(5)[::2], np.ones(3, bool), np.array(2.5, np.float32)],
    ],
    ids=str,
)
def test_nested_arrays_are_restored_with_their_types_and_memory_order(value):
    structure, arrays = flatten(value)
    found = unflatten(structure, arrays)
    assert repr(found) == repr(value)
    for part, given in zip(found or (), value or (), strict=True):
        assert type(part) is type(given)
        assert getattr(part, "dtype", None) == getattr(given, "dtype", None)
        if isinstance(given, np.ndarray) and given.base is None:
            assert part.flags.f_contiguous == given.flags.f_contiguous


def test_nested_values_of_other_types_are_refused():
    with pytest.raises(ValueError, match="a set cannot be stored: it is no array, number, list or tuple"):
        flatten([{1}])


@pytest.mark.parametrize(
    ("structure", "message"),
    [
        ({"array": "float64", "shape": [3], "order": "C"}, "arrays have 2 elements of float64, fewer than"),
        ({"array": "float64", "shape": [-1], "order": "C"}, "a shape must have integers of 0 or more"),
        ({"list": []}, "arrays have elements that no part of the structure has: {'float64': 2}"),
    ],
)
def test_nested_arrays_that_do_not_fit_are_refused(structure, message):
    with pytest.raises(ValueError, match=message):
        unflatten(structure, {"float64": np.zeros(2)})
