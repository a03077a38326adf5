"""sweep: every trial under the same budget, the same bits serial, parallel and resumed."""

import json
import math
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import rnnbp
from rnnbp.comparison.sweeps.described import dataset_digest, function_source
from rnnbp.comparison.sweeps.run_result import RunResult


def classes(n: int = 24, seed: int = 0) -> rnnbp.SequenceDataset:
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % 3
    return rnnbp.SequenceDataset([rng.normal(k, 1, (rng.integers(3, 7), 2)) for k in labels], targets=labels)


TRAIN, VALIDATION = classes(), classes(12, seed=1)
SPACE = {"hidden_size": [2, 3, 4], "learning_rate": stats.loguniform(1e-3, 1e-1)}


def make(hidden_size: int, seed: int) -> rnnbp.Sequential:
    layers = (rnnbp.Elman(2, hidden_size), rnnbp.Last(), rnnbp.Dense(hidden_size, 3))
    return rnnbp.Sequential(*layers, seed=seed)


def swept(make=make, space=SPACE, **options) -> rnnbp.SweepReport:
    options = {"trials": 3, "epochs": 2, "progress": False} | options
    return rnnbp.sweep(make, space, options.pop("train", TRAIN), options.pop("validation", VALIDATION), **options)


def numbers(report: rnnbp.SweepReport) -> pd.DataFrame:
    """The table without what differs from run to run."""
    return report.table.drop(columns="seconds")


def assert_same(first: rnnbp.SweepReport, second: rnnbp.SweepReport) -> None:
    pd.testing.assert_frame_equal(numbers(first), numbers(second))
    pd.testing.assert_frame_equal(first.curves.drop(columns="seconds"), second.curves.drop(columns="seconds"))
    np.testing.assert_array_equal(first.model.params.vector, second.model.params.vector)


# ---- trials -------------------------------------------------------------------------------------


def test_a_grid_has_every_combination_in_order():
    report = swept(space={"hidden_size": [2, 3], "batch_size": [4, 8]}, trials=None, epochs=1)
    assert report.table[["trial", "hidden_size", "batch_size"]].values.tolist() == [
        [0, 2, 4],
        [1, 2, 8],
        [2, 3, 4],
        [3, 3, 8],
    ]


def test_a_run_equals_a_trainers_fit():
    report = swept(seeds=[5], trials=2)
    for number, parameters in enumerate(report.trials):
        optimizer = rnnbp.Adam(parameters["learning_rate"])
        trainer = rnnbp.Trainer(make(parameters["hidden_size"], 5), rnnbp.CrossEntropy(), optimizer=optimizer, seed=5)
        history = trainer.fit(TRAIN, VALIDATION, epochs=2, progress=False)
        assert report.table["score"][number] == history["validation_accuracy"].iloc[-1]
        assert report.table["best_epoch"][number] == 2
    best = report.best
    trainer = rnnbp.Trainer(
        make(best["hidden_size"], 5), rnnbp.CrossEntropy(), optimizer=rnnbp.Adam(best["learning_rate"]), seed=5
    )
    trainer.fit(TRAIN, VALIDATION, epochs=2, progress=False)
    np.testing.assert_array_equal(report.model.params.vector, trainer.model.params.vector)
    np.testing.assert_array_equal(report.model.predict(VALIDATION), trainer.predict(VALIDATION))


def test_with_early_stopping_the_score_is_that_of_the_restored_epoch():
    report = swept(
        trials=4,
        epochs=12,
        stopping=rnnbp.EarlyStopping(patience=2),
        space={"learning_rate": [0.3, 0.1, 0.03, 0.01], "hidden_size": [3]},
    )
    assert (report.table["best_epoch"] < report.table["epochs_trained"]).any()
    for run in report.runs:
        losses = [row["validation_loss"] for row in run.rows]
        assert run.best_epoch == 1 + int(np.argmin(losses))
        assert run.score == run.rows[run.best_epoch - 1]["validation_accuracy"]
    evaluated = rnnbp.Trainer(report.model, rnnbp.CrossEntropy()).evaluate(VALIDATION)
    assert evaluated["accuracy"] == report.best_score


