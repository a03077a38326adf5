"""sweep with Optuna's samplers and pruners: the same trials and bits serial, parallel and resumed."""

import json

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from test_sweep import TRAIN, VALIDATION, assert_same, make, numbers

import rnnbp
from rnnbp.training import checkpoint_writer

optuna = pytest.importorskip("optuna")
pytestmark = pytest.mark.cluster

SPACE = {"hidden_size": [2, 3, 4], "learning_rate": stats.loguniform(1e-3, 1.0)}


def tpe() -> "optuna.samplers.BaseSampler":
    return optuna.samplers.TPESampler(seed=0, n_startup_trials=3)


def swept(make=make, space=SPACE, **options) -> rnnbp.SweepReport:
    options = {"trials": 8, "epochs": 2, "sampler": tpe(), "progress": False} | options
    return rnnbp.sweep(make, space, TRAIN, VALIDATION, **options)


def test_proposals_are_those_of_the_sampler_told_round_by_round():
    report = swept(trials=5, trials_per_round=1, seeds=2)
    study = optuna.create_study(sampler=tpe(), direction="maximize")
    means = report.table.groupby("trial")["score"].mean()
    for number, parameters in enumerate(report.trials):
        trial = study.ask()
        assert parameters == {
            "hidden_size": trial.suggest_categorical("hidden_size", [2, 3, 4]),
            "learning_rate": trial.suggest_float("learning_rate", 1e-3, 1.0, log=True),
        }
        study.tell(trial, means[number])


def test_a_sampler_is_left_as_it_is_so_that_the_same_call_is_the_same_sweep():
    sampler = tpe()
    assert_same(swept(sampler=sampler), swept(sampler=sampler))


@pytest.mark.slow
def test_parallel_trials_are_the_same_bits_as_serial_ones():
    pytest.importorskip("joblib")
    pruner = optuna.pruners.SuccessiveHalvingPruner(reduction_factor=2)
    options = {"trials": 6, "epochs": 4, "pruner": pruner}
    assert_same(swept(n_jobs=2, **options), swept(**options))


@pytest.mark.parametrize(
    "pruner",
    [
        optuna.pruners.SuccessiveHalvingPruner(reduction_factor=2),
        pytest.param(optuna.pruners.MedianPruner(n_startup_trials=2), marks=pytest.mark.slow),
        pytest.param(
            optuna.pruners.HyperbandPruner(min_resource=1, max_resource=6, reduction_factor=2), marks=pytest.mark.slow
        ),
    ],
)
def test_a_pruned_run_has_fewer_epochs_and_is_never_the_best(pruner):
    report = swept(trials=12, epochs=6, pruner=pruner, trials_per_round=2)
    table = report.table
    pruned = table["status"] == "pruned"
    assert pruned.any()
    assert (table.loc[~pruned, "epochs_trained"] == 6).all()
    assert (table.loc[pruned, "best_epoch"] == table.loc[pruned, "epochs_trained"]).all()
    assert table["status"][report.best_trial] == "ok"
    whole = swept(trials=2, epochs=6, trials_per_round=2)  # the first round knows of no other trial
    pd.testing.assert_frame_equal(numbers(whole)[~pruned[:2]], numbers(report)[:2][~pruned[:2]])


@pytest.mark.parametrize(
    ("epochs_before", "pruner"), [(14, None), (5, optuna.pruners.SuccessiveHalvingPruner(reduction_factor=2))]
)
def test_an_interrupted_search_continues_with_the_same_proposals(tmp_path, monkeypatch, pruner, epochs_before):
    write, saved = checkpoint_writer.write_checkpoint, []

    def dying(*given):
        write(*given)
        saved.append(1)
        if len(saved) == epochs_before:
            raise KeyboardInterrupt

    options = {"epochs": 3, "pruner": pruner, "trials_per_round": 3, "folder": tmp_path / "sweep"}
    with monkeypatch.context() as patch:
        patch.setattr(checkpoint_writer, "write_checkpoint", dying)
        with pytest.raises(KeyboardInterrupt):
            swept(**options)
    whole = swept(**options | {"folder": None})
    assert_same(swept(**options), whole)
    study = optuna.load_study(
        study_name="rnnbp sweep",
        storage=optuna.storages.JournalStorage(
            optuna.storages.journal.JournalFileBackend(str(tmp_path / "sweep" / "optuna.log"))
        ),
    )
    assert [trial.params["hidden_size"] for trial in study.trials] == [one["hidden_size"] for one in whole.trials]
    assert study.best_value == whole.best_score


