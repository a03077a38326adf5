"""Training, evaluation and prediction from shards: the results of the same data in memory, in bounded memory."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import rnnbp
from rnnbp import SequenceDataset, load_shards, write_shards

pytest.importorskip("pyarrow")
pytestmark = pytest.mark.cluster

N, CLASSES = 48, ["a", "b", "c"]


@pytest.fixture(scope="module")
def data():
    """A dataset with one class a sequence, and one with one a step, with weights and resets."""
    rng = np.random.default_rng(2)
    labels = rng.integers(0, 3, N)
    seqs = [rng.normal(k, 1, (n, 2)) for k, n in zip(labels, rng.integers(3, 9, N))]
    steps = [np.full(len(s), k) for s, k in zip(seqs, labels)]
    weights = [rng.integers(0, 3, len(s)).astype(float) for s in seqs]
    weights[5][:] = 0
    resets = [rng.random(len(s)) < 0.2 for s in seqs]
    return {
        "sequence": SequenceDataset(seqs, labels, classes=CLASSES, feature_names=["p", "q"]),
        "step": SequenceDataset(seqs, steps, classes=CLASSES, weights=weights, resets=resets),
    }


@pytest.fixture(scope="module")
def folders(data, tmp_path_factory):
    base = tmp_path_factory.mktemp("shards")
    for name, one in data.items():
        write_shards(one, base / name, sequences_per_shard=5)
    return base


def trainer_for(task, **given):
    pooling = [rnnbp.Last()] if task == "sequence" else []
    model = rnnbp.Sequential(rnnbp.GRU(2, 4), *pooling, rnnbp.Dense(4, 3), seed=1)
    return rnnbp.Trainer(model, rnnbp.CrossEntropy(), seed=3, **given)


@pytest.mark.parametrize("task", ["sequence", "step"])
def test_training_has_the_bits_of_training_in_memory(data, folders, task):
    found = []
    for one in (data[task], load_shards(folders / task)):
        trainer = trainer_for(task)
        train, validation = one.split(0.75)
        stopping = rnnbp.EarlyStopping(patience=3)
        history = trainer.fit(train, validation, epochs=4, batch_size=7, progress=False, stopping=stopping)
        scores = trainer.evaluate(one)
        predicted = trainer.predict(one)
        found.append((history.drop(columns="seconds"), trainer.model.params.vector.copy(), scores, predicted))
    (history, vector, scores, predicted), (other, other_vector, other_scores, other_predicted) = found
    assert history.equals(other)
    assert vector.tobytes() == other_vector.tobytes()
    assert scores == other_scores
    assert len(predicted) == len(other_predicted) == N
    assert all(np.array_equal(a, b) for a, b in zip(predicted, other_predicted))


def test_training_from_a_buffer_is_the_same_every_time_and_learns(folders):
    vectors = []
    for _ in range(2):
        trainer = trainer_for("sequence", optimizer=rnnbp.Adam(0.03))
        history = trainer.fit(load_shards(folders / "sequence", buffer=3), epochs=8, batch_size=7, progress=False)
        vectors.append(trainer.model.params.vector.tobytes())
    assert vectors[0] == vectors[1]
    assert history["loss"].iloc[-1] < 0.8 * history["loss"].iloc[0]


class StopError(Exception):
    """Stops a training after a batch."""


@pytest.mark.parametrize("stop", [2, 5, 9])
def test_a_run_that_stops_within_an_epoch_continues_from_shards_to_the_same_bits(folders, tmp_path, stop):
    def run(trainer, **given):
        data = load_shards(folders / "sequence", buffer=3)
        trainer.fit_up_to(2, data, batch_size=7, progress=False, **given)
        return trainer.model.params.vector.tobytes(), trainer.history.drop(columns="seconds").to_dict()

    whole, trainer, calls = run(trainer_for("sequence")), trainer_for("sequence"), []
    step = trainer.optimizer.step

    def stopping(*given):
        calls.append(1)
        if len(calls) > stop:
            raise StopError
        step(*given)

    trainer.optimizer.step = stopping
    with pytest.raises(StopError):
        run(trainer, checkpoint=tmp_path / "c.npz", checkpoint_every=0.0)
    again = trainer_for("sequence")
    assert run(again, checkpoint=tmp_path / "c.npz") == whole


def test_names_of_classes_and_features_are_matched_as_in_memory(data, folders):
    trainer = trainer_for("sequence")
    trainer.fit(data["sequence"], epochs=1, progress=False)
    swapped = data["sequence"].map(lambda x: x[:, ::-1])
    swapped.feature_names = ("q", "p")
    again = swapped.with_classes(["c", "b", "a"])
    folder = folders / "swapped"
    write_shards(again, folder, sequences_per_shard=5)
    assert trainer.evaluate(load_shards(folder)) == trainer.evaluate(data["sequence"])
    steps = load_shards(folders / "step").with_classes(["z", "c", "b", "a"])
    assert np.array_equal(steps.targets[3], 3 - data["step"].targets[3])
    assert next(steps.batches(N)).targets.max() == 3
    with pytest.raises(ValueError, match="the classes 'a', 'c' are not among 'b'"):
        load_shards(folders / "step").with_classes(["b"])


def test_a_target_that_does_not_fit_is_found_before_the_first_update(folders, monkeypatch):
    model = rnnbp.Sequential(rnnbp.GRU(2, 4), rnnbp.Dense(4, 2))
    data = load_shards(folders / "step")
    monkeypatch.setattr(data.reader, "shard", None)
    with pytest.raises(ValueError, match="train: "):
        rnnbp.Trainer(model, rnnbp.CrossEntropy()).fit(data, epochs=1, progress=False)


def test_a_minimizer_reads_the_shards_again_at_every_call(data, folders, monkeypatch):
    vectors, read = [], []
    shards = load_shards(folders / "sequence")
    whole = shards.reader.shard
    monkeypatch.setattr(
        shards.reader, "shard", lambda number, scratch: (read.append(number), whole(number, scratch))[1]
    )
    for one in (data["sequence"], shards):
        trainer = trainer_for("sequence", optimizer=rnnbp.LBFGS(3))
        trainer.fit(one, epochs=1, batch_size=7, progress=False)
        vectors.append(trainer.model.params.vector.tobytes())
    assert vectors[0] == vectors[1]
    assert read.count(4) > 3


def test_a_reservoir_is_solved_from_shards(data, folders):
    found = []
    for one in (data["step"], load_shards(folders / "step")):
        model = rnnbp.Sequential(rnnbp.GRU(2, 4), rnnbp.Dense(4, 3), seed=1)
        model.freeze("0.*")
        trainer = rnnbp.Trainer(model, rnnbp.CrossEntropy(), optimizer=rnnbp.Ridge())
        trainer.fit(one, epochs=1, progress=False)
        found.append(model.params.vector.tobytes())
    assert found[0] == found[1]


def test_a_stream_in_shards_is_trained_statefully(tmp_path):
    text = SequenceDataset.from_text("to be or not to be, that is the question " * 8, batch_size=4, steps=6)
    write_shards(text, tmp_path / "text", sequences_per_shard=10)
    found = []
    for one in (text, load_shards(tmp_path / "text", memory=4000)):
        K = len(text.classes)
        model = rnnbp.Sequential(rnnbp.Embedding(K, 3), rnnbp.GRU(3, 5), rnnbp.Dense(5, K), seed=1)
        trainer = rnnbp.Trainer(model, rnnbp.CrossEntropy(), stateful=True)
        trainer.fit(one, epochs=2, batch_size=4, progress=False)
        found.append((model.params.vector.tobytes(), model.generate("to ", 5)))
    assert found[0] == found[1]


def test_pyarrow_that_is_not_installed_names_the_extra(folders, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ImportError, match=r'pip install "rnnbp\[parquet\]"'):
        load_shards(folders / "step")
    with pytest.raises(ImportError, match=r'pip install "rnnbp\[parquet\]"'):
        write_shards(SequenceDataset([np.ones((2, 2))]), folders / "new")


# ---- memory, disk and processes --------------------------------------------------------------------

MEASURE = """
import json, sys
from pathlib import Path
import numpy as np
import rnnbp