def test_random_points_are_those_of_more_trials_and_all_different():
    few, many = swept(trials=2, epochs=1), swept(trials=5, epochs=1)
    assert many.trials[:2] == few.trials
    assert swept(trials=2, epochs=1, seed=1).trials != few.trials
    whole = swept(space={"hidden_size": [2, 3], "batch_size": [4, 8]}, trials=4, epochs=1)
    assert sorted(map(tuple, (one.values() for one in whole.trials))) == [(2, 4), (2, 8), (3, 4), (3, 8)]
    assert type(swept(space={"hidden_size": stats.randint(2, 5)}, trials=1, epochs=1).best["hidden_size"]) is int


def test_settings_of_the_training_are_searched_by_their_names():
    space = [
        {"optimizer": ["sgd"], "learning_rate": [0.1], "epochs": [3]},
        {"optimizer": [rnnbp.Adam], "gradient": [rnnbp.TruncatedBPTT(1, 1)], "clip": [rnnbp.ClipNorm(1)]},
        {"schedule": [rnnbp.Cosine, None], "batch_size": [4]},
    ]
    report = swept(lambda seed: make(3, seed), space, trials=None)
    assert report.table["epochs_trained"].tolist() == [3, 2, 2, 2]
    rates = report.curves.groupby("trial")["learning_rate"].last()
    assert rates[0] == 0.1
    assert rates[2] < rates[3] == 0.01
    assert report.table["optimizer"].tolist()[:2] == ["sgd", "Adam"]
    assert report.trials[1]["optimizer"] is rnnbp.Adam


def test_make_may_return_a_trainer_and_takes_what_it_names():
    def trainer(hidden_size, learning_rate, epochs, seed):
        schedule = rnnbp.Cosine(epochs)
        optimizer = rnnbp.Momentum(learning_rate)
        return rnnbp.Trainer(make(hidden_size, seed), rnnbp.CrossEntropy(), optimizer=optimizer, schedule=schedule)

    report = swept(trainer, {"hidden_size": [2], "learning_rate": [0.1, 0.2], "epochs": [2, 4]}, trials=None)
    assert report.table["epochs_trained"].tolist() == [2, 4, 2, 4]
    assert report.curves.groupby("trial")["learning_rate"].last()[1] == pytest.approx(
        0.1 * rnnbp.Cosine(4)(4 - 1 / 2, [])
    )
    for options in ({"optimizer": "adam"}, {"loss": rnnbp.CrossEntropy()}):
        with pytest.raises(ValueError, match=r"all 1 runs .*\n(.*\n)*.*make returns a Trainer, .* has no effect"):
            swept(trainer, {"hidden_size": [2], "learning_rate": [0.1]}, trials=None, **options)


def test_make_without_a_seed_is_initialized_with_it():
    space = {"hidden_size": [2]}
    report = swept(lambda hidden_size: make(hidden_size, 9), space, trials=None, seeds=[1, 2], epochs=1)
    losses = report.curves["loss"].tolist()
    assert losses[0] != losses[1]


def test_every_seed_is_a_run_and_a_trial_has_their_mean():
    report = swept(seeds=[3, 7], trials=2)
    assert report.table[["trial", "seed"]].values.tolist() == [[0, 3], [0, 7], [1, 3], [1, 7]]
    means = report.table.groupby("trial")["score"].mean()
    assert report.best_score == means.max()
    assert report.ranking["score"].tolist() == sorted(means, reverse=True)


# ---- what goes wrong ----------------------------------------------------------------------------


def test_a_failed_trial_is_recorded_with_its_traceback_and_the_others_go_on():
    def failing(hidden_size, seed):
        if hidden_size == 3:
            raise RuntimeError("no three")
        return make(hidden_size, seed)

    report = swept(failing, {"hidden_size": [3, 2, 4]}, trials=None)
    assert report.table["status"].tolist() == ["failed", "ok", "ok"]
    assert "Traceback" in report.table["error"][0]
    assert "RuntimeError: no three" in report.table["error"][0]
    assert math.isnan(report.table["score"][0])
    assert report.ranking["trial"].tolist()[-1] == 0
    with pytest.raises(
        ValueError, match=r"all 1 runs of the sweep failed, the first with:\n(.*\n)*RuntimeError: no three"
    ):
        swept(failing, {"hidden_size": [3]}, trials=None)


