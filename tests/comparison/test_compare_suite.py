"""compare_suite: tasks x models x seeds, resumed to the last bit, other settings refused."""

import json
from functools import partial

import numpy as np
import pandas as pd
import pytest

import rnnbp
from rnnbp.comparison import BASELINES, SUITES, Baseline, NaiveForecast, SuiteTask
from rnnbp.comparison.networks import causal_window_mlp, recurrent_per_step
from rnnbp.datasets import load
from rnnbp.layers import Dense, Elman, Last


def last_elman(features, width, outputs):
    return [Elman(features, width), Last(), Dense(width, outputs)]


def last_linear(features, width, outputs):
    return [Last(), Dense(features, width), Dense(width, outputs)]


MODELS = {"linear": Baseline(last_linear, 4, "static"), "elman": Baseline(last_elman, 4, "recurrent")}
RECALL = SuiteTask(partial(load, "recall", train=20, test=20, delay=3), MODELS, epochs=2)
STEPS = {
    "window-mlp": Baseline(causal_window_mlp, 4, "static"),
    "elman": Baseline(partial(recurrent_per_step, Elman), 4, "recurrent"),
}
PARITY = SuiteTask(partial(load, "parity", train=20, test=20, steps=4), STEPS, epochs=2)
TASKS = {"recall": RECALL, "parity": PARITY}


def suite(models=None, tasks=TASKS, seeds=2, **options) -> rnnbp.SuiteReport:
    return rnnbp.compare_suite(models, tasks, seeds, **{"progress": False} | options)


def same(one: rnnbp.SuiteReport, other: rnnbp.SuiteReport) -> None:
    """Compare two reports to the last bit, times excepted."""
    assert list(one.reports) == list(other.reports)
    for name, report in one.reports.items():
        timed, twin = ["seconds", "inference_ms"], other.reports[name]
        pd.testing.assert_frame_equal(report.runs.drop(columns=timed), twin.runs.drop(columns=timed), check_exact=True)
        pd.testing.assert_frame_equal(
            report.curves.drop(columns="seconds"), twin.curves.drop(columns="seconds"), check_exact=True
        )
        assert (report.metric, report.settings) == (twin.metric, twin.settings)
        assert {k: m.params.vector.tolist() for k, m in report.trained.items()} == {
            k: m.params.vector.tolist() for k, m in twin.trained.items()
        }
    for name, profile in one.memory.items():
        pd.testing.assert_frame_equal(profile, other.memory[name], check_exact=True)


def test_every_task_is_compared_with_its_own_models_and_settings():
    report = suite(tasks={"recall": RECALL, "parity": SuiteTask(PARITY.load, epochs=3, batch_size=7, folds=3)})
    recall, parity = report.reports.values()
    assert recall.table["model"].tolist() == ["linear", "elman"]
    assert parity.table["model"].tolist() == ["window-mlp", "elman", "lstm", "gru", "esn"]
    assert recall.runs["seed"].nunique() == 2
    assert (parity.settings["epochs"], parity.settings["batch size"]) == ("3", "7")
    assert set(parity.curves["run"]) == {"fold 0", "fold 1", "fold 2", "seed 0", "seed 1"}
    assert list(report.memory) == ["recall", "parity"]


def test_a_task_is_compared_as_by_compare_itself():
    (report,) = suite(tasks={"recall": RECALL}).reports.values()
    train, test = RECALL.load()
    alone = rnnbp.compare(
        {name: one.factory(train) for name, one in MODELS.items()},
        train,
        test,
        seeds=2,
        epochs=2,
        folds=1,
        loss=rnnbp.comparison.loss_for(train),
        optimizers={name: one.optimizer for name, one in MODELS.items()},
        progress=False,
    )
    assert report.runs["test_loss"].tolist() == alone.runs["test_loss"].tolist()
    assert report.curves["loss"].tolist() == alone.curves["loss"].tolist()


