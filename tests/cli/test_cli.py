"""The `rnnbp` command: output and files of each subcommand, and its errors."""

import io
import json
import re
import shlex
import subprocess
import sys
from argparse import Namespace
from functools import partial

import numpy as np
import pandas as pd
import pytest

import rnnbp
from rnnbp import datasets
from rnnbp.applications.nettalk.tables import HIDDEN
from rnnbp.applications.nettalk.variants import VARIANTS
from rnnbp.benchmark.rnnbp_kernels import CELLS
from rnnbp.benchmark.run import BASELINES as LIBRARIES
from rnnbp.cli import inputs
from rnnbp.cli import main as cli
from rnnbp.cli.predict import as_table

COMMANDS = ["compare", "sweep", "train", "evaluate", "predict", "export", "import", "check", "gradients", "bench"]
COMMANDS += ["reproduce"]
COMMANDS += ["transcribe", "speakers", "nettalk", "speak", "datasets"]


@pytest.fixture(autouse=True)
def in_a_new_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def small_ts(path, targets, seed=0):
    rng = np.random.default_rng(seed)
    sequences = [rng.normal(size=(rng.integers(3, 6), 2)) for _ in range(len(targets))]
    datasets.write_ts(path, rnnbp.SequenceDataset(sequences, targets=targets))


# ---- help ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", COMMANDS)
def test_help_has_an_example_that_can_be_parsed(name, capsys):
    with pytest.raises(SystemExit, match="0"):
        cli.main([name, "--help"])
    example = re.search(r"example:\n  rnnbp (.*)", capsys.readouterr().out)
    assert example
    assert cli.parser().parse_args(shlex.split(example[1].partition(" > ")[0])).run


def test_help_lists_every_command(capsys):
    with pytest.raises(SystemExit, match="0"):
        cli.main(["--help"])
    out = capsys.readouterr().out
    assert re.findall(r"^    (\w+)", out, re.MULTILINE) == COMMANDS


@pytest.mark.parametrize("line", ["--help", "--version", *(f"{name} --help" for name in COMMANDS)])
def test_help_imports_no_numerical_library(line):
    code = (
        "import sys\n"
        "from rnnbp.cli.main import main\n"
        "try:\n    main(sys.argv[1:])\n"
        "except SystemExit:\n    print('imported', *{name.partition('.')[0] for name in sys.modules})"
    )
    result = subprocess.run([sys.executable, "-c", code, *line.split()], capture_output=True, text=True, check=True)
    imported = result.stdout.splitlines()[-1].split()
    assert {"imported", "rnnbp", "argparse"} <= set(imported)
    assert not {"numpy", "scipy", "pandas", "numba", "matplotlib"} & set(imported)


@pytest.mark.parametrize(
    ("name", "choices"),
    [
        ("compare", rnnbp.comparison.BASELINES),
        ("train", rnnbp.comparison.BASELINES),
        ("train", sorted(rnnbp.optimizers.OPTIMIZERS)),
        ("train", [name for name in rnnbp.losses.LOSSES if name != "ctc"]),
        ("bench", CELLS),
        ("bench", LIBRARIES),
        ("nettalk", VARIANTS),
        ("nettalk", HIDDEN),
    ],
)
def test_help_lists_every_choice(name, choices, capsys):
    with pytest.raises(SystemExit, match="0"):
        cli.main([name, "--help"])
    assert f"of {', '.join(choices)}" in re.sub(r"(-)?\n +", lambda cut: cut[1] or " ", capsys.readouterr().out)


def test_python_m_is_the_command():
    result = subprocess.run([sys.executable, "-m", "rnnbp", "--version"], capture_output=True, text=True, check=True)
    assert result.stdout == f"rnnbp {rnnbp.__version__}\n"


# ---- the main job -------------------------------------------------------------------------------