def test_more_trials_continue_a_search(tmp_path):
    swept(trials=5, trials_per_round=1, folder=tmp_path)
    assert_same(swept(trials=8, trials_per_round=1, folder=tmp_path), swept(trials=8, trials_per_round=1))


def test_the_folder_of_a_sampler_with_another_seed_is_refused(tmp_path):
    swept(trials=2, folder=tmp_path)
    with pytest.raises(ValueError, match=r"trial-0000-seed-0.npz' is of a trial with .*, and this one has"):
        swept(trials=2, folder=tmp_path, sampler=optuna.samplers.TPESampler(seed=1))


def test_a_point_that_is_proposed_again_is_not_trained_again(monkeypatch):
    epoch, trained = rnnbp.Trainer._epoch, []
    monkeypatch.setattr(rnnbp.Trainer, "_epoch", lambda *given: trained.append(1) or epoch(*given))
    report = swept(space={"hidden_size": [2, 3]}, trials=6, epochs=1)
    assert len(report.table) == 6
    assert len(trained) == 2
    assert report.table.groupby("hidden_size")["score"].nunique().eq(1).all()


def test_conditional_parameters_distributions_and_objects_are_suggested():
    def conditional(seed, hidden_size=3, cell=rnnbp.Elman, size=None):
        return rnnbp.Sequential(cell(2, hidden_size), rnnbp.Last(), rnnbp.Dense(hidden_size, 3), seed=seed)

    space = [
        {"cell": [rnnbp.Elman, rnnbp.GRU], "hidden_size": stats.randint(2, 5)},
        {"learning_rate": stats.uniform(0.01, 0.1), "size": optuna.distributions.IntDistribution(2, 8, step=2)},
    ]
    report = swept(conditional, space, trials=12, epochs=1, sampler=optuna.samplers.RandomSampler(seed=1))
    first = [one for one in report.trials if "cell" in one]
    second = [one for one in report.trials if "cell" not in one]
    assert {one["cell"] for one in first} == {rnnbp.Elman, rnnbp.GRU}
    assert {one["hidden_size"] for one in first} <= {2, 3, 4}
    assert all(0.01 <= one["learning_rate"] <= 0.11 and one["size"] in (2, 4, 6, 8) for one in second)
    assert first
    assert second


def test_a_trial_that_diverged_is_told_as_the_worst_and_one_that_failed_as_failed(tmp_path):
    def failing(hidden_size, seed):
        if hidden_size == 3:
            raise RuntimeError("no three")
        return make(hidden_size, seed)

    space = {"hidden_size": [2, 3], "optimizer": ["sgd"], "learning_rate": [1e30, 0.1]}
    report = swept(failing, space, trials=12, folder=tmp_path)
    assert set(report.table["status"]) == {"ok", "failed", "diverged"}
    lines = [json.loads(line) for line in (tmp_path / "optuna.log").read_text().splitlines()]
    told = {line["trial_id"]: line for line in lines if "state" in line and line.get("values") is not None}
    failed = set(report.table["trial"][report.table["status"] == "failed"])
    assert set(told) == set(range(12)) - failed
    diverged = report.table["trial"][report.table["status"] == "diverged"]
    assert all(told[number]["values"] == [-np.inf] for number in diverged)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"trials": None}, r"trials must be the number of trials that the sampler proposes, got None"),
        (
            {"sampler": optuna.samplers.TPESampler()},
            r"sampler must have a seed, .*optuna.samplers.TPESampler\(seed=0\)",
        ),
        (
            {"sampler": "tpe"},
            r"sampler must be one of optuna.samplers, as optuna.samplers.TPESampler\(seed=0\); got 'tpe'",
        ),
        ({"pruner": "median"}, r"pruner must be one of optuna.pruners, as optuna.pruners.MedianPruner\(\); got"),
        ({"pruner": optuna.pruners.NopPruner(), "seeds": 2}, r"seeds must be one with a pruner"),
        ({"seed": 3}, r"seed has no effect with a sampler, which has its own"),
        ({"trials_per_round": 0}, r"trials_per_round must be a positive integer"),
        ({"retry_failed": True, "folder": "f"}, r"retry_failed has no effect with a sampler"),
        ({"space": {"hidden_size": stats.poisson(3)}}, r"must be uniform, loguniform or randint .*got poisson\(3\)"),
    ],
)
def test_wrong_arguments_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        swept(**options)


def test_a_distribution_of_optuna_needs_a_sampler():
    with pytest.raises(ValueError, match=r"space\['hidden_size'\] is .*which needs a sampler of Optuna: give sampler="):
        swept(space={"hidden_size": optuna.distributions.IntDistribution(2, 4)}, sampler=None)