@pytest.mark.slow
def test_the_numbers_do_not_depend_on_the_number_of_workers():
    same(suite(tasks={"recall": RECALL}), suite(tasks={"recall": RECALL}, n_jobs=2))


def test_a_suite_resumed_from_checkpoints_equals_one_without_interruption(tmp_path, monkeypatch):
    from rnnbp.comparison.training_run import TrainingRun

    perform, done = TrainingRun.perform, []

    def interrupted(run):
        if len(done) == 8:  # in the second task
            raise KeyboardInterrupt
        done.append(run)
        return perform(run)

    with monkeypatch.context() as patch:
        patch.setattr(TrainingRun, "perform", interrupted)
        with pytest.raises(KeyboardInterrupt):
            suite(checkpoints=tmp_path)
    assert (tmp_path / "recall" / "report.npz").is_file()
    assert not (tmp_path / "parity" / "report.npz").exists()
    same(suite(checkpoints=tmp_path), suite())


def test_finished_tasks_are_not_run_again(tmp_path, monkeypatch):
    first = suite(checkpoints=tmp_path)
    monkeypatch.setattr("rnnbp.comparison.suite.run.compare", None)
    again = suite(checkpoints=tmp_path)
    same(first, again)
    assert again.reports["recall"].runs.equals(first.reports["recall"].runs)  # with its times


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"seeds": 3}, r"other seeds: \[0, 1\], not \[0, 1, 2\]. Give another folder"),
        ({"parameters": 60}, "other parameters: None, not 60"),
        ({"models": ["elman"]}, "other models: they have 'linear'"),
        ({"tasks": {"recall": SuiteTask(RECALL.load, MODELS, epochs=3)}}, "other epochs: 2, not 3"),
        ({"tasks": {"recall": SuiteTask(PARITY.load, MODELS, epochs=2)}}, "other models|other training set"),
        (
            {
                "tasks": {
                    "recall": SuiteTask(partial(load, "recall", train=20, test=20, delay=3, seed=1), MODELS, epochs=2)
                }
            },
            "other (models|training set)",
        ),
        (
            {"tasks": {"recall": SuiteTask(RECALL.load, {**MODELS, "elman": BASELINES["elman"]}, epochs=2)}},
            "other models: those of 'elman' differ",
        ),
    ],
)
def test_a_folder_of_other_settings_is_refused_before_anything_is_trained(tmp_path, options, message):
    suite(tasks={"recall": RECALL}, checkpoints=tmp_path)
    (tmp_path / "recall" / "report.npz").unlink()
    with pytest.raises(ValueError, match=rf"checkpoints in '.*recall' are of a suite with {message}"):
        suite(**{"tasks": {"recall": RECALL}, "checkpoints": tmp_path} | options)
    assert not (tmp_path / "recall" / "report.npz").exists()


def test_a_damaged_folder_is_refused(tmp_path):
    suite(tasks={"recall": RECALL}, checkpoints=tmp_path)
    (tmp_path / "recall" / "settings.json").write_text("{")
    with pytest.raises(ValueError, match=r"settings.json' is damaged: .* Give another folder"):
        suite(tasks={"recall": RECALL}, checkpoints=tmp_path)


def test_own_tasks_are_pairs_of_datasets_too():
    report = suite(["static"], {"mine": RECALL.load()}, seeds=1).reports["mine"]
    assert report.table["model"].tolist() == ["window-mlp", "statistics-mlp", "resampled-mlp"]
    assert report.settings["task"] == "mine"


def test_models_are_chosen_by_name_and_kind_of_all_tasks():
    report = suite(["linear", "recurrent"], seeds=1)
    assert report.reports["recall"].table["model"].tolist() == ["linear", "elman"]
    assert report.reports["parity"].table["model"].tolist() == ["elman"]


def own(seed):
    return rnnbp.Sequential(rnnbp.Last(), rnnbp.Dense(3, 2), seed=seed)