def test_compare_prints_and_writes(rnn, tmp_path):
    out = rnn("compare --models elman,statistics-mlp --seeds 2 --epochs 2 --workers 1 --output report --quiet")
    assert out.startswith("Chosen by cross-validation, the best recurrent network is elman with 0.")
    assert out.endswith("written: report/report.html\n")
    table = pd.read_csv(tmp_path / "report" / "table.csv")
    wanted = {"model", "kind", "parameters", "test_mean", "test_std", "seconds_mean"}
    assert wanted <= set(table)
    assert table["model"].tolist() == ["elman", "statistics-mlp"]
    assert table["test_mean"].between(0.5, 1).all()
    assert len(pd.read_csv(tmp_path / "report" / "curves.csv")) == 2 * (3 + 2) * 2
    page = (tmp_path / "report" / "report.html").read_text(encoding="utf-8")
    assert len(page) > 10_000
    for text in ("japanese-vowels", "270 sequences of 7 to 26 steps", "370 sequences of 7 to 29 steps", "epochs=2"):
        assert text in page


def test_without_joblib_trainings_run_one_at_a_time_with_a_note(monkeypatch, capsys):
    monkeypatch.setattr(inputs, "find_spec", lambda name: None)
    assert inputs.worker_count(Namespace(workers=3)) == 1
    expected = "rnnbp: one training at a time: 3 need joblib, pip install 'rnnbp[parallel]'\n"
    assert capsys.readouterr().err == expected
    assert inputs.worker_count(Namespace(workers=1)) == 1
    assert not capsys.readouterr().err


def test_a_wrong_number_of_workers_is_refused(refused):
    for command in ("compare", "speakers", "nettalk cmudict", "reproduce mnist-1d"):
        assert "--workers must be a positive integer, got 0" in refused(f"{command} --workers 0")


def test_compare_gives_every_model_the_number_of_parameters(rnn, tmp_path):
    rnn("compare --models elman,gru --seeds 1 --epochs 1 --workers 1 --parameters 1500 --output . --quiet")
    assert pd.read_csv(tmp_path / "table.csv")["parameters"].to_list() == pytest.approx([1500, 1500], rel=0.05)


@pytest.fixture
def small_suite(monkeypatch):
    """A suite of two small tasks in place of the quick one."""
    tasks = {
        "recall": rnnbp.comparison.SuiteTask(partial(rnnbp.datasets.load, "recall", train=20, test=20), epochs=1),
        "parity": rnnbp.comparison.SuiteTask(
            partial(rnnbp.datasets.load, "parity", train=20, test=20), epochs=1, published=("mnist-1d", "shuffled")
        ),
    }
    monkeypatch.setitem(rnnbp.comparison.SUITES, "quick", tasks)


def test_compare_takes_a_suite(rnn, small_suite, tmp_path):
    line = "compare --suite quick --models statistics-mlp,gru --seeds 2 --parameters 300 --workers 1 --quiet"
    out = rnn(f"{line} --checkpoints {tmp_path}/runs --output {tmp_path}/report")
    assert "recall" in out
    assert out.endswith(f"written: {tmp_path}/report/report.html\n")
    assert (tmp_path / "report" / "report.html").is_file()
    published = "logistic regression 32 %, MLP 68 %, CNN 56 %, GRU 57 %, human expert 30 % (S. Greydanus & D. Kobak"
    assert f"published on parity: {published}" in out
    assert published.replace("&", "&amp;") in (tmp_path / "report" / "report.html").read_text()
    for task in ("recall", "parity"):
        kept = json.loads((tmp_path / "runs" / task / "settings.json").read_text())
        assert (kept["seeds"], kept["parameters"]) == ([0, 1], 300)
        assert list(kept["models"]) == (["statistics-mlp", "gru"] if task == "recall" else ["gru"])