@pytest.mark.parametrize("monitor", ["validation_accuracy", "validation_loss"])
def test_a_diverged_trial_is_the_worst_and_not_the_best(monitor):
    space = {"hidden_size": [2], "optimizer": ["sgd"], "learning_rate": [1e30, 0.1, 0.01]}
    report = swept(space=space, trials=None, monitor=monitor)
    assert report.table["status"].tolist() == ["diverged", "ok", "ok"]
    assert "the largest gradient is nan" in report.table["error"][0]
    assert report.best["learning_rate"] != 1e30
    assert report.ranking["trial"].tolist()[-1] == 0
    scores = report.table["score"][1:]
    assert report.best_score == (scores.min() if monitor == "validation_loss" else scores.max())
    alone = swept(space=space | {"learning_rate": [1e30]}, trials=None)
    with pytest.raises(ValueError, match=r"no trial has a score: 1 diverged; table\['error'\] says why"):
        _ = alone.best
    assert "No trial has a score" in repr(alone)


def test_a_trial_that_lost_a_seed_is_not_ranked_by_the_others():
    runs = [RunResult(0, 0, "ok", 0.99, 1), RunResult(0, 1, "failed"), *(RunResult(1, k, "ok", 0.5, 1) for k in (0, 1))]
    report = rnnbp.SweepReport([{"a": 1}, {"a": 2}], runs, "validation_accuracy", 4)
    assert report.best == {"a": 2}
    assert report.ranking["status"].tolist() == ["ok", "failed"]


def test_of_equal_scores_the_earlier_trial_is_better():
    runs = [RunResult(k, 0, "ok", score, 1) for k, score in enumerate([0.5, 0.7, 0.7, 0.6])]
    report = rnnbp.SweepReport([{"a": k} for k in range(4)], runs, "validation_accuracy", 4)
    assert report.ranking["trial"].tolist() == [1, 2, 3, 0]
    assert rnnbp.SweepReport([{"a": k} for k in range(4)], runs, "validation_loss", 4).ranking["trial"].tolist() == [
        0,
        3,
        1,
        2,
    ]


@pytest.mark.parametrize(
    ("space", "options", "message"),
    [
        ({"hiden_size": [2]}, {}, r"space has 'hiden_size', which make does not take: .*Did you mean 'hidden_size'\?"),
        ({"learning_rat": [0.1], "hidden_size": [2]}, {}, r"Did you mean 'learning_rate'\?"),
        ({"batch_size": [2]}, {}, r"make needs 'hidden_size', which has no default and is not in space"),
        ({"hidden_size": []}, {}, r"space\['hidden_size'\] must have at least one value, got none"),
        ({"hidden_size": 2}, {}, r"space\['hidden_size'\] must be a list .*got 2: write \[2\]"),
        (
            {"hidden_size": stats.randint},
            {},
            r"a distribution with its parameters, scipy.stats.randint\(low, high\), got",
        ),
        ({"hidden_size": stats.norm}, {}, r"with its parameters, scipy.stats.norm\(loc, scale\), got norm"),
        ({"hidden_size": "ab"}, {}, r"write \['ab'\]"),
        ({"hidden_size": [2, 3, 2.0]}, {}, r"must have different values, got 2.0 more than once"),
        ({"hidden_size": [2], "seed": [1]}, {}, r"space cannot have a parameter 'seed': give seeds="),
        ({"hidden_size": [2], "score": [1]}, {}, r"'score', a column of the result's table: rename it"),
        ({}, {}, r"space must have at least one parameter"),
        ([], {}, r"space must be a dict"),
        (
            {"hidden_size": stats.randint(2, 4)},
            {},
            r"trials must be the number of random points, as 'hidden_size' of the space",
        ),
        ({"hidden_size": stats.randint(2, 4)}, {"trials": 3}, r"trials must be at most 2, as the space has no further"),
        ({"hidden_size": [2, 3]}, {"trials": 3}, r"trials must be at most 2, the number of points"),
        ({"hidden_size": [2]}, {"trials": 0}, r"trials must be a positive integer, got 0"),
        ({"hidden_size": [2]}, {"seeds": [1, 1]}, r"seeds must differ"),
        ({"hidden_size": [2]}, {"seed": 4}, r"seed has no effect on a grid"),
        ({"hidden_size": [2]}, {"trials_per_round": 2}, r"trials_per_round has no effect without a sampler"),
        ({"hidden_size": [2]}, {"pruner": object()}, r"pruner needs a sampler"),
        ({"hidden_size": [2]}, {"monitor": "validation_acuracy"}, r"monitor must be a column .*Did you mean"),
        ({"hidden_size": [2]}, {"stopping": 3}, r"stopping must be an EarlyStopping, got 3"),
        ({"hidden_size": [2]}, {"loss": "mse"}, r"loss must be a rnnbp Loss, got 'mse'"),
        ({"hidden_size": [2]}, {"gradient": 3}, r"gradient must be an object with a method 'gradients', got 3"),
        ({"hidden_size": [2]}, {"optimizer": "adm"}, r"optimizer must be one of .*Did you mean 'adam'"),
        ({"hidden_size": [2]}, {"optimizer": rnnbp.Adam()}, r"a function that makes a new optimizer .*: rnnbp.Adam"),
        ({"hidden_size": [2]}, {"schedule": rnnbp.Cosine(3)}, r"schedule must be a function .*: rnnbp.Cosine"),
        ({"hidden_size": [2]}, {"clip": 1.0}, r"clip must be a ClipNorm or ClipValue, got 1.0"),
        ({"hidden_size": [2]}, {"monitor": 3}, r"monitor must be the name of a column of the history, got 3"),
        ({"hidden_size": [2]}, {"folder": 3}, r"folder must be the path of a folder, got 3"),
        ({"hidden_size": [2]}, {"epochs": 0}, r"epochs must be a positive integer"),
        ({"hidden_size": [2]}, {"n_jobs": 0}, r"n_jobs must be a positive integer, or -1"),
        ({"hidden_size": [2]}, {"train": 3}, r"train must be a SequenceDataset"),
        ({"hidden_size": [2]}, {"validation": None}, r"validation must be a SequenceDataset"),
        ({"hidden_size": [2]}, {"retry_failed": True}, r"retry_failed needs the folder"),
        ({"hidden_size": [2]}, {"make": 3}, r"make must be a function that makes a new model, got 3"),
        ({"hidden_size": [2]}, {"make": lambda *sizes: None}, r"make must take its parameters by name, and \*sizes"),
    ],
)
def test_wrong_arguments_are_refused_before_any_training(space, options, message):
    with pytest.raises(ValueError, match=message):
        swept(space=space, **{"trials": None} | options)