def peak():
    (line,) = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) / 1000

data = rnnbp.load_shards(sys.argv[1], memory=12 * 10**6)
model = rnnbp.Sequential(rnnbp.MeanOverTime(), rnnbp.Dense(50, 2))
trainer = rnnbp.Trainer(model, rnnbp.CrossEntropy(), rnnbp.Backprop())
trainer.fit(data[:64], epochs=1, batch_size=32, progress=False)
peaks = [peak()]
for _ in range(3):
    trainer.fit(data, epochs=1, batch_size=32, progress=False)
    peaks.append(peak())
print(json.dumps([peaks, len(trainer.history)]))
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from /proc")
def test_training_on_60_megabytes_takes_20_and_no_more_in_later_epochs(tmp_path):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 50)).astype(np.float32)
    write_shards(((x + i % 2, i % 2) for i in range(750)), tmp_path / "shards", shard_bytes=10**6)
    assert sum(path.stat().st_size for path in (tmp_path / "shards").iterdir()) > 60e6
    code = [sys.executable, "-c", MEASURE, str(tmp_path / "shards")]
    peaks, epochs = json.loads(subprocess.run(code, capture_output=True, text=True, check=True).stdout)
    assert epochs == 4
    assert peaks[1] - peaks[0] < 20
    assert peaks[3] - peaks[1] < 3


