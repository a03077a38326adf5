"""The suite of benchmarks: its table, its sections, its command."""

from importlib import import_module

import pandas as pd
import pytest

from rnnbp.benchmark.measure import blas_threads
from rnnbp.benchmark.suite.base import Contest
from rnnbp.benchmark.suite.run import SECTIONS, SuiteResults, run_suite, timed
from rnnbp.cli.main import main
from rnnbp.runtime import get_num_threads, set_num_threads, threads_as_before

pytest.importorskip("threadpoolctl")


def results():
    rows = [
        ("readers", "files", "rnnbp, NumPy", 40.0),
        ("readers", "files", "rnnbp", 20.0),
        ("readers", "files", "fast", 10.0),
        ("readers", "files", "slow", 80.0),
        ("online", "alone", "rnnbp", 5.0),
    ]
    return SuiteResults(pd.DataFrame(rows, columns=["section", "workload", "library", "us"]))


def test_the_table_has_the_best_peer_and_its_time_relative_to_the_packages_best():
    table = results().table().set_index("workload")
    assert table.loc["files", ["rnnbp_us", "peer", "peer_us", "ratio"]].tolist() == [20.0, "fast", 10.0, 0.5]
    assert table.loc["alone", "rnnbp_us"] == 5.0
    assert table.loc["alone", ["peer", "ratio"]].isna().all()


def test_results_are_written(tmp_path):
    results().write(tmp_path / "new")
    assert len(pd.read_csv(tmp_path / "new" / "suite.csv")) == 5
    assert pd.read_csv(tmp_path / "new" / "suite_table.csv")["ratio"].tolist()[0] == 0.5


def test_times_are_those_of_one_of_several_steps_on_one_thread():
    threads = []

    def run():
        threads.append(get_num_threads())
        return sum(range(100_000))

    with threads_as_before(), blas_threads() as limit:
        (one,), (hundredth,) = (timed(Contest("sum", {"rnnbp": run}, per), limit, 0.05) for per in (1, 100))
    assert set(threads) == {1}
    assert 20 < one["us"] / hundredth["us"] < 500


def test_a_contest_about_threads_has_the_default_number():
    threads = []
    with threads_as_before(), blas_threads() as limit:
        set_num_threads(3)
        timed(Contest("count", {"rnnbp": lambda: threads.append(get_num_threads())}, one_thread=False), limit, 0)
        set_num_threads(None)
        assert set(threads) == {get_num_threads()}


@pytest.mark.slow
@pytest.mark.parametrize("section", SECTIONS)
def test_the_first_contest_of_each_section_runs(section):
    """Its runs compute the same, which a section checks before it yields a contest."""
    contest = next(iter(import_module(f"rnnbp.benchmark.suite.{section}").contests()))
    assert next(iter(contest.runs)).startswith("rnnbp")
    for run in contest.runs.values():
        run()


def test_an_unknown_section_is_refused():
    with pytest.raises(ValueError, match=r"section must be .*'latency'.* got 'latenzy'"):
        run_suite(["latenzy"])


@pytest.mark.parametrize("option", ["--cells rnn", "--against none", "--threads 1"])
def test_options_of_the_layers_benchmark_are_refused(option, capsys):
    assert main(["bench", "--suite", "online", *option.split()]) == 2
    assert "leave it out, or --suite" in capsys.readouterr().err