def test_a_model_that_is_made_only_once_is_refused():
    model = make(2, 0)
    with pytest.raises(ValueError, match="make must make a new model at each call, and returns the same one"):
        swept(lambda hidden_size, seed: model)


# ---- the same bits ------------------------------------------------------------------------------


def test_parallel_runs_are_the_same_bits_as_serial_ones():
    pytest.importorskip("joblib")
    assert_same(swept(seeds=2, n_jobs=2), swept(seeds=2))


def test_a_folder_repeats_no_run_and_takes_more_trials_and_seeds(tmp_path, monkeypatch):
    epoch, trained = rnnbp.Trainer._epoch, []
    monkeypatch.setattr(rnnbp.Trainer, "_epoch", lambda *given: trained.append(1) or epoch(*given))
    swept(trials=2, folder=tmp_path / "sweep")
    files = {path: path.stat().st_mtime_ns for path in (tmp_path / "sweep").glob("trial*")}
    assert sorted(path.name for path in files) == ["trial-0000-seed-0.npz", "trial-0001-seed-0.npz"]
    more = swept(trials=3, seeds=2, folder=tmp_path / "sweep")
    assert len(trained) == 2 * (2 + 4)
    assert all(path.stat().st_mtime_ns == before for path, before in files.items())
    assert swept(trials=1, folder=tmp_path / "sweep").trials == more.trials[:1]
    assert len(trained) == 2 * (2 + 4)
    assert_same(more, swept(trials=3, seeds=2))


def test_a_run_continues_from_its_checkpoint(tmp_path, monkeypatch):
    folder = tmp_path / "sweep"
    epoch = rnnbp.Trainer._epoch
    trained = []

    def dying(trainer, *given):
        trained.append(1)
        if len(trained) == 5:
            raise KeyboardInterrupt
        return epoch(trainer, *given)

    monkeypatch.setattr(rnnbp.Trainer, "_epoch", dying)
    with pytest.raises(KeyboardInterrupt) as interrupted:
        swept(epochs=3, folder=folder)
    report = interrupted.value.report
    assert report.table["trial"].tolist() == [0]
    assert "3 runs (1 ok, 2 not finished)" in repr(report)
    assert re.search("1 run of the sweep had finished; the same call resumes", interrupted.value.__notes__[0])
    assert (folder / "trial-0001-seed-0.checkpoint.npz").is_file()
    resumed = swept(epochs=3, folder=folder)
    assert len(trained) == 5 + 2 + 3  # of the second trial one epoch was saved
    assert_same(resumed, swept(epochs=3))
    assert not list(folder.glob("*checkpoint*"))