def test_a_suite_shows_its_task_while_it_runs(small_suite, capsys, monkeypatch):
    monkeypatch.setattr("rnnbp.runtime.progress._tqdm_bar", lambda *_: None)  # a line for each run, without tqdm
    assert cli.main(shlex.split("compare --suite quick --models gru --seeds 1 --workers 1")) == 0
    lines = capsys.readouterr().err.splitlines()
    assert lines[1].startswith("recall, task 1 of 2, run 2/2  gru accuracy ")
    assert lines[2].startswith("parity, task 2 of 2, run 1/2")


def test_compare_scores_forecasts_by_r2(rnn):
    out = rnn("compare sunspots --models elman,static --seeds 1 --epochs 2 --workers 1 --quiet")
    assert re.search(r"a difference of [+-]\d\.\d+ in r2\.", out)


# ---- train, evaluate, predict -------------------------------------------------------------------


def test_a_trained_model_is_evaluated_and_predicts(rnn):
    trained = rnn("train elman --epochs 3 --save m.npz --quiet")
    scores = re.match(r"loss \d\.\d+  accuracy 0\.\d+", trained)[0]
    assert trained == f"{scores}\nwritten: m.npz\n"
    assert rnn("evaluate m.npz") == f"{scores}\n"
    table = pd.read_csv(io.StringIO(rnn("predict m.npz")))
    _, test = datasets.load_japanese_vowels()
    assert table["sequence"].tolist() == list(range(370))
    right = table["predicted"].astype(str).to_numpy() == np.array(test.classes)[test.targets]
    assert scores.endswith(f"accuracy {right.mean():.4f}")


def test_predictions_have_a_row_a_step_for_outputs_at_every_step(rnn, tmp_path):
    lengths = [2, 4, 3]
    data = rnnbp.SequenceDataset([np.ones((n, 1)) for n in lengths], targets=[np.ones((n, 2)) for n in lengths])
    model = rnnbp.Sequential(rnnbp.Elman(1, 3), rnnbp.Dense(3, 2))
    found = as_table(rnnbp.Trainer(model, rnnbp.MeanSquaredError()).predict(data))
    assert found.index.names == ["sequence", "step"]
    assert found.index.tolist() == [(i, step) for i, n in enumerate(lengths) for step in range(n)]
    assert list(found) == ["predicted_0", "predicted_1"]


def test_every_step_of_sequences_of_unequal_lengths_is_predicted(rnn):
    rnn("train elman reber --epochs 1 --save m.npz --quiet")
    table = pd.read_csv(io.StringIO(rnn("predict m.npz reber")))
    _, test = datasets.load("reber")
    assert table.groupby("sequence").size().tolist() == test.lengths.tolist()


def test_predictions_are_class_names(rnn, tmp_path):
    small_ts(tmp_path / "a.ts", ["yes", "no"] * 10)
    rnn("train elman a.ts --epochs 1 --save m.npz --quiet")
    table = pd.read_csv(io.StringIO(rnn("predict m.npz a.ts")))
    assert len(table) == 4  # a fifth of the file
    assert set(table["predicted"]) <= {"yes", "no"}


def test_the_test_set_can_be_another_ts_file(rnn, tmp_path):
    small_ts(tmp_path / "train.ts", ["yes", "no"] * 5)
    small_ts(tmp_path / "test.ts", ["yes", "no"] * 3, seed=1)
    rnn("train elman train.ts --test test.ts --epochs 1 --save m.npz --quiet")
    assert len(rnn("predict m.npz train.ts --test test.ts").splitlines()) == 7


def test_training_resumes_from_its_checkpoint(rnn):
    options = "--epochs 3 --quiet"
    whole = rnn(f"train elman {options} --save whole.npz")
    rnn(f"train elman {options} --save first.npz --checkpoint c.npz")
    again = rnn(f"train elman {options} --save whole.npz --checkpoint c.npz")  # resumes at the last epoch
    assert again == whole
    np.testing.assert_array_equal(rnnbp.load("first.npz").params.vector, rnnbp.load("whole.npz").params.vector)


