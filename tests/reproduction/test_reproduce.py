"""Tables computed again, beside the published and the recorded figures."""

import math
from dataclasses import replace

import pandas as pd
import pytest

import rnnbp
from rnnbp import reproduction
from rnnbp.benchmark import checkpointing
from rnnbp.benchmark.reservoirs import COLUMNS, ReservoirResults
from rnnbp.benchmark.suite.run import SuiteResults
from rnnbp.comparison import Report, SuiteReport
from rnnbp.reproduction import comparison_tables, nettalk_tables, speed_tables
from rnnbp.reproduction.catalog import REPRODUCTIONS
from rnnbp.reproduction.side_by_side import Measured, Reproduction, Settings, printed, side_by_side, write_figures

QUIET = Settings(2, progress=False)


def figure(row, column, value, unit="%", table="mnist-1d"):
    return Measured(table, row, column, value, unit).figure(f"rnnbp reproduce {table}", "9.9")


def cells(measured):
    return {(one.table, one.row, one.column): one.value for one in measured}


def report(scores, metric="accuracy"):
    """Return the report of models with two seeds, by model: kind and scores."""
    rows = [
        {"model": model, "kind": kind, "parameters": 100, "seed": seed, "train": 1.0, "test": score, "seconds": 2.0}
        | {"inference_ms": 1.0, "gradient_norm": 1.0}
        for model, (kind, both) in scores.items()
        for seed, score in enumerate(both)
    ]
    curve = {"run": "fold 0", "epoch": 1, "seconds": 1.0}
    curves = [{"model": model, f"validation_{metric}": both[0], **curve} for model, (_, both) in scores.items()]
    return Report(pd.DataFrame(rows), pd.DataFrame(curves), metric)


def test_new_figures_are_beside_the_published_and_the_recorded_ones():
    table = side_by_side(
        [figure("120; all others, unseen", "squared error", 77.0, table="nettalk-1987")], "nettalk-1987"
    )
    assert table.columns.tolist() == ["unit", "published", "recorded", "new"]
    assert table.loc[("squared error", "120; all others, unseen")].tolist() == ["%", 77.0, 76.8, 77.0]
    assert math.isnan(table.loc[("squared error", "none; common, 55 passes"), "new"])
    assert "cross entropy" not in table.index.get_level_values("column"), "no new figures of it"


def test_new_rows_and_tables_are_shown_without_others_beside_them():
    table = side_by_side([figure("LSTM", "shuffled", 50.0)], "mnist-1d")
    assert table.index[-1] == ("shuffled", "LSTM")
    unknown = side_by_side([figure("a", "b", 1.0, table="not there")], "not there")
    assert unknown["new"].tolist() == [1.0]


def test_what_is_printed_has_a_block_for_each_column_and_dashes_for_what_is_missing():
    text = printed(
        [figure("GRU", "MNIST-1D", 97.5), figure("GRU", "time", 1.5, "s"), figure("GRU", "kind", "recurrent")]
    )
    first, second = text.split("\n\n")
    assert first.splitlines()[0].split() == ["mnist-1d:", "MNIST-1D,", "%", "published", "recorded", "new"]
    assert first.splitlines()[4].split()[:2] == ["GRU", "91.00"]
    assert first.splitlines()[4].split()[-1] == "97.50"
    assert second.splitlines()[-1].split() == ["GRU", "-", "-", "1.5"]


@pytest.mark.parametrize(
    ("value", "unit", "shown"),
    [
        (97.456, "%", "97.46"),
        (28233, "", "28233"),
        (0.00002, "", "2e-05"),
        (1234.5, "ms", "1230"),
        (0.1084, "ms", "0.108"),
    ],
)
def test_a_new_figure_has_the_digits_of_its_unit(value, unit, shown):
    assert figure("GRU", "shuffled", value, unit).value == shown


