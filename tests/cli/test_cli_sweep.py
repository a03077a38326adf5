"""rnnbp sweep: a search on the command line, its files, and how it resumes."""

import re
import shlex
import signal
import sys

import numpy as np
import pandas as pd
import pytest
from interrupting import interrupt, needs_proc

import rnnbp
from rnnbp import datasets
from rnnbp.cli import main as cli
from rnnbp.cli.space import parse_space


@pytest.fixture(autouse=True)
def in_a_new_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    data = rnnbp.SequenceDataset([rng.normal(k % 2, 1, (4, 2)) for k in range(24)], targets=["a", "b"] * 12)
    datasets.write_ts(tmp_path / "data.ts", data)
    steps = pd.DataFrame({"sequence": 0, "x": rng.normal(size=60), "target": rng.normal(size=60)})
    steps.to_csv(tmp_path / "series.csv", index=False)


def run(line: str) -> int:
    return cli.main(["sweep", *shlex.split(line), "--quiet", "--workers", "1"])


SMALL = '--space "hidden_size=2|3,learning_rate=0.01:0.1:log" --epochs 2'


def test_a_sweep_writes_its_tables_and_its_best_model_and_takes_more_trials(tmp_path, capsys):
    assert run(f"elman data.ts {SMALL} --trials 2 --folder s") == 0
    out = capsys.readouterr().out
    table = pd.read_csv(tmp_path / "s" / "table.csv")
    assert out.startswith("Sweep: 2 trials, 2 runs (2 ok). Best validation_accuracy")
    assert table["hidden_size"].isin([2, 3]).all()
    assert table["learning_rate"].between(0.01, 0.1).all()
    assert run(f"elman data.ts {SMALL} --trials 3 --folder s") == 0
    more = pd.read_csv(tmp_path / "s" / "table.csv")
    pd.testing.assert_frame_equal(more[:2], table)
    model = rnnbp.load(tmp_path / "s" / "model.npz")
    assert model.classes == ("a", "b")
    assert model.info["dataset"] == "data.ts"
    best = more.loc[more["score"].idxmax()]
    assert f"of trial {best['trial']}; the test set was not used" in capsys.readouterr().out
    widths = [layer.hidden_size for layer in model.layers if isinstance(layer, rnnbp.Elman)]
    assert widths == [best["hidden_size"]]
    assert cli.main(["evaluate", "s/model.npz", "data.ts"]) == 0


def test_a_run_is_that_of_rnnbp_train(tmp_path):
    """On the part that is not held out."""
    assert run('gru data.ts --space "learning_rate=0.02,hidden_size=48" --epochs 3 --batch-size 4 --folder s') == 0
    train = datasets.read_ts(tmp_path / "data.ts").split(0.8, seed=0)[0].split(0.75, seed=0)[0]
    trainer = rnnbp.Trainer(
        rnnbp.comparison.BASELINES["gru"]
        .__class__(rnnbp.comparison.BASELINES["gru"].build, 48, "recurrent")
        .factory(train)(0),
        rnnbp.CrossEntropy(),
        optimizer=rnnbp.Adam(0.02),
        schedule=rnnbp.Cosine(3),
    )
    trainer.fit(train, epochs=3, batch_size=4, progress=False)
    np.testing.assert_array_equal(rnnbp.load(tmp_path / "s" / "model.npz").params.vector, trainer.model.params.vector)


def test_models_and_optimizers_are_searched_and_a_reservoir_is_solved_for(tmp_path):
    assert run('data.ts --space "model=esn|elman,hidden_size=4" --epochs 2 --folder s') == 0
    table = pd.read_csv(tmp_path / "s" / "table.csv")
    assert table["epochs_trained"].tolist() == [1, 2]
    assert run('elman data.ts --space "optimizer=sgd|adam,epochs=1|2" --folder t') == 0
    assert pd.read_csv(tmp_path / "t" / "table.csv")["epochs_trained"].tolist() == [1, 2, 1, 2]


def test_of_a_single_series_the_end_is_held_out(tmp_path):
    line = 'elman series.csv --test series.csv --space "hidden_size=2" --epochs 1 --validation 0.4 --folder s'
    assert run(line) == 0
    steps = pd.read_csv(tmp_path / "s" / "curves.csv")["steps"]
    assert steps.tolist() == [36]


@pytest.mark.parametrize(
    ("space", "message"),
    [
        ("hiden_size=2", r"--space must be one of .*Did you mean 'hidden_size'\?"),
        ("hidden_size", r"--space must be NAME=VALUES"),
        ("hidden_size=2.5", r"--space hidden_size must be an integer, got '2.5'"),
        ("learning_rate=big", r"--space learning_rate must be a number, got 'big'"),
        ("hidden_size=2,hidden_size=3", r"names? each parameter once"),
        ("hidden_size=9:2", r"LOW < HIGH"),
        ("learning_rate=0:1:log", r"above 0"),
        ("learning_rate=0.1:1:lin", r"LOW:HIGH:log, got '0.1:1:lin'"),
        ("hidden_size=2:64:log", r"choices are given one by one"),
        ("model=a:b", r"--space model must be A\|B\|C, got 'a:b'"),
        ("hidden_size=2|2", r"must have different values"),
        ("hidden_size=2:4", r"trials must be the number of random points"),
    ],
)
def test_wrong_spaces_are_refused(space, message, capsys):
    assert run(f'elman data.ts --space "{space}" --folder s') == 2
    assert re.search(message, capsys.readouterr().err)


def test_ranges_have_both_of_their_ends():
    space = parse_space("hidden_size=2:4,learning_rate=0.5:2")
    assert space["hidden_size"].support() == (2, 4)
    assert space["learning_rate"].support() == (0.5, 2.0)


@pytest.mark.cluster
def test_trials_may_be_those_of_tpe(tmp_path):
    pytest.importorskip("optuna")
    assert run(f"elman data.ts {SMALL} --trials 3 --tpe --seed 4 --folder s") == 0
    assert len(pd.read_csv(tmp_path / "s" / "table.csv")) == 3
    assert (tmp_path / "s" / "optuna.log").is_file()


@needs_proc
@pytest.mark.slow
def test_an_interrupted_sweep_says_how_to_continue(tmp_path):
    line = 'sweep elman data.ts --space "epochs=1|1000000,hidden_size=2" --folder s --quiet --workers 1'
    first, second = (tmp_path / "s" / f"trial-000{k}-seed-0{end}" for k, end in enumerate((".npz", ".checkpoint.npz")))
    command = [sys.executable, "-m", "rnnbp", *shlex.split(line)]
    result = interrupt(command, signal.SIGINT, lambda found: second.exists(), tmp_path, to_group=True)
    assert result.returncode == 130
    assert first.exists()
    assert result.stderr.endswith(f"the same command resumes from them:\n  rnnbp {shlex.join(shlex.split(line))}\n")
    assert "Traceback" not in result.stderr


@needs_proc
@pytest.mark.slow
def test_an_interrupted_sweep_ends_its_workers(tmp_path):
    pytest.importorskip("joblib")
    line = 'sweep elman data.ts --space "epochs=1000000,hidden_size=2|3" --folder s --quiet --workers 2'
    command = [sys.executable, "-m", "rnnbp", *shlex.split(line)]

    def both(found: set[int]) -> bool:
        return len(list((tmp_path / "s").glob("*.checkpoint.npz"))) == 2

    assert interrupt(command, signal.SIGTERM, both, tmp_path).returncode == 143