def test_own_models_take_the_place_of_a_tasks_models():
    mine = {"mine": MODELS["linear"], "theirs": "elman"}
    assert suite(mine, {"recall": RECALL}, 1).reports["recall"].table["model"].tolist() == ["mine", "theirs"]
    report = suite({"recall": {"mine": own, "elman": "elman"}}, seeds=1)
    assert report.reports["recall"].table["parameters"].tolist() == [8, 46]
    assert len(report.reports["parity"].table) == 2


def test_models_are_matched_by_their_number_of_parameters():
    tables = [report.table for report in suite(seeds=1, parameters=200).reports.values()]
    sizes = np.concatenate([table["parameters"] for table in tables])
    assert (np.abs(sizes / 200 - 1) < 0.15).all()


def test_each_test_set_is_used_once_for_each_trained_model(monkeypatch):
    from rnnbp.training import Trainer

    train, test = RECALL.load()
    evaluate, seen = Trainer.evaluate, []

    def counted(self, data, **options):
        seen.append(data.targets is test.targets)
        return evaluate(self, data, **options)

    monkeypatch.setattr(Trainer, "evaluate", counted)
    suite(tasks={"recall": SuiteTask(lambda: (train, test), MODELS, epochs=2)})
    assert sum(seen) == 4  # two models, two seeds


def test_missing_data_is_skipped_with_a_message_where_it_may_be_missing(capsys):
    def missing():
        raise FileNotFoundError("recordings: there is no folder '/nowhere'")

    report = suite(tasks={"speech": SuiteTask(missing, MODELS, elsewhere=True), "recall": RECALL}, seeds=1)
    assert list(report.reports) == ["recall"]
    assert capsys.readouterr().err == "speech is skipped: recordings: there is no folder '/nowhere'\n"
    with pytest.raises(FileNotFoundError, match="no folder"):
        suite(tasks={"speech": SuiteTask(missing, MODELS)})
    with pytest.raises(ValueError, match="tasks must be at least one whose data is here"):
        suite(tasks={"speech": SuiteTask(missing, MODELS, elsewhere=True)})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tasks": "quik"}, "tasks must be of quick, full; got 'quik'. Did you mean 'quick'?"),
        ({"tasks": {}}, "tasks must be at least one, got none"),
        ({"tasks": [RECALL]}, "tasks must be 'quick', 'full', a list of names of their tasks, or a dict"),
        (
            {"tasks": {"a": 3}},
            r"tasks\['a'\] must be a rnnbp.comparison.SuiteTask, or \(train, test\), two SequenceDatasets, got 3",
        ),
        ({"models": ["elmann"]}, "models must be of linear, .*; got 'elmann'. Did you mean 'elman'?"),
        ({"models": "gru"}, "models must be a list of names, a dict of models, or None for each task's own; got 'gru'"),
        ({"models": {}}, "models must be at least one, got none"),
        ({"models": ["linear"]}, "task 'parity' has none of the models linear: it has window-mlp, elman"),
        ({"models": {"reber": {"mine": own}}}, "tasks of models must be of recall, parity; got 'reber'"),
        ({"models": {"a": "gru"}}, r"models\['a'\] of task 'recall' must be of linear, elman; got 'gru'"),
        ({"models": {"a": own(0)}}, r"models\['a'\] must be a rnnbp.comparison.Baseline, .* got Sequential"),
        ({"seeds": 0}, "seeds must be a positive integer, got 0"),
        ({"seeds": []}, "seeds must be at least one, got none"),
        ({"parameters": 0}, "parameters must be a positive integer, got 0"),
        ({"n_jobs": 0}, "n_jobs must be a positive integer, or -1 for all cores, got 0"),
    ],
)
def test_invalid_arguments_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        suite(**options)


