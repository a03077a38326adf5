"""compare: every model under the same budget, the best chosen without the test set."""

import threading
from functools import partial

import numpy as np
import pandas as pd
import pytest

import rnnbp
from rnnbp.comparison import Recipe
from rnnbp.comparison.folds import _folds, splits
from rnnbp.comparison.run import _longest_first, _training_runs


def classes(n: int = 24, seed: int = 0, spread: float = 1.0) -> rnnbp.SequenceDataset:
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % 3
    return rnnbp.SequenceDataset([rng.normal(2 * k, spread, (rng.integers(3, 7), 2)) for k in labels], targets=labels)


def static(seed: int) -> rnnbp.Sequential:
    return rnnbp.Sequential(rnnbp.MeanOverTime(), rnnbp.Dense(2, 3), seed=seed)


def recurrent(seed: int) -> rnnbp.Sequential:
    return rnnbp.Sequential(rnnbp.Elman(2, 6), rnnbp.Last(), rnnbp.Dense(6, 3), seed=seed)


BOTH = {"static": static, "recurrent": recurrent}


def compared(models=BOTH, train=None, test=None, **options) -> rnnbp.Report:
    options = {"seeds": 2, "epochs": 3, "progress": False} | options
    return rnnbp.compare(models, train or classes(), test or classes(seed=1), **options)


def test_every_model_is_trained_once_per_seed_and_once_per_fold():
    report = compared(seeds=[3, 5], folds=4)
    assert report.runs[["model", "seed"]].values.tolist() == [
        ["static", 3],
        ["recurrent", 3],
        ["static", 5],
        ["recurrent", 5],
    ]
    names = [*(f"fold {k}" for k in range(4)), "seed 3", "seed 5"]
    for _, curves in report.curves.groupby("model"):
        assert curves["run"].unique().tolist() == names
        assert (curves.groupby("run").size() == 3).all()
    assert report.curves.loc[report.curves["run"].str.startswith("seed"), "validation_accuracy"].isna().all()


def test_a_run_equals_a_trainers_fit():
    report = compared({"static": static}, seeds=[4], epochs=3, batch_size=8)
    model = static(4)
    trainer = rnnbp.Trainer(
        model, rnnbp.CrossEntropy(), rnnbp.BPTT(), rnnbp.Adam(0.01), seed=4, schedule=rnnbp.Cosine(3)
    )
    trainer.fit(classes(), epochs=3, batch_size=8, progress=False)
    (row,) = report.runs.to_dict("records")
    assert row["test"] == trainer.evaluate(classes(seed=1))["accuracy"]
    assert row["test_loss"] == trainer.evaluate(classes(seed=1))["loss"]
    assert row["train"] == trainer.evaluate(classes())["accuracy"]
    assert row["parameters"] == 9


def test_the_choice_of_the_best_model_does_not_depend_on_the_test_set():
    rng = np.random.default_rng(0)
    nonsense = rnnbp.SequenceDataset(list(rng.normal(0, 1, (30, 4, 2))), targets=rng.integers(0, 3, 30))
    one, other = compared(test=classes(seed=1)), compared(test=nonsense)
    assert one.best("recurrent") == other.best("recurrent")
    same = ["validation_mean", "epochs_to_best"]
    assert one.table[same].equals(other.table[same])
    assert not np.allclose(one.table["test_mean"], other.table["test_mean"])


def test_the_same_seeds_give_the_same_numbers_in_any_number_of_processes():
    one, two = compared(), compared(n_jobs=2)
    timed = ["seconds", "inference_ms"]
    assert one.runs.drop(columns=timed).equals(two.runs.drop(columns=timed))
    assert one.curves.drop(columns="seconds").equals(two.curves.drop(columns="seconds"))


def test_folds_partition_the_training_set_and_are_stratified():
    data = classes(25)
    folds = _folds(data, 3)
    held_out = [identity for _, fold in folds for identity in fold.ids]
    assert sorted(held_out) == list(range(25))
    for rest, fold in folds:
        assert set(rest.ids) | set(fold.ids) == set(range(25))
        assert set(rest.ids).isdisjoint(fold.ids)
        counts = np.bincount(fold.targets)
        assert counts.max() - counts.min() <= 1