def test_an_interrupt_without_a_folder_keeps_what_had_finished(monkeypatch):
    epoch = rnnbp.Trainer._epoch
    trained = []

    def dying(trainer, *given):
        trained.append(1)
        if len(trained) == 5:
            raise KeyboardInterrupt
        return epoch(trainer, *given)

    monkeypatch.setattr(rnnbp.Trainer, "_epoch", dying)
    with pytest.raises(KeyboardInterrupt) as interrupted:
        swept()
    report = interrupted.value.report
    assert report.table["status"].tolist() == ["ok", "ok"]
    assert report.model.params.vector.shape


def other_make(hidden_size: int, seed: int) -> rnnbp.Sequential:
    layers = (rnnbp.Elman(2, hidden_size), rnnbp.MeanOverTime(), rnnbp.Dense(hidden_size, 3))
    return rnnbp.Sequential(*layers, seed=seed)


@pytest.mark.parametrize(
    ("options", "part"),
    [
        ({"space": SPACE | {"hidden_size": [2, 3]}}, r"space: .*, and this one's is "),
        ({"make": other_make}, "make"),
        ({"train": classes(seed=2)}, "training set"),
        ({"validation": classes(12, seed=2)}, "validation set"),
        ({"epochs": 3}, "epochs: 2, and this one's is 3"),
        ({"batch_size": 3}, "batch_size"),
        ({"optimizer": "sgd"}, "optimizer: None, and this one's is 'sgd'"),
        ({"stopping": rnnbp.EarlyStopping()}, "stopping"),
        ({"monitor": "validation_loss"}, "monitor"),
        ({"seed": 1}, "search: random, seed 0, and this one's is random, seed 1"),
    ],
)
def test_the_folder_of_another_sweep_is_refused(tmp_path, options, part):
    swept(trials=1, epochs=2, folder=tmp_path)
    with pytest.raises(ValueError, match=rf"is of a sweep with another {part}"):
        swept(trials=1, folder=tmp_path, **options)


def test_a_folder_with_other_files_is_refused(tmp_path):
    (tmp_path / "thesis.tex").write_text("text")
    with pytest.raises(ValueError, match=r"folder must be a new one or that of a sweep, .* has 'thesis.tex' but no"):
        swept(folder=tmp_path)
    with pytest.raises(NotADirectoryError, match="folder must name a folder"):
        swept(folder=tmp_path / "thesis.tex")


def test_two_sweeps_in_one_folder_together_are_refused(tmp_path):
    pytest.importorskip("fcntl")
    found = []

    def trying(hidden_size, seed):
        if threading.current_thread() is threading.main_thread() and (tmp_path / "sweep" / "sweep.json").exists():
            with pytest.raises(OSError, match="is in use by another sweep"):
                swept(trials=1, folder=tmp_path / "sweep")
            found.append(1)
        return make(hidden_size, seed)

    swept(trying, trials=1, folder=tmp_path / "sweep")
    assert found


def test_a_damaged_result_is_named(tmp_path):
    swept(trials=1, folder=tmp_path)
    (tmp_path / "trial-0000-seed-0.npz").write_bytes(b"PK")
    with pytest.raises(
        ValueError, match=r"trial-0000-seed-0.npz' is not a file of 'rnnbp sweep run', or it is damaged"
    ):
        swept(trials=1, folder=tmp_path)
    (tmp_path / "sweep.json").write_text("{")
    with pytest.raises(ValueError, match=r"sweep.json' is not a sweep's, or it is damaged"):
        swept(trials=1, folder=tmp_path)