def test_naive_forecasts_equal_their_formulas():
    rng = np.random.default_rng(0)
    series = rng.normal(0, 1, (2, 40, 3))
    data = rnnbp.SequenceDataset(list(series[:, :-1]), targets=list(series[:, 1:]))
    x = series[:, :-1].astype(np.float32)
    for season in (1, 4, 11):
        model = NaiveForecast(3, season)(0)
        expected = np.zeros_like(x)
        expected[:, season - 1 :] = x[:, : x.shape[1] - season + 1]
        np.testing.assert_array_equal(model.forward(data.batch()).swapaxes(0, 1), expected)
        assert model.kind == "static"
        assert set(model.frozen) == {"1.w", "1.b"}


def test_training_changes_no_naive_forecast():
    rng = np.random.default_rng(0)
    series = rng.normal(0, 1, (12, 10, 1))
    data = rnnbp.SequenceDataset(list(series[:, :-1]), targets=list(series[:, 1:]))
    task = SuiteTask(lambda: (data, data), {"persistence": NaiveForecast(1), "seasonal": NaiveForecast(1, 3)}, epochs=2)
    report = suite(tasks={"noise": task}).reports["noise"]
    for name, season in (("persistence", 1), ("seasonal", 3)):
        assert report.trained[name].params.vector.tolist() == NaiveForecast(1, season)(0).params.vector.tolist()
        assert np.ptp(report.runs.loc[report.runs["model"] == name, "test"]) == 0
    y = series[:, 1:]
    expected = 1 - ((y - series[:, :-1]) ** 2).sum() / ((y - y.mean()) ** 2).sum()
    assert report.table["test_mean"].iloc[0] == pytest.approx(expected, rel=1e-5)


def test_settings_are_kept_as_json(tmp_path):
    suite(tasks={"recall": RECALL}, checkpoints=tmp_path)
    kept = json.loads((tmp_path / "recall" / "settings.json").read_text())
    assert kept["epochs"] == 2
    assert list(kept["models"]) == ["linear", "elman"]


@pytest.mark.slow
def test_the_recurrent_network_of_mnist1d_reaches_its_accuracy():
    task = SUITES["quick"]["mnist1d"]
    train, test = task.load()
    gru = task.models["gru"]
    trainer = rnnbp.Trainer(
        gru.factory(train)(0), task.loss_for(train), optimizer=gru.optimizer(), schedule=rnnbp.Cosine(task.epochs)
    )
    trainer.fit(train, epochs=task.epochs, batch_size=task.batch_size, progress=False)
    assert trainer.evaluate(test)["accuracy"] >= 0.97


@pytest.mark.parametrize("name", [name for name, task in SUITES["full"].items() if not task.elsewhere])
def test_every_model_of_a_suite_takes_the_data_of_its_task(name):
    task = SUITES["full"][name]
    train, _ = task.load()
    batch, loss = train.subset(np.arange(min(2, len(train)))).batch(), task.loss_for(train)
    kinds = set()
    for key, one in task.models_for(train).items():
        model = rnnbp.comparison.training_run.new_model(one.factory(train) if isinstance(one, Baseline) else one, 0)
        (gradient,) = rnnbp.BPTT().gradients(model, batch, loss)
        assert np.isfinite(gradient.loss), key
        assert model.kind == one.kind, key
        kinds.add(model.kind)
    assert kinds == {"static", "reservoir", "recurrent"}


def test_reservoirs_and_the_networks_trained_by_bptt_begin_with_the_same_weights():
    for name in ("recall", "sunspots"):  # a target per sequence, and per step
        task = SUITES["quick"][name]
        train, _ = task.load()
        models = task.models_for(train)
        frozen, trained = (models[name].factory(train)(3) for name in ("esn", "esn-bptt"))
        assert frozen.params.vector.tolist() == trained.params.vector.tolist()
        assert (frozen.kind, trained.kind) == ("reservoir", "recurrent")