def test_written_figures_replace_the_recorded_ones_and_nothing_else(tmp_path):
    path = tmp_path / "figures.csv"
    header = "table,row,column,value,unit,origin,source,version\n"
    lines = [
        "a,,,r,text,heading,,",
        "a,x,c,1,%,published,P,",
        "a,x,c,2,%,recorded,rnnbp a,0.1",
        "b,x,c,3,%,recorded,B,0.1",
    ]
    path.write_text(header + "\n".join(lines) + "\n", encoding="utf-8")
    write_figures(path, [figure("x", "c", 5.0, table="a"), figure("y", "c", 6.0, table="a")])
    kept = path.read_text(encoding="utf-8").splitlines()[1:]
    assert kept[:2] == lines[:2]
    assert kept[2:4] == ["a,x,c,5.00,%,recorded,rnnbp reproduce a,9.9", "a,y,c,6.00,%,recorded,rnnbp reproduce a,9.9"]
    assert kept[4:] == lines[3:]


def test_a_file_that_has_no_figures_is_not_overwritten(tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text("my,data\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"mine\.csv, line 1: the columns must be table, row, .*, got my, data"):
        write_figures(path, [figure("x", "c", 5.0)])
    assert path.read_text(encoding="utf-8") == "my,data\n"


def test_every_reproduction_is_of_a_table_that_can_be_named():
    assert reproduction.reproductions()["name"].tolist() == list(REPRODUCTIONS)
    assert {"nettalk-1987", "spoken-digits", "speakers", "japanese-vowels", "mnist-1d", "speed"} <= set(REPRODUCTIONS)
    with pytest.raises(ValueError, match=r"table must be one of .*; got 'mnist1d'\. Did you mean 'mnist-1d'\?"):
        reproduction.reproduce("mnist1d")


def test_reproduced_figures_name_their_command_and_version(monkeypatch):
    found = replace(REPRODUCTIONS["mnist-1d"], run=lambda settings: [Measured("mnist-1d", "GRU", "shuffled", 50.0)])
    monkeypatch.setitem(REPRODUCTIONS, "mnist-1d", found)
    (one,) = reproduction.reproduce("mnist-1d")
    assert (one.source, one.version, one.origin) == (
        "rnnbp reproduce mnist-1d --seeds 5",
        rnnbp.__version__,
        "recorded",
    )
    assert reproduction.reproduce("mnist-1d", QUIET)[0].source.endswith("--seeds 2")


def test_a_new_table_is_written_with_its_heading_once(monkeypatch, tmp_path):
    found = replace(REPRODUCTIONS["suite"], run=lambda settings: [Measured("a new one", "adding", "static", 50.0)])
    monkeypatch.setitem(REPRODUCTIONS, "suite", found)
    figures = reproduction.reproduce("suite", QUIET)
    assert printed(figures).splitlines()[1].split() == ["adding", "-", "-", "50.00"]
    for _ in range(2):
        write_figures(tmp_path / "figures.csv", figures)
    lines = (tmp_path / "figures.csv").read_text(encoding="utf-8").splitlines()[1:]
    assert lines[0] == "a new one,,,task,text,heading,,"
    assert len(lines) == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["seeds"], "--seeds has no effect on the reproduction of times; it takes --data: leave it out"),
        (["data", "checkpoints"], "--checkpoints has no effect on the reproduction of times"),
    ],
)
def test_options_without_effect_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        Reproduction("times", "1 min", "-", lambda settings: [], None, takes_data=True, resumes=False).check(options)


def test_a_comparison_gives_the_columns_of_its_table(monkeypatch):
    seen = {}

    def compare(models, train, test, **options):
        seen.update(options, models=list(models))
        return report({"elman": ("recurrent", [0.5, 0.7])})

    monkeypatch.setattr(comparison_tables, "compare", compare)
    found = cells(comparison_tables.japanese_vowels(QUIET))
    recorded = reproduction.table("japanese-vowels")["recorded"].dropna()
    assert seen["models"] == list(dict.fromkeys(recorded.index.get_level_values("row")))
    assert (seen["seeds"], seen["epochs"], seen["checkpoints"]) == (2, 25, None)
    assert found["japanese-vowels", "elman", "test"] == pytest.approx(60)
    assert found["japanese-vowels", "elman", "cross-validation"] == pytest.approx(50)
    assert found["japanese-vowels", "elman", "kind"] == "recurrent"
    assert found["japanese-vowels", "elman", "parameters"] == 100