def test_a_run_whose_checkpoints_are_all_damaged_begins_again(tmp_path, monkeypatch):
    epoch, trained = rnnbp.Trainer._epoch, []

    def dying(trainer, *given):
        trained.append(1)
        if len(trained) == 2:
            raise KeyboardInterrupt
        return epoch(trainer, *given)

    monkeypatch.setattr(rnnbp.Trainer, "_epoch", dying)
    with pytest.raises(KeyboardInterrupt):
        swept(trials=1, folder=tmp_path)
    for file in tmp_path.glob("*checkpoint*"):
        file.write_bytes(file.read_bytes()[:99])
    with pytest.warns(UserWarning, match=r"trial 0, seed 0 begins again: .*trial-0000-seed-0.checkpoint.npz"):
        again = swept(trials=1, folder=tmp_path)
    assert_same(again, swept(trials=1))


def test_a_folder_in_which_every_run_failed_takes_another_sweep(tmp_path):
    def failing(hidden_size, seed):
        raise RuntimeError("misspelt")

    with pytest.raises(ValueError, match="misspelt"):
        swept(failing, trials=1, folder=tmp_path)
    assert swept(trials=1, folder=tmp_path).table["status"].tolist() == ["ok"]


def test_a_folder_of_a_refused_call_takes_another_sweep(tmp_path):
    with pytest.raises(ValueError, match="trials must be the number of random points"):
        swept(trials=None, folder=tmp_path)
    assert swept(trials=1, epochs=1, folder=tmp_path).table["status"].tolist() == ["ok"]


def test_failed_runs_are_trained_again_only_where_asked(tmp_path):
    switch = tmp_path / "switch"

    def failing(hidden_size, seed):
        if hidden_size == 3 and not switch.exists():
            raise OSError("disk full")
        return make(hidden_size, seed)

    space, folder = {"hidden_size": [2, 3]}, tmp_path / "sweep"
    assert swept(failing, space, trials=None, folder=folder).table["status"].tolist() == ["ok", "failed"]
    switch.touch()
    assert swept(failing, space, trials=None, folder=folder).table["status"].tolist() == ["ok", "failed"]
    again = swept(failing, space, trials=None, folder=folder, retry_failed=True)
    assert_same(again, swept(space=space, trials=None))


KILLED = """
import sys
sys.path.insert(0, {tests!r})
from test_sweep import swept
swept(trials=4, epochs=40, seeds=2, n_jobs={jobs}, folder={folder!r})
"""


@pytest.mark.slow
@pytest.mark.parametrize("jobs", [2])
def test_a_killed_sweep_resumes_to_the_same_bits(tmp_path, jobs):
    """SIGKILL of the parent alone, whose workers may live on for a while, and then of the whole group."""
    if jobs > 1:
        pytest.importorskip("joblib")
    folder, rng, kills = tmp_path / "sweep", np.random.default_rng(jobs), 0
    script = KILLED.format(tests=str(Path(__file__).parent), jobs=jobs, folder=str(folder))
    for kill in (os.kill, os.killpg):
        before = len(list(folder.glob("trial*-seed-?.npz")))
        process = subprocess.Popen([sys.executable, "-c", script], start_new_session=True)
        try:
            while process.poll() is None and len(list(folder.glob("trial*-seed-?.npz"))) <= before:
                time.sleep(0.01)
            time.sleep(rng.uniform(0, 0.05))
            if process.poll() is None:
                kill(process.pid, signal.SIGKILL)
                kills += 1
        finally:
            process.wait()
    resumed = swept(trials=4, epochs=40, seeds=2, folder=folder)
    assert kills
    assert_same(resumed, swept(trials=4, epochs=40, seeds=2))


# ---- report -------------------------------------------------------------------------------------


def test_names_are_escaped_in_notebooks():
    report = swept(lambda seed, **_: make(2, seed), {"a": ["<script>b"]}, trials=None, epochs=1)
    page = report._repr_html_()
    assert "<script>" not in page
    assert "&lt;script&gt;b" in page


def test_the_report_is_written_printed_and_plotted(tmp_path):
    report = swept(seeds=2)
    report.to_csv(tmp_path / "tables")
    table = pd.read_csv(tmp_path / "tables" / "table.csv")
    assert table["score"].tolist() == report.table["score"].tolist()
    assert {path.name for path in (tmp_path / "tables").iterdir()} == {"table.csv", "ranking.csv", "curves.csv"}
    text = repr(report)
    assert text.startswith("Sweep: 3 trials, 6 runs (6 ok). Best validation_accuracy ")
    assert f"of trial {report.best_trial}: hidden_size={report.best['hidden_size']}, learning_rate=" in text
    assert "<table" in report._repr_html_()
    pytest.importorskip("matplotlib")
    axes = report.plot().axes
    assert [ax.get_xlabel() for ax in axes] == ["hidden_size", "learning_rate"]
    assert axes[0].get_ylabel() == "validation accuracy"
    shown = sorted(y for line in axes[0].lines for y in line.get_ydata())
    assert shown == sorted(report.table["score"])