def test_one_fold_holds_out_a_fifth_once():
    report = compared({"static": static}, folds=1)
    assert report.curves["run"].unique().tolist() == ["fold 0", "seed 0", "seed 1"]
    ((rest, held_out),) = splits(classes(25), 1)
    assert (len(rest), len(held_out)) == (20, 5)
    assert set(rest.ids).isdisjoint(held_out.ids)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_the_report_has_the_models_trained_with_the_first_seed(n_jobs):
    report = compared(seeds=[3, 5], n_jobs=n_jobs)
    test = classes(seed=1)
    for name, model in report.trained.items():
        first = report.runs[(report.runs["model"] == name) & (report.runs["seed"] == 3)]
        assert (model.predict(test) == test.targets).mean() == first["test"].item()


def test_a_single_long_sequence_is_cut_into_folds():
    data = rnnbp.SequenceDataset([np.arange(30.0)[:, None]], targets=[np.arange(30.0)[:, None]])
    folds = _folds(data, 3)
    assert [fold.lengths.tolist() for _, fold in folds] == [[10]] * 3


def test_values_are_compared_by_r2():
    rng = np.random.default_rng(0)
    sequences = list(rng.normal(0, 1, (30, 5, 2)))
    data = rnnbp.SequenceDataset(sequences, targets=[s.mean() for s in sequences])

    def mean(seed):
        return rnnbp.Sequential(rnnbp.MeanOverTime(), rnnbp.Dense(2, 1), seed=seed)

    report = compared({"mean": mean}, data, data, epochs=40, optimizer=lambda: rnnbp.Adam(0.05))
    assert report.metric == "r2"
    assert report.table["test_mean"].item() > 0.99


def test_a_model_factory_without_a_seed_is_initialized_by_the_seed_of_the_run():
    def static_of_no_seed():
        return rnnbp.Sequential(rnnbp.MeanOverTime(), rnnbp.Dense(2, 3))

    with_seed, without = compared({"a": static}), compared({"a": static_of_no_seed})
    assert with_seed.runs["test_loss"].equals(without.runs["test_loss"])
    assert without.runs["test_loss"].nunique() == 2


def test_optimizers_of_single_models_take_precedence():
    still = compared(optimizers={"static": lambda: rnnbp.SGD(1e-12)}).curves
    spread = still[still["run"] == "seed 0"].groupby("model")["loss"].agg(np.ptp)
    assert spread["static"] < 1e-6 < spread["recurrent"]


def growing(seed: int) -> rnnbp.Sequential:
    return rnnbp.Sequential(rnnbp.Elman(2, 6, activation="linear"), rnnbp.Last(), rnnbp.Dense(6, 3), seed=seed)


def too_large(seed: int) -> rnnbp.Sequential:
    return rnnbp.Sequential(TooLarge(), rnnbp.Dense(2, 3), seed=seed)


class TooLarge(rnnbp.MeanOverTime):
    """Layer for which there is not enough memory."""

    def forward(self, *args, **options):
        raise MemoryError("of the test")


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_divergence_of_every_run_is_raised_and_names_the_model_and_the_run(n_jobs):
    with pytest.raises(rnnbp.TrainingDivergedError, match=r"growing, fold 0: the loss is .* at epoch \d") as caught:
        compared({"growing": growing}, optimizer=lambda: rnnbp.SGD(1e10), n_jobs=n_jobs)
    assert "in perform" in caught.value.__notes__[0]


FAILING = {"growing": growing, "too large": too_large}