def test_the_networks_of_mnist_1d_are_in_the_rows_of_the_published_ones(monkeypatch):
    def suite(models, tasks, seeds, **options):
        assert all("logistic regression" in task.models for task in tasks.values())
        scores = {"mlp": ("static", [0.5, 0.5]), "gru": ("recurrent", [0.9, 0.9])}
        return SuiteReport(dict.fromkeys(tasks, report(scores)))

    monkeypatch.setattr(comparison_tables, "compare_suite", suite)
    found = cells(comparison_tables.mnist_1d(QUIET))
    published = reproduction.table("mnist-1d").index
    assert found["mnist-1d", "GRU", "shuffled"] == pytest.approx(90)
    assert {("MLP", "MNIST-1D"), ("GRU", "shuffled")} <= set(published)


def test_the_suite_gives_the_best_of_each_kind_and_their_margin(monkeypatch):
    vowels = {"a": ("static", [0.5, 0.52]), "b": ("static", [0.6, 0.62]), "c": ("recurrent", [0.9, 0.9])}
    reports = {"vowels": report(vowels), "spots": report({"d": ("recurrent", [0.8, 0.9])}, "r2")}
    memory = {"vowels": pd.DataFrame({"lag": [0, 1], "share": [0.5, 0.5]})}
    monkeypatch.setattr(comparison_tables, "compare_suite", lambda *given, **options: SuiteReport(reports, memory))
    found = {(one.row, one.column): (one.value, one.unit) for one in comparison_tables.suite(QUIET)}
    assert found["vowels", "static"] == (pytest.approx(61), "%")
    assert found["vowels", "recurrent - static"] == (pytest.approx(29), "%")
    assert found["vowels", "memory, steps"] == (1, "")
    assert found["spots", "recurrent"] == (pytest.approx(0.85), "")
    assert ("spots", "static") not in found


def test_figures_of_1987_are_in_the_rows_of_the_published_ones(monkeypatch):
    rows = [("none", "squared error", "common", 55, 0.8), ("120", "cross entropy", "dictionary", 5, 0.9)]
    table = pd.DataFrame(rows, columns=["hidden", "error", "words", "pass", "phonemes"])
    monkeypatch.setattr(nettalk_tables, "nettalk_1987", lambda data, runs, hidden: (table, None))
    found = cells(nettalk_tables.of_1987(QUIET))
    assert {key[1:] for key in found} <= set(reproduction.table("nettalk-1987").index)
    assert found["nettalk-1987", "120; whole dictionary, five passes", "cross entropy"] == 90


@pytest.mark.parametrize("name", ["nettalk-held-out", "nettalk-cmudict"])
def test_error_rates_of_words_are_in_the_recorded_rows(monkeypatch, name):
    names = ["window", "bilstm", "bilstm, 3 averaged"]
    table = pd.DataFrame({"name": names, **dict.fromkeys(nettalk_tables.SCORES, 0.1)})
    for function in ("nettalk_held_out", "cmudict_held_out"):
        monkeypatch.setattr(nettalk_tables, function, lambda data, runs, variants: table)
    found = cells(REPRODUCTIONS[name].run(QUIET))
    assert {key[1:] for key in found} <= set(reproduction.table(name).index)
    assert len(found) == 12


def test_speakers_have_rows_for_both_numbers_of_views(monkeypatch):
    train = rnnbp.SequenceDataset([[[0.0]], [[0.0]]], targets=[0, 1], info=pd.DataFrame({"speaker": ["ann", "bob"]}))
    monkeypatch.setattr(comparison_tables.datasets, "load", lambda name, **options: (train, None))
    folders = []

    def left_out(load, speakers, models, *, checkpoints, **options):
        folders.append(checkpoints)
        names = [f"{model}{suffix}" for model in models for suffix in ("", ", 2 averaged")]
        return pd.DataFrame([{"model": name, "speaker": s, "test": 0.5} for name in names for s in speakers])

    monkeypatch.setattr(comparison_tables.spoken_digits, "leave_one_speaker_out", left_out)
    found = cells(comparison_tables.speakers(QUIET))
    assert {row for _, row, _ in found} == {
        f"{network}{views}{averaged}"
        for network in ("bigru", "conv-gru")
        for views in ("", ", seven views")
        for averaged in ("", ", 2 averaged")
    }
    assert len(set(folders)) == 1, "the networks are trained once"