def test_the_report_says_why_runs_failed():
    errors = [
        "Traceback\n  ...\nValueError: <a>",
        "Traceback\n  ...\nValueError: <a>",
        "Traceback\n  ...\nKeyError: 'b'",
    ]
    runs = [RunResult(k, 0, "failed", error=error) for k, error in enumerate(errors)] + [RunResult(3, 0, "ok", 0.5, 1)]
    report = rnnbp.SweepReport([{"a": k} for k in range(4)], runs, "validation_accuracy", 4)
    assert repr(report).splitlines()[-3:] == [
        "trial 0, seed 0 failed: ValueError: <a>",
        "trial 2, seed 0 failed: KeyError: 'b'",
        "(tracebacks: .table['error'])",
    ]
    assert "trial 0, seed 0 failed: ValueError: &lt;a&gt;<br>trial 2" in report._repr_html_()


def test_numbers_that_were_drawn_are_plotted_on_a_logarithmic_axis():
    pytest.importorskip("matplotlib")
    trials = [{"rate": rate, "size": size} for rate, size in ((0.0012, 4), (0.029, 8), (0.07, 4), (0.04, 8))]
    runs = [RunResult(k, seed, "ok", k / 4, 1) for k in range(4) for seed in (0, 1)]
    rate, size = rnnbp.SweepReport(trials, runs, "validation_accuracy", 8).plot().axes
    assert rate.get_xscale() == "log"
    assert sorted({x for line in rate.lines for x in line.get_xdata()}) == [0.0012, 0.029, 0.04, 0.07]
    assert [label.get_text() for label in size.get_xticklabels()] == ["4", "8"]


def test_a_plot_of_conditional_parameters_has_the_runs_that_have_them():
    pytest.importorskip("matplotlib")
    trials = [{"a": 0.1 * (k + 1)} if k % 2 else {"b": "x" * k} for k in range(16)]
    runs = [RunResult(k, 0, "pruned" if k == 3 else "ok", k / 16, 1) for k in range(16)]
    axes = rnnbp.SweepReport(trials, runs, "validation_accuracy", 16).plot().axes
    assert sum(len(line.get_xdata()) for line in axes[1].lines) == 8
    assert "none" in [label.get_text() for label in axes[0].get_xticklabels()]


def test_a_model_is_saved_with_what_prediction_takes(tmp_path):
    named = rnnbp.SequenceDataset(TRAIN.sequences, targets=[f"class {k}" for k in TRAIN.targets])
    report = swept(train=named, validation=named, trials=1)
    report.model.save(tmp_path / "model.npz")
    loaded = rnnbp.load(tmp_path / "model.npz")
    assert loaded.classes == ("class 0", "class 1", "class 2")
    assert isinstance(loaded.loss, rnnbp.CrossEntropy)


# ---- fingerprints -------------------------------------------------------------------------------


def test_the_digest_of_a_dataset_is_that_of_all_it_has():
    data = classes()
    assert dataset_digest(data) == dataset_digest(classes())
    weighted = rnnbp.SequenceDataset(data.sequences, targets=data.targets, weights=np.arange(24.0))
    labels = rnnbp.SequenceDataset(data.sequences, targets=np.roll(data.targets, 1))
    steps = rnnbp.SequenceDataset([*data.sequences[:-1], data.sequences[-1] + 1e-3], targets=data.targets)
    assert len({dataset_digest(one) for one in (data, weighted, labels, steps)}) == 4


def test_a_functions_source_has_its_closure_and_no_comments():
    def made(size):
        def inner(seed):
            return size + seed  # a comment

        return inner

    assert function_source(made(1)) == function_source(made(1))
    assert function_source(made(1)) != function_source(made(2))
    assert "comment" not in function_source(made(1))
    assert function_source(lambda seed: seed + 1) != function_source(lambda seed: seed + 2)
    assert json.dumps(function_source(made(1)))
