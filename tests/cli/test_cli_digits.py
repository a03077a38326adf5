"""Spoken digits from the command line: train, resume, transcribe, noise, speakers."""

import re
import shlex
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import rnnbp
from rnnbp.applications.spoken_digits.speakers import Trial, normalized_tract, without_speaker
from rnnbp.audio import read_wav, write_wav
from rnnbp.cli import main as cli
from rnnbp.comparison import Recipe, TrainingRun, model_factory
from rnnbp.datasets import load, write_synthetic_digits
from rnnbp.datasets.varied import with_warp
from rnnbp.features import resample
from rnnbp.training.checkpoint_writer import CheckpointWriter


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("digits")
    write_synthetic_digits(path / "recordings", speakers=("ann", "bob"), takes=9, digits=("1", "6", "8"))
    return path


@pytest.fixture
def rnn(capsys, tmp_path, monkeypatch):
    """Run a command in a new folder; return what it printed."""
    monkeypatch.chdir(tmp_path)

    def run(line: str, status: int = 0) -> str:
        assert cli.main(shlex.split(line)) == status
        out, err = capsys.readouterr()
        return out if status == 0 else err

    return run


@pytest.fixture
def fewer(monkeypatch):
    """Load a small number of digit strings."""
    whole = rnnbp.datasets.catalog
    monkeypatch.setattr(
        rnnbp.datasets, "load", lambda name, **options: load(name, strings=40, test_strings=20, **options)
    )
    return whole


@pytest.fixture(scope="module")
def trained(folder, tmp_path_factory):
    """The file of a model that was trained on three different words for some seconds."""
    return model_file(folder, tmp_path_factory.mktemp("model"), epochs=8)


@pytest.fixture
def untrained(folder, tmp_path):
    """The file of such a model after an update or two."""
    return model_file(folder, tmp_path, strings=8, epochs=1)


def model_file(folder, target, epochs, strings=150):
    train, _ = load("connected-digits", path=folder, strings=strings, test_strings=2)
    model = rnnbp.comparison.model_factory("bigru", train, parameters=20000)(0)
    trainer = rnnbp.Trainer(model, rnnbp.CTC(), rnnbp.BPTT(), rnnbp.Adam(0.01))
    trainer.fit(train, epochs=epochs, batch_size=8, progress=False)
    model.info = {"features": rnnbp.runtime.to_config(rnnbp.datasets.feature_of("connected-digits"))}
    path = target / "digits.npz"
    model.save(path)
    return path


def test_an_interrupted_training_resumes(rnn, folder, fewer):
    common = f"train bigru connected-digits --data {folder} --parameters 3000 --batch-size 8 --quiet"
    rnn(f"{common} --epochs 3 --save whole.npz")
    real, seen = CheckpointWriter.write, []

    def killed(self, partial=None):
        real(self, partial)
        seen.append(partial)
        if len(seen) == 2:
            raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(CheckpointWriter, "write", killed)
        message = rnn(f"{common} --epochs 3 --save broken.npz --checkpoint c.npz", 130)
    assert message.startswith(
        "rnnbp: interrupted; the checkpoints are saved, and the same command resumes from them:\n  rnnbp train"
    )
    rnn(f"{common} --epochs 3 --save again.npz --checkpoint c.npz")
    np.testing.assert_array_equal(rnnbp.load("again.npz").params.vector, rnnbp.load("whole.npz").params.vector)
    assert rnnbp.load("again.npz").info["features"]["type"] == "MFCC"


@pytest.mark.slow
def test_transcribe_prints_digits_with_their_times(rnn, folder, trained):
    _, test = load("connected-digits", path=folder, strings=2, test_strings=12)
    right = total = 0
    for place in range(12):
        y, spans = test.draw.sound(place)
        rate = (8000, 16000)[place % 2]
        write_wav("a.wav", 0.9 * resample(y / np.abs(y).max(), orig_sr=8000, target_sr=rate).clip(-1, 1), rate)
        out = rnn(f"transcribe {trained} a.wav")
        labels = [test.classes[k] for k in test.targets[place]]
        total += 1
        if re.match(r"a\.wav: (.*)\n", out)[1].split() == labels:
            right += 1
            rows = [line.split() for line in out.splitlines()[1:]]
            assert [row[2] for row in rows] == labels
            for (start, end, _), span in zip(rows, spans, strict=True):
                assert 0 <= float(start) < float(end)
                assert abs(float(start) - span[0]) < 0.2
                assert abs(float(end) - span[1]) < 0.2
    assert right > 0.6 * total