@pytest.mark.parametrize("n_jobs", [1, 2])
@pytest.mark.filterwarnings("ignore:(overflow|invalid value):RuntimeWarning")
def test_failed_runs_are_recorded_with_their_tracebacks_and_the_others_go_on(n_jobs):
    with pytest.warns(RuntimeWarning, match="failed: ") as warned:
        report = compared(BOTH | FAILING, optimizers={"growing": lambda: rnnbp.SGD(1e10)}, n_jobs=n_jobs)
    runs = [*(f"fold {k}" for k in range(3)), "seed 0", "seed 1"]
    expected = {(model, run) for model in FAILING for run in runs}
    assert {(row.model, row.run) for row in report.failures.itertuples()} == expected
    failed = report.failures.set_index(["model", "run"])
    assert failed.loc[("too large", "seed 1"), "error"] == "MemoryError: of the test"
    assert failed.loc[("too large", "seed 1"), "traceback"].startswith("Traceback (most recent call last):\n")
    assert "in forward" in failed.loc[("too large", "seed 1"), "traceback"]
    assert "growing, fold 0: the loss is" in failed.loc[("growing", "fold 0"), "error"]
    assert {str(one.message).partition(" failed")[0] for one in warned} >= {"too large, seed 1", "growing, fold 0"}
    alone = compared()
    timed = ["seconds", "inference_ms"]
    assert report.runs.drop(columns=timed).equals(alone.runs.drop(columns=timed))
    assert report.curves.drop(columns="seconds").equals(alone.curves.drop(columns="seconds"))
    assert report.verdict == alone.verdict
    assert list(report.trained) == list(BOTH)


@pytest.fixture
def unrendered(monkeypatch) -> None:
    """Leave the plots out of the pages, for the time that they take."""
    monkeypatch.setattr("rnnbp.comparison.page._svg", lambda plot, width: "data:")


def failing_with_seed(chosen: int, seed: int) -> rnnbp.Sequential:
    return too_large(seed) if seed == chosen else static(seed)


@pytest.mark.filterwarnings("ignore:.* failed:RuntimeWarning")
def test_statistics_leave_failed_runs_out(tmp_path, unrendered):
    """Seed 3 has the folds 0 and 2, and seed 5 fold 1."""
    models = {"some": partial(failing_with_seed, 3), "recurrent": recurrent}
    report, alone = compared(models, seeds=[3, 5, 6]), compared({"some": static, "recurrent": recurrent}, seeds=[5, 6])
    assert sorted(report.failures["run"]) == ["fold 0", "seed 3"]
    own, same = (one.table.set_index("model").loc["some"] for one in (report, alone))
    assert own[["test_mean", "test_std"]].equals(same[["test_mean", "test_std"]])
    assert report.paired("recurrent", "some") == alone.paired("recurrent", "some")
    assert report.trained["some"].params.vector.tolist() == alone.trained["some"].params.vector.tolist()
    shown = repr(report)
    assert "2 runs failed, and are in none of these figures (tracebacks: report.failures):" in shown
    assert "  some, seed 3: MemoryError: of the test" in shown
    report.to_html(tmp_path / "report.html")
    report.to_csv(tmp_path)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "Failed runs" in page
    assert "in forward" in page
    assert list(pd.read_csv(tmp_path / "failures.csv")["run"]) == ["fold 0", "seed 3"]


@pytest.mark.filterwarnings("ignore:.* failed:RuntimeWarning")
def test_without_any_validation_no_network_is_chosen(tmp_path, unrendered):
    report = compared({"a": partial(failing_with_seed, 3), "b": partial(failing_with_seed, 3)}, seeds=[3, 4], folds=1)
    assert report.best("static") is None
    assert report.verdict == "No network can be chosen: every run of the cross-validation failed."
    report.to_html(tmp_path / "report.html")


def test_a_report_without_failures_shows_none(tmp_path, unrendered):
    report = compared()
    assert report.failures.empty
    assert "failed" not in repr(report)
    report.to_html(tmp_path / "report.html")
    report.to_csv(tmp_path)
    assert not (tmp_path / "failures.csv").exists()
    assert "Failed runs" not in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_lambdas_are_sent_to_workers():
    report = compared(
        {"a": lambda seed: static(seed)},
        optimizer=lambda: rnnbp.Adam(0.02),
        schedule=lambda epochs: rnnbp.Cosine(epochs),
        n_jobs=2,
    )
    assert report.failures.empty
    assert report.settings["optimizer"].startswith("Adam(learning_rate=0.02")