def test_words_are_spelled_one_letter_a_step(monkeypatch):
    from rnnbp.comparison.suite import tasks

    table = pd.DataFrame({"word": ["ab", "cab", "b", "ca"], "phonemes": ["xy", "zxy", "y", "zx"]})
    monkeypatch.setattr(tasks, "load_nettalk", lambda: table)
    parts = tasks.spelled_words(words=2)
    spelled = {}
    for part in parts:
        for x, y in zip(part.sequences, part.targets, strict=True):
            word = "".join(chr(97 + k) for k in x.argmax(axis=1))
            spelled[word] = "".join(part.classes[k] for k in y)
    assert spelled == dict(zip(table["word"], table["phonemes"], strict=True))
    assert [len(part) for part in parts] == [2, 2]


def test_what_is_not_downloaded_yet_is_skipped(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("RNNBP_DATA", str(tmp_path))
    tasks = {name: SUITES["full"][name] for name in ("spoken-digits", "nettalk")}
    suite(tasks={**tasks, "recall": RECALL}, seeds=1)
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith("spoken-digits is skipped: it is not in ")
    assert second.endswith("rnnbp.datasets.fetch('nettalk') downloads it")


def linear_without_width(features, width, outputs):
    return [Last(), Dense(features, outputs)]


@pytest.mark.parametrize("parameters", [1, 10_000])
def test_a_model_without_a_width_stays_as_it_is_at_any_number_of_parameters(parameters):
    models = {"linear": Baseline(linear_without_width, 7, "static")}
    (report,) = suite(models, {"recall": RECALL}, 1, parameters=parameters).reports.values()
    assert report.table["parameters"].tolist() == [8]


def of_precision(dtype, frozen, seed):
    model = rnnbp.Sequential(Elman(3, 2), Last(), Dense(2, 2), seed=seed, dtype=dtype)
    if frozen:
        model.freeze(*frozen)
    return model


@pytest.mark.parametrize(
    ("other", "message"),
    [(("float64", []), "other precisions"), (("float32", ["0.w_hh"]), "other frozen parameters")],
)
def test_checkpoints_of_another_precision_or_of_other_frozen_parameters_are_refused(tmp_path, other, message):
    def run(dtype, frozen):
        suite({"recall": {"mine": partial(of_precision, dtype, frozen)}}, {"recall": RECALL}, 1, checkpoints=tmp_path)

    run("float32", [])
    with pytest.raises(ValueError, match=f"of a suite with {message}: those of 'mine' differ"):
        run(*other)


@pytest.mark.parametrize("name", ["a/b", "../out", "/out", "", ".", "..", "a b", "ü"])
def test_any_name_of_a_task_or_model_has_its_own_files_within_the_folder(tmp_path, name):
    folder = tmp_path / "in" / "checkpoints"
    folder.parent.mkdir()
    models = {name: MODELS["linear"], "a-b": MODELS["linear"]}
    first = suite(models, {name: RECALL, "other": RECALL}, 1, checkpoints=folder)
    assert [path.name for path in tmp_path.iterdir()] == ["in"]
    assert len([path for path in folder.iterdir() if path.is_dir()]) == 2
    assert len(list(folder.glob("*/*-seed-0.npz"))) == 4
    same(suite(models, {name: RECALL, "other": RECALL}, 1, checkpoints=folder), first)


def test_tasks_of_a_suite_are_named_in_a_list():
    from rnnbp.comparison.suite.run import _tasks

    assert list(_tasks(["sunspots", "recall"])) == ["sunspots", "recall"]
    with pytest.raises(ValueError, match=r"tasks must be of .*; got 'sunspot'. Did you mean 'sunspots'"):
        suite(tasks=["sunspot"])


def test_a_forecasting_task_of_ones_own_has_simple_forecasts_too():
    task = SuiteTask(partial(load, "sunspots"), epochs=1)
    found = suite(["static"], {"mine": task}, seeds=1).reports["mine"].table
    assert found["model"].tolist() == ["persistence", "autoregression", "window-mlp"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"load": "sunspots"}, "load must be a function"),
        ({"load": print, "models": ["gru"]}, "models must be a dict"),
        ({"load": print, "epochs": 0}, "epochs must be a positive integer"),
        ({"load": print, "folds": 0}, "folds must be a positive integer"),
    ],
)
def test_a_task_names_its_wrong_argument_when_it_is_made(arguments, message):
    with pytest.raises(ValueError, match=message):
        SuiteTask(**arguments)