def test_transcribe_prints_a_line_for_a_recording(rnn, untrained):
    write_wav("a.wav", np.zeros(8000), 16000)
    assert re.match(r"a\.wav: ", rnn(f"transcribe {untrained} a.wav"))


def test_transcribe_refuses_missing_and_damaged_files(rnn, untrained, tmp_path):
    assert "there is no file 'no.wav'" in rnn(f"transcribe {untrained} no.wav", 2)
    assert "there is no file 'no.npz'" in rnn("transcribe no.npz a.wav", 2)
    (tmp_path / "bad.wav").write_bytes(b"RIFF")
    assert "bad.wav" in rnn(f"transcribe {untrained} bad.wav", 2)
    rnnbp.Sequential(rnnbp.Dense(3, 2)).save("plain.npz")
    assert "does not record the features and classes" in rnn("transcribe plain.npz a.wav", 2)


@pytest.mark.slow
def test_evaluate_prints_the_error_rate_with_noise(rnn, folder, trained, fewer):
    out = rnn(f"evaluate {trained} connected-digits --data {folder} --snr 20,-30")
    assert "token_error_rate with noise:" in out
    rows = {line.split()[0]: [float(v) for v in line.split()[1:]] for line in out.splitlines()[-2:]}
    assert set(rows) == {"white", "speech"}
    assert rows["white"][0] == rows["speech"][0] < 0.4
    assert all(row[2] > row[0] + 0.3 for row in rows.values())
    assert "--snr must be numbers separated by commas, got '1,x'" in rnn(
        f"evaluate {trained} connected-digits --data {folder} --snr 1,x", 2
    )


@pytest.mark.slow
def test_compare_takes_single_digits(rnn, folder):
    out = rnn(
        f"compare spoken-digits --data {folder} --models resampled-mlp,bigru --parameters 4000 --seeds 1 --epochs 6 "
        "--batch-size 6 --workers 1 --quiet"
    )
    assert "resampled-mlp" in out
    assert "bigru" in out


@pytest.mark.slow
def test_each_speaker_is_left_out_in_turn(rnn, folder):
    out = rnn(
        f"speakers --data {folder} --models resampled-mlp --seeds 2 --epochs 2 --workers 1 --output runs.csv --quiet"
    )
    again = rnn(f"speakers --data {folder} --models resampled-mlp --seeds 2 --epochs 2 --workers 1 --views 3 --quiet")
    assert again.splitlines()[0] == out.splitlines()[0]
    assert re.search(r"speaker +ann +bob +average", out)
    assert re.search(r"resampled-mlp, 2 averaged +\d", out)
    runs = pd.read_csv("runs.csv")
    assert runs["speaker"].tolist() == ["ann"] * 3 + ["bob"] * 3
    assert runs["seed"].fillna(-1).tolist() == [0, 1, -1] * 2


def test_comparisons_resume_from_their_checkpoints(rnn, folder, monkeypatch):
    """Of speakers as well; nothing is trained again, and the same results are printed."""
    common = f"--data {folder} --models resampled-mlp --seeds 2 --workers 1 --checkpoints runs --quiet"
    lines = [f"speakers {common} --epochs 2", f"compare spoken-digits {common} --epochs 2"]
    rnn(lines[0].replace("--epochs 2", "--epochs 1"))
    first = [rnn(line) for line in lines]
    files = {path.stem for path in Path("runs").iterdir()}
    assert {f"resampled-mlp-{run}" for run in ("ann-seed-0", "bob-seed-1", "fold-2", "seed-1")} <= files
    monkeypatch.setattr(rnnbp.Trainer, "_epoch", None)
    assert rnn(lines[0]) == first[0]
    again, before = (out.splitlines()[-1].split() for out in (rnn(lines[1]), first[1]))
    assert again[:-2] == before[:-2]  # then comes the time that inference takes
    assert "is of another model" in rnn(f"{lines[0]} --parameters 900", 2)