@pytest.mark.parametrize(
    "options",
    ["--optimizer sgd --learning-rate 0.1", "--optimizer lbfgs", "--truncate 5,10", "--parameters 500"],
)
def test_options_of_training_take_effect(rnn, options):
    before = re.search(r"loss (\d+\.\d+)", rnn("train elman --epochs 1 --learning-rate 1e-9 --save a.npz --quiet"))[1]
    after = re.search(r"loss (\d+\.\d+)", rnn(f"train elman --epochs 1 {options} --save a.npz --quiet"))[1]
    assert float(after) < float(before)


def test_a_learning_rate_for_an_optimizer_without_one_is_refused(refused):
    error = refused("train elman --epochs 1 --optimizer lbfgs --learning-rate 0.1 --save a.npz --quiet")
    assert "--learning-rate has no effect with lbfgs, which finds its step sizes itself" in error


# ---- check, datasets ----------------------------------------------------------------------------


def test_check_takes_a_name_or_a_file(rnn):
    assert "0.w_hh" not in rnn("check statistics-mlp")
    assert "w_hh" in rnn("check lstm")
    rnn("train elman --epochs 1 --parameters 500 --save m.npz --quiet")
    assert "w_hh" in rnn("check m.npz")


def test_datasets_lists_the_whole_catalog(rnn):
    lines = rnn("datasets").splitlines()
    assert len(lines) == 1 + len(datasets.catalog())
    assert any(line.split()[0] == "japanese-vowels" for line in lines)


# ---- errors ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("compare japanese-vowel", "Did you mean 'japanese-vowels'?"),
        ("compare --models ltsm", "Did you mean 'lstm'?"),
        (
            "compare sunspots --suite quick",
            "--suite quick has its own datasets and settings, and DATASET is 'sunspots': give one of them",
        ),
        ("compare --suite quick --epochs 3", "--epochs is '3': give one of them"),
        ("compare --suite full --target a", "--target is 'a': give one of them"),
        ("compare --suite quick --models ltsm", "Did you mean 'lstm'?"),
        ("compare --seeds 0", "seeds must be a positive integer, got 0"),
        ("compare --test other.ts", "--test goes with a file, but the dataset is 'japanese-vowels'"),
        ("compare none.ts", "none.ts"),
        ("compare none.TS", "none.TS"),
        ("gradients a.ts", "got 'a.ts', a dataset, which comes after it"),
        ("check a.ts", "got 'a.ts', a dataset, which comes after it"),
        ("gradients elman digits --parameters 50 --algorithms BTPP", "got 'BTPP'. Did you mean 'BPTT'?"),
        ("gradients elman digits --parameters 50 --algorithms bptt", "got 'bptt'. Did you mean 'BPTT'?"),
        ("gradients elman digits --parameters 50 --algorithms ''", "algorithms must be of BPTT, BPTT(slots=2), "),
        ("train gru --optimizer adm --save m.npz", "--optimizer must be one of"),
        ("train gru --truncate 5 --save m.npz", "--truncate must be two integers K1,K2, got '5'"),
        ("train gru --truncate 5,2 --save m.npz", "k2 must be an integer >= k1 = 5, got 2"),
        ("train gru --epochs 0 --save m.npz", "epochs must be a positive integer, got 0"),
        ("bench --threads 1,1000000000", "--threads must be at most"),
        ("gradients gru --sequences 0", "--sequences must be a positive integer, got 0"),
        ("evaluate none.npz", "there is no file 'none.npz'"),
        ("check grru", "Did you mean 'gru'?"),
        ("train static --save m.npz", "model must be of window-mlp, "),
    ],
)
def test_errors_are_one_line(refused, line, message):
    error = refused(line)
    assert message in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("train gru --save no/such/m.npz", "--save: there is no folder 'no/such' to write 'm.npz' to"),
        ("train gru --save here", "--save must name a file, and 'here' is a folder"),
        ("train gru --save note/m.npz", "--save: 'note' is a file, not a folder to write 'm.npz' to"),
        ("train gru --save /dev/null", "--save must name an ordinary file, and '/dev/null' is a device"),
        ("train gru --save m.npz --checkpoint no/c.npz", "--checkpoint: there is no folder 'no' to write 'c.npz' to"),
        ("train gru --save m.npz --checkpoint here", "--checkpoint must name a file, and 'here' is a folder"),
        (
            "train gru --save m.npz --checkpoint ./m.npz",
            "--save and --checkpoint must name two files, got 'm.npz' for both",
        ),
        ("train gru --save m.npz --checkpoint note", "'note' is not a file of 'rnnbp checkpoint', or it is damaged"),
        ("compare --output note", "--output must name a folder, and 'note' is a file"),
        ("compare --output note/in/it", "--output must name a folder, and 'note' is a file"),
        ("compare --checkpoints note", "--checkpoints must name a folder, and 'note' is a file"),
        ("gradients gru --output note", "--output must name a folder, and 'note' is a file"),
        ("bench --output note", "--output must name a folder, and 'note' is a file"),
        ("speakers --data here --output no/a.csv", "--output: there is no folder 'no' to write 'a.csv' to"),
        ("speakers --data here --checkpoints note", "--checkpoints must name a folder, and 'note' is a file"),
        ("nettalk cmudict --output note", "--output must name a folder, and 'note' is a file"),
        ("speak hello --output here", "--output must name a file, and 'here' is a folder"),
        ("speak --train --model here", "path must name a file, and 'here' is a folder"),
    ],
)
def test_unwritable_targets_are_refused_before_training(refused, tmp_path, monkeypatch, line, message):
    (tmp_path / "here").mkdir()
    (tmp_path / "note").write_text("a note")
    monkeypatch.setattr(rnnbp.Trainer, "_epoch", None)  # nothing is trained
    assert message in refused(line)
    assert (tmp_path / "note").read_text() == "a note"


