"""Commands that are interrupted: they end within two seconds with their workers, and print how to resume."""

import shlex
import signal
import sys

import numpy as np
import pytest
from interrupting import interrupt, needs_proc

import rnnbp
from rnnbp import datasets
from rnnbp.cli import main as cli
from rnnbp.runtime import read_archive, terminated_as_interrupted
from rnnbp.training.checkpoint import CHECKPOINT_FILE

DICTIONARY = "".join(
    f"{word}  {' '.join(word.upper())}\n" for word in ("b", "d", "f", "k", "m", "n", "p", "s", "t", "v")
)


@pytest.fixture
def files(tmp_path):
    """Small data for every command that has workers."""
    rng = np.random.default_rng(0)
    data = rnnbp.SequenceDataset([rng.normal(k % 2, 1, (4, 2)) for k in range(20)], targets=["a", "b"] * 10)
    datasets.write_ts(tmp_path / "data.ts", data)
    datasets.write_synthetic_digits(tmp_path / "digits", speakers=("ann", "bob"), takes=6, digits=("1", "6"))
    (tmp_path / "cmudict.dict").write_text(DICTIONARY)
    return tmp_path


def interrupted(line: str, signum: int, ready, folder, **how):
    return interrupt([sys.executable, "-m", "rnnbp", *shlex.split(line)], signum, ready, folder, **how)


@needs_proc
@pytest.mark.parametrize(
    ("signum", "status", "to_group"),
    [(signal.SIGINT, 130, True), pytest.param(signal.SIGTERM, 143, False, marks=pytest.mark.slow)],
)
def test_an_interrupted_comparison_saves_its_finished_runs(files, signum, status, to_group):
    line = "compare data.ts --models statistics-mlp,resampled-mlp --seeds 1 --epochs 60 --checkpoints runs --workers 2"
    last = (
        files / "runs" / "statistics-mlp-fold-0.npz"
    )  # runs of the other network, the larger one, are finished by then
    result = interrupted(line, signum, lambda found: last.exists(), files, to_group=to_group)
    assert result.returncode == status
    assert result.stderr.endswith(
        f"rnnbp: interrupted; the checkpoints are saved, and the same command resumes from them:\n  rnnbp {line}\n"
    )
    assert "Traceback" not in result.stderr
    epochs = [len(read_archive(path, CHECKPOINT_FILE)[0]["rows"]) for path in (files / "runs").glob("[!.]*.npz")]
    assert epochs.count(60) >= 1
    assert len(epochs) < 8


@needs_proc
@pytest.mark.parametrize(
    "line",
    [
        pytest.param(
            "speakers --data digits --models resampled-mlp --seeds 1 --checkpoints runs", marks=pytest.mark.slow
        ),
        "nettalk cmudict --data cmudict.dict --variants window --seeds 2 --output .",
    ],
)
def test_every_command_with_workers_ends_them(files, line):
    line += " --epochs 1000000 --workers 2"
    result = interrupted(line, signal.SIGTERM, lambda found: len(list(files.glob("*/*-[01]*.npz"))) == 2, files)
    assert result.returncode == 143
    assert result.stderr.endswith(f"the same command resumes from them:\n  rnnbp {line}\n")
    assert "Traceback" not in result.stderr


@needs_proc
def test_a_terminated_training_saves_within_its_epoch_and_says_how_to_continue(files):
    rng = np.random.default_rng(0)
    long = rnnbp.SequenceDataset([rng.normal(size=(40, 2)) for _ in range(4000)], targets=["a", "b"] * 2000)
    datasets.write_ts(files / "long.ts", long)
    line = (
        "train elman --data long.ts --epochs 1000 --batch-size 2 --checkpoint run.npz --checkpoint-every 0.01 --keep 2"
    )
    ready = files / "run.npz.1"
    result = interrupted(line, signal.SIGTERM, lambda found: ready.exists(), files)
    assert result.returncode == 143
    assert result.stderr.endswith(
        f"rnnbp: interrupted; the checkpoints are saved, and the same command resumes from them:\n  rnnbp {line}\n"
    )
    header, _ = read_archive(files / "run.npz", CHECKPOINT_FILE)
    assert header["partial"]["batches"] > 0
    assert not list(files.glob("run.npz.2"))


def test_without_checkpoints_the_message_names_the_option(files, monkeypatch, capsys):
    def interrupting(*args, **options):
        signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr(rnnbp, "compare", interrupting)
    assert cli.main(["compare", str(files / "data.ts"), "--models", "gru"]) == 143
    assert capsys.readouterr().err == (
        "rnnbp: interrupted; nothing was saved. To resume after an interruption, start it by:\n"
        f"  rnnbp compare {files}/data.ts --models gru --checkpoints DIR\n"
    )
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_an_ignored_sigterm_stays_ignored():
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        with terminated_as_interrupted():
            signal.raise_signal(signal.SIGTERM)
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGTERM, before)