def test_views_of_a_speaker_are_averaged(folder):
    train, test = load("spoken-digits", path=folder, split="speaker", speaker="bob")
    opposite = test.map(np.negative)
    recipe = Recipe(2, 8, rnnbp.CrossEntropy(), rnnbp.BPTT(), rnnbp.Cosine)
    training = TrainingRun(recipe, "mlp", "bob, seed 0", model_factory("resampled-mlp", train), rnnbp.Adam, 0, train)
    one, other, both = (Trial(training, tests).tested() for tests in ([test], [opposite], [test, opposite]))
    np.testing.assert_allclose(both.probabilities, (one.probabilities + other.probabilities) / 2)
    assert both.row["test"] == np.mean(both.probabilities.argmax(axis=1) == both.targets)
    assert both.targets.tolist() == test.targets.tolist()


def test_features_of_new_speakers_are_normalised_as_told(rnn, folder):
    common = f"speakers --data {folder} --models resampled-mlp --seeds 1 --epochs 1 --workers 1 --quiet"
    assert rnn(common) == rnn(f"{common} --normalize speaker")
    rnn(f"{common} --normalize utterance --output runs.csv")
    assert len(pd.read_csv("runs.csv")) == 2
    assert "--normalize must be one of 'speaker', 'utterance'; got 'none'" in rnn(f"{common} --normalize none", 2)


def test_a_saved_model_names_the_features_it_was_trained_on(rnn, folder):
    for option, feature in (("--speaker bob", "LogMel"), ("", "MFCC")):
        rnn(f"train resampled-mlp spoken-digits --data {folder} {option} --epochs 1 --save {feature}.npz --quiet")
        assert rnnbp.load(f"{feature}.npz").info["features"]["type"] == feature
        assert "accuracy" in rnn(f"evaluate {feature}.npz spoken-digits --data {folder} {option}")


class CertainOf:
    """Model that is the more certain of its answer, the closer the warp of the features is to a value."""

    def __init__(self, wanted):
        self.wanted = wanted

    def predict_proba(self, data):
        sure = 0.5 + 0.4 * np.exp(-abs(float(data.draw.feature.warp) - self.wanted))
        return np.tile([sure, 1 - sure], (len(data), 1))


def test_test_speakers_are_warped_so_that_the_network_is_most_certain(rnn, folder):
    _, tests = without_speaker("bob", folder, views=2)
    one, other = normalized_tract(CertainOf(1.1), tests, [0.9, 1.1, 1.2])
    assert one.draw.feature.warp == other.draw.feature.warp == 1.1
    assert [one.draw.evaluation, other.draw.evaluation] == [test.draw.evaluation for test in tests]
    x = np.concatenate(list(one.sequences))
    np.testing.assert_allclose(x.mean(axis=0), 0, atol=1e-4)
    with pytest.raises(ValueError, match="data must be of recordings normalised by speaker"):
        with_warp(without_speaker("bob", folder, normalize="utterance")[1][0], 1.1)
    rnn(f"speakers --data {folder} --models resampled-mlp --seeds 1 --epochs 1 --workers 1 --quiet --vtln")


def test_a_speaker_can_be_left_out_of_a_comparison(rnn, folder):
    assert "speaker must be one of 'ann', 'bob'; got 'an'" in rnn(
        f"compare spoken-digits --data {folder} --speaker an --models resampled-mlp", 2
    )
    rnn(f"train resampled-mlp spoken-digits --data {folder} --speaker bob --epochs 1 --save m.npz --quiet")
    assert "has no option 'path'" in rnn("evaluate m.npz adding --data .", 2)


def test_missing_recordings_are_refused(rnn, tmp_path):
    assert "there is no folder" in rnn("compare spoken-digits --data nowhere", 2)
    write_wav(tmp_path / "a.wav", np.zeros(10), 8000)
    assert read_wav(tmp_path / "a.wav")[1] == 8000
    assert "is no copy of spoken-digits" in rnn(f"compare spoken-digits --data {tmp_path}", 2)