UNFINISHED = """
import sys
import numpy as np
import rnnbp

data = rnnbp.load_shards(sys.argv[1], buffer=2)
batches = data.batches(5, shuffle=True, rng=np.random.default_rng(0))
next(batches)
print("end")
"""


def test_the_interpreter_ends_in_the_middle_of_an_iteration(folders):
    code = [sys.executable, "-X", "dev", "-W", "ignore", "-c", UNFINISHED, str(folders / "step")]
    found = subprocess.run(code, capture_output=True, text=True, timeout=60, check=False)
    assert (found.returncode, found.stdout, found.stderr) == (0, "end\n", "")


def test_a_full_disk_is_said_and_leaves_nothing(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("rnnbp.data.shards.files.os.fsync", full)
    with pytest.raises(OSError, match=r"the disk is full: '.*new' was not written, and nothing is left of it"):
        write_shards(SequenceDataset([np.ones((2, 2))]), tmp_path / "new")
    assert not list(tmp_path.iterdir())


KILLED = """
import os, signal, sys
import numpy as np
import rnnbp

def pairs():
    for i in range(100):
        if i == int(sys.argv[2]):
            os.kill(os.getpid(), signal.SIGKILL)
        yield np.full((4, 2), i), 0

rnnbp.write_shards(pairs(), sys.argv[1], sequences_per_shard=10)
"""


def test_a_killed_writer_leaves_no_folder_and_the_next_one_clears_up(tmp_path):
    folder = tmp_path / "new"
    code = [sys.executable, "-c", KILLED, str(folder)]
    assert subprocess.run([*code, "80"], check=False, capture_output=True).returncode == -9
    (left,) = tmp_path.iterdir()
    with pytest.raises(FileNotFoundError, match="no index"):
        load_shards(left)
    with pytest.raises(FileNotFoundError, match="there is none"):
        load_shards(folder)
    subprocess.run([*code, "-1"], check=True)
    assert [path.name for path in tmp_path.iterdir()] == ["new"]
    assert len(load_shards(folder)) == 100