@pytest.mark.parametrize(
    ("seeds", "message"),
    [
        ([1, 0, 1], "seeds must differ, got 1 more than once"),
        ([-1], "seeds must be an integer of 0 or more, got -1"),
        (2.0, "seeds must be a positive integer, got 2.0"),
        ("2", "seeds must be a positive integer, got '2'"),
    ],
)
def test_seeds_are_different_natural_numbers(seeds, message):
    with pytest.raises(ValueError, match=message):
        suite(seeds=seeds)
    with pytest.raises(ValueError, match=message):
        rnnbp.compare({"mine": own}, *RECALL.load(), seeds=seeds, progress=False)


def test_no_seeds_are_refused_with_checkpoints_too(tmp_path):
    with pytest.raises(ValueError, match="seeds must be at least one, got none"):
        suite(seeds=[], checkpoints=tmp_path)


def diverging(seed):
    model = rnnbp.Sequential(Elman(3, 2, activation="linear"), Last(), Dense(2, 2), seed=seed)
    model.params["0.w_hh"] = 1e30
    return model


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_task_of_which_every_run_fails_is_recorded_and_the_others_go_on(tmp_path, monkeypatch):
    models = {"parity": {"mine": diverging}, "recall": {"linear": "linear"}}
    tasks = {"parity": RECALL, "recall": RECALL}
    with pytest.warns(RuntimeWarning, match="task 'parity' failed: mine, fold 0: "):
        report = suite(models, tasks, 1, checkpoints=tmp_path)
    assert list(report.reports) == ["recall"]
    (row,) = report.failures.to_dict("records")
    assert (row["task"], row["model"], row["run"]) == ("parity", "all", "all")
    assert "mine, fold 0: the loss is" in row["traceback"]
    assert "1 run failed" in repr(report)
    monkeypatch.setattr("rnnbp.comparison.page._svg", lambda plot, width: "data:")
    report.to_csv(tmp_path / "report")
    report.to_html(tmp_path / "report" / "report.html")
    assert "Failed runs" in (tmp_path / "report" / "report.html").read_text(encoding="utf-8")
    assert len(pd.read_csv(tmp_path / "report" / "failures.csv")) == 1
    assert (tmp_path / "recall" / "report.npz").is_file()
    assert not (tmp_path / "parity" / "report.npz").exists()
    with pytest.raises(rnnbp.TrainingDivergedError, match="mine, fold 0: "):
        suite({"parity": {"mine": diverging}}, {"parity": RECALL}, 1)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_task_with_failed_runs_is_tried_again(tmp_path):
    models = {"recall": {"mine": diverging, "linear": "linear"}}
    report = suite(models, {"recall": RECALL}, 1, checkpoints=tmp_path)
    assert report.failures["model"].tolist() == ["mine", "mine"]
    assert report.reports["recall"].table["model"].tolist() == ["linear"]
    assert not (tmp_path / "recall" / "report.npz").exists()
    again = suite(models, {"recall": RECALL}, 1, checkpoints=tmp_path)
    assert again.reports["recall"].runs["test_loss"].equals(report.reports["recall"].runs["test_loss"])


def test_a_report_says_what_one_fold_is():
    settings = suite(["elman"], {"parity": PARITY}, seeds=1).reports["parity"].settings
    assert settings["cross-validation"] == "a fifth of the training set held out"
