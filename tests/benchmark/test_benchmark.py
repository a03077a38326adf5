"""Benchmarks: counted operations, the tables, and that baselines run the same workloads; no run time is tested."""

import sys

import numpy as np
import pandas as pd
import pytest
from pairs import slow_but

from rnnbp import kernels
from rnnbp.benchmark import Benchmark, Epoch, Sequences, Static, growing, measure, run_benchmark
from rnnbp.benchmark.measure import TimedCall, best_times, blas_threads, peak_memory
from rnnbp.benchmark.report import exponents
from rnnbp.benchmark.rnnbp_kernels import CELLS, RnnbpKernels
from rnnbp.benchmark.run import BASELINES
from rnnbp.benchmark.workloads import GATES
from rnnbp.cli.main import main
from rnnbp.runtime import empty

TINY = Sequences("lstm", 2, 5, 3, 4)


@pytest.fixture(scope="module")
def found() -> Benchmark:
    """Benchmark every backend but the compiled ones, which take seconds to compile."""
    works = [TINY, Static((3, 4, 2), 5), Sequences("jordan", 2, 5, 3, 4)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(measure, "TURN", 0.0)
        patch.setitem(kernels.BACKENDS, "compiled", lambda cell, dtype: None)
        return run_benchmark(works, {"steps": growing("rnn", "steps", (2, 4))}, threads=[1, 2], seconds=0)


def test_operations_of_a_recurrent_layer_are_those_of_its_matrix_products():
    """LSTM, B = 2, T = 5, F = 3, H = 4: each step multiplies 7 x 16 forward, and 4 x 16 and 7 x 16 backward."""
    assert TINY.operations("forward") == 2 * 10 * 7 * 16
    assert TINY.operations("training") == 2 * 10 * (7 * 16 + 4 * 16 + 7 * 16)


def test_operations_of_a_perceptron_are_those_of_its_matrix_products():
    work = Static((3, 4, 2), 5)
    assert work.operations("forward") == 2 * 5 * (12 + 8)
    assert work.operations("training") == 2 * 5 * (2 * 12 + 3 * 8)


def test_the_table_has_a_row_for_each_backend_pass_and_number_of_threads(found):
    rows = found.table[found.table["workload"] == "lstm"]
    assert rows["library"].unique().tolist() == ["rnnbp (numpy)"]  # without the loop, as the cell has other kernels
    assert len(rows) == 2 * 2
    assert set(rows["threads"]) == {1, 2}
    assert (found.table["ms"] > 0).all()
    assert found.table.loc[found.table["workload"] == "jordan", "library"].unique().tolist() == ["rnnbp (loop)"]


def test_peak_fraction_is_relative_to_sgemm_with_as_many_threads(found):
    rows = found.table[found.table["gflops"] > 0]
    expected = [1e9 * row.gflops / found.peaks[row.threads] for row in rows.itertuples()]
    np.testing.assert_allclose(rows["peak_fraction"], expected)
    assert found.table.loc[found.table["workload"] == "jordan", "peak_fraction"].isna().all()


def test_summary_has_the_best_times_and_their_ratios(found):
    rows = pd.DataFrame(
        {"workload": "rnn", "batch": 1, "steps": 2, "inputs": 3, "hidden": 4, "pass": "training"}
        | {"library": ["rnnbp (numpy)", "rnnbp (numpy)", "torch", "torch"], "threads": [1, 2, 1, 2]}
        | {"ms": [4.0, 3.0, 6.0, 9.0], "gflops": [3.0, 4.0, 2.0, 1.0], "peak_mib": [1.0, 2.0, 5.0, 3.0]}
    )
    made = Benchmark.of(rows, pd.DataFrame(), {1: 10e9, 2: 20e9})
    (row,) = made.summary().to_dict("records")
    assert (row["rnnbp (numpy)"], row["torch"], row["times faster than torch"]) == (3.0, 6.0, 2.0)
    assert row["fraction of peak"] == pytest.approx(0.3)
    (memory,) = made.memory().to_dict("records")
    assert (memory["rnnbp (numpy)"], memory["torch"]) == (1.0, 3.0)


def test_exponents_are_the_slopes_in_log_log_coordinates(found):
    grown = pd.DataFrame(
        {"workload": "gru", "library": "a", "pass": "training", "grows": ["steps"] * 3 + ["hidden"] * 3}
        | {"steps": [10, 20, 40, 7, 7, 7], "hidden": [3, 3, 3, 10, 20, 40], "ms": [1, 2, 4, 1, 4, 16]}
    )
    assert exponents(grown).to_dict("records") == [{"workload": "gru", "library": "a", "steps": 1.0, "hidden": 2.0}]
    assert list(found.growth["workload"].unique()) == ["rnn"]


def test_report_is_printed_and_written(found, tmp_path):
    text = str(found)
    for part in ("GFLOP/s on 2 threads", "forward + backward", "peak memory", "growth", "mlp 3-4-2"):
        assert part in text
    found.write(tmp_path / "bench")
    assert len(pd.read_csv(tmp_path / "bench" / "bench.csv")) == len(found.table)
    assert (tmp_path / "bench" / "bench.png").read_bytes()[:4] == b"\x89PNG"


def test_timed_calls_take_turns():
    order = []
    calls = [TimedCall(lambda: order.append("a"), 1), TimedCall(lambda: order.append("b"), 2)]
    times = best_times(calls, lambda threads: order.append(threads), 0)
    turns = [item for item in order if isinstance(item, int)]
    assert turns == [1, 2] * (len(turns) // 2)
    assert len(turns) >= 8
    assert all(0 <= t < 1 for t in times)


def test_numbers_of_blas_threads_are_restored():
    import threadpoolctl

    def counts():
        return [library["num_threads"] for library in threadpoolctl.threadpool_info() if library["user_api"] == "blas"]

    before = counts()
    with blas_threads() as limit:
        limit(1)
        assert set(counts()) == {1}
    assert counts() == before


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_peak_memory_is_what_was_allocated():
    size = 2**25
    peak = peak_memory(lambda: np.ones(size // 8).sum())
    assert 0.97 * size <= peak < 1.5 * size  # Linux counts pages in batches


def test_pooled_memory_counts_in_peak_memory():
    size = 2**25

    def run():
        empty((size,), np.dtype(np.uint8))[:] = 1

    run()
    assert peak_memory(run) >= 0.97 * size


@pytest.mark.parametrize("cell", slow_but(["lstm", "jordan"], CELLS))
def test_every_cell_runs(cell):
    run = [RnnbpKernels(backend).sequences(Sequences(cell, 2, 3, 4, 5)) for backend in kernels.BACKENDS]
    assert any(run)
    for passes in filter(None, run):
        passes["training"]()


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.torch] * (name == "torch")) for name in BASELINES]
)
def test_baselines_run_the_same_workloads(name):
    """Their outputs have the shape of this package's; every pass runs."""
    pytest.importorskip(name)
    try:
        baseline = BASELINES[name]()
    except ImportError as error:
        pytest.skip(str(error))
    baseline.use_threads(1)
    for cell in GATES:
        passes = baseline.sequences(Sequences(cell, 2, 5, 3, 4))
        assert bool(passes) == (cell != "original gru")
        if passes:
            assert sorted(passes["forward"]().shape) == [2, 4, 5]
            passes["training"]()
    for passes in (baseline.static(Static((3, 4, 2), 5)), baseline.epoch(Epoch(hidden=2))):
        for run in passes.values():
            run()


def test_the_command_refuses_unknown_cells_and_threads(capsys):
    assert main(["bench", "--cells", "lsmt"]) == 2
    assert "--cells must be one of" in capsys.readouterr().err
    assert main(["bench", "--threads", "none"]) == 2
    assert "--threads must be a positive integer, got 'none'" in capsys.readouterr().err


@pytest.mark.slow
def test_the_command_prints_and_writes_the_tables(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr(measure, "TURN", 0.0)
    options = ["--quick", "--cells", "rnn", "--against", "none", "--seconds", "0", "--threads", "1"]
    assert main(["bench", *options, "--output", str(tmp_path)]) == 0
    assert "epoch of japanese-vowels" in capsys.readouterr().out
    assert (tmp_path / "growth.csv").exists()