def test_missing_data_is_a_clear_error(monkeypatch, tmp_path):
    monkeypatch.setenv("RNNBP_DATA", str(tmp_path))
    monkeypatch.setenv("RNNBP_OFFLINE", "1")
    for name in ("spoken-digits", "speakers", "nettalk-1987", "nettalk-held-out"):
        with pytest.raises(FileNotFoundError, match="give the path of a copy, by path= or --data"):
            reproduction.reproduce(name, QUIET)


def test_contests_with_peers_are_times_in_a_readable_unit(monkeypatch):
    rows = [
        ("online", "RTRL", "rnnbp", 5000.0),
        ("online", "RTRL", "JAX", 8000.0),
        ("latency", "a step", "rnnbp", 50.0),
    ]
    times = pd.DataFrame(rows, columns=["section", "workload", "library", "us"])
    monkeypatch.setattr(speed_tables, "run_suite", lambda progress: SuiteResults(times))
    found = {(one.row, one.column): (one.value, one.unit) for one in speed_tables.peers(QUIET)}
    assert found["RTRL", "here"] == (5.0, "ms")
    assert found["RTRL", "peer / here"] == (1.6, "")
    assert found["a step", "here"] == (50.0, "µs")
    assert ("a step", "best peer") not in found


def test_reservoirs_have_a_score_and_a_time_for_each_library(monkeypatch):
    rows = [("NARMA-10, NRMSE", library, seed, 0.2, 0.1) for library in ("rnnbp", "reservoirpy") for seed in (0, 1)]
    results = ReservoirResults(pd.DataFrame(rows, columns=COLUMNS))
    monkeypatch.setattr(speed_tables, "run_reservoirs", lambda seeds, progress: results)
    found = {(one.row, one.column): (one.value, one.unit) for one in speed_tables.reservoirs(QUIET)}
    assert found["NARMA-10, NRMSE", "reservoirpy"] == (pytest.approx(0.2), "")
    assert found["NARMA-10, NRMSE", "rnnbp, seconds"] == (0.1, "s")


def test_layers_are_in_the_recorded_rows(monkeypatch):
    sizes = [("lstm", "training", 1, 100, 13, 32), ("mlp 784-512-512-10", "training", 32, 1, 784, 512)]
    sizes += [("epoch of japanese-vowels", "epoch", 16, 26, 12, 64), ("lstm", "forward", 1, 100, 13, 32)]
    rows = [(*size, library, 2.0) for size in sizes for library in ("rnnbp (compiled)", "rnnbp (numpy)", "torch")]
    columns = ["workload", "pass", "batch", "steps", "inputs", "hidden", "library", "ms"]
    bench = type("Bench", (), {"table": pd.DataFrame(rows, columns=columns)})
    monkeypatch.setattr(speed_tables, "run_benchmark", lambda works, **options: bench)
    found = list(speed_tables.layers(QUIET))
    recorded = {(name, *cell) for name in ("speed", "speed-epoch") for cell in reproduction.table(name).index}
    assert len(found) == 9
    assert {key for key in cells(found) if "784" not in key[1] or key[2] != "NumPy"} <= recorded


def test_checkpointing_costs_forward_steps_as_in_the_closed_form(monkeypatch):
    pytest.importorskip("threadpoolctl")
    for name, chosen in (("FINE_SLOTS", (5,)), ("SLOTS", (2,)), ("BUDGETS", (0.9,))):
        monkeypatch.setattr(checkpointing, name, chosen)
    fine, coarse, budget = checkpointing.run_checkpointing((96, 2, 3, 4), seconds=0)
    assert (fine.algorithm, coarse.algorithm) == ("slots=5, block=1", "slots=2")
    for cost in (fine, coarse):
        assert cost.evaluations == pytest.approx(cost.optimal, rel=0.01)
        assert cost.stored < 1
    assert math.isnan(budget.optimal)
    assert all(cost.time > 0 and cost.allocated > 0 for cost in (fine, coarse, budget))