SHARED = static(0)
LOCK = threading.Lock()


def unsendable(lock, seed: int) -> rnnbp.Sequential:
    return static(seed)


UNSENDABLE = partial(unsendable, LOCK)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"models": {}}, "models must be at least one, got none"),
        ({"models": [static]}, r'models must be a dict of names and functions, \{"lstm": make\}, got \['),
        ({"models": {"a": static(0)}}, r"models\['a'\] must be a function that makes a new model .* got Sequential\("),
        ({"models": {"a": rnnbp.Sequential}}, r"models\['a'\] must be a function"),
        ({"models": {"a": lambda seed: SHARED}}, r"models\['a'\] must make a new model at each call"),
        ({"models": {"a": lambda: None}}, "models must make a rnnbp Sequential, got None from"),
        ({"optimizer": rnnbp.Adam(0.1)}, r"optimizer must be a function .* got Adam.*: lambda: rnnbp.Adam\(0.01\)"),
        ({"optimizers": {"static": rnnbp.Adam()}}, r"optimizers\['static'\] must be a function"),
        ({"schedule": rnnbp.Cosine(4)}, r"schedule must be a function .* lambda epochs: rnnbp.Cosine\(epochs\)"),
        ({"train": "a.ts"}, r"train must be a SequenceDataset, got 'a.ts': read it by rnnbp.datasets.read_ts\("),
        ({"test": 5}, r"test must be a SequenceDataset, got int: SequenceDataset\(sequences, targets=...\) makes one"),
        ({"seeds": []}, "seeds must be at least one, got none"),
        ({"seeds": 0}, "seeds must be a positive integer, got 0"),
        ({"folds": 0}, "folds must be a positive integer, got 0"),
        ({"n_jobs": 0}, "n_jobs must be a positive integer, or -1 for all cores, got 0"),
        ({"n_jobs": 1.5}, "n_jobs must be a positive integer, or -1 for all cores, got 1.5"),
        ({"n_jobs": "all"}, "n_jobs must be a positive integer, or -1 for all cores, got 'all'"),
        ({"n_jobs": -2}, "n_jobs must be a positive integer, or -1 for all cores, got -2"),
        ({"n_jobs": True}, "n_jobs must be a positive integer, or -1 for all cores, got True"),
        ({"optimizers": {"statik": rnnbp.Adam}}, "optimizers must be one of .* Did you mean 'static'?"),
        ({"train": classes(2)}, "train must have at least one sequence for each of the 3 folds, got 2"),
        ({"models": {"a": UNSENDABLE}, "n_jobs": 2}, "cannot be sent to a worker: .*: leave out what .* n_jobs=1"),
    ],
)
def test_invalid_arguments_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        compared(**options)


def test_several_workers_begin_with_the_longest_runs():
    factories = {name: (make, rnnbp.Adam) for name, make in BOTH.items()}
    recipe = Recipe(1, 4, rnnbp.CrossEntropy(), rnnbp.BPTT(), rnnbp.Cosine, None)
    runs = list(_training_runs(recipe, factories, [0], classes(), classes(), 2))
    names = [run.name for run in _longest_first(runs)]
    assert names == ["recurrent"] * 3 + ["static"] * 3


def test_the_trained_models_of_a_report_know_the_names_of_their_features():
    data = classes()
    named = rnnbp.SequenceDataset(list(data.sequences), targets=data.targets, feature_names=["pitch", "energy"])
    report = compared({"static": static}, named, named, seeds=1, epochs=1)
    assert report.trained["static"].feature_names == ("pitch", "energy")
    swapped = rnnbp.SequenceDataset([x[:, ::-1] for x in named.sequences], feature_names=["energy", "pitch"])
    np.testing.assert_array_equal(report.trained["static"].predict(swapped), report.trained["static"].predict(named))