def test_a_closed_pipe_is_no_error(tmp_path):
    """As `rnnbp datasets | head -1`."""
    code = (
        "import os, subprocess, sys; read, write = os.pipe(); os.close(read); "
        "sys.exit(subprocess.run([sys.executable, '-m', 'rnnbp', 'datasets'], stdout=write).returncode)"
    )
    result = subprocess.run([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True)
    assert (result.returncode, result.stderr) == (141, "")


def test_a_saved_model_may_have_any_name(rnn, tmp_path):
    rnnbp.Sequential(rnnbp.Elman(12, 2), rnnbp.Last(), rnnbp.Dense(2, 9)).save(tmp_path / "elman.model")
    assert "w_hh" in rnn("check elman.model")


def test_damaged_files_are_refused(refused, tmp_path):
    (tmp_path / "m.npz").write_bytes(b"PK nothing")
    assert "m.npz' is not a file of 'rnnbp model', or it is damaged" in refused("evaluate m.npz")
    (tmp_path / "a.ts").write_text("@problemName a\n@data\n1,2:")
    assert re.search(r"a\.ts.*line", refused("compare a.ts"))


def test_a_model_that_does_not_fit_the_data_is_refused(rnn, refused):
    rnn("train elman digit-rows --epochs 1 --save m.npz --quiet")
    assert "does not fit layer 0" in refused("evaluate m.npz japanese-vowels")
    rnnbp.Sequential(rnnbp.Dense(12, 9)).save("plain.npz")
    assert "does not record the loss it was trained with" in refused("evaluate plain.npz")


def test_ctrl_c_exits_with_130(monkeypatch, capsys):
    def interrupted(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(datasets, "catalog", interrupted)
    assert cli.main(["datasets"]) == 130
    assert capsys.readouterr().err == "rnnbp: interrupted\n"
