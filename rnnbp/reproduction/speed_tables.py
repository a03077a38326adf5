"""Tables of run times and memory, measured again; they depend on the machine, and on what else it does."""

import sys
from collections.abc import Iterator

import numpy as np

from rnnbp.benchmark import GRID, MLPS, Epoch, Sequences, run_benchmark
from rnnbp.benchmark.checkpointing import run_checkpointing
from rnnbp.benchmark.reservoirs import run_reservoirs
from rnnbp.benchmark.run import installed
from rnnbp.benchmark.suite.run import run_suite
from rnnbp.reproduction.side_by_side import Measured, Settings

CELLS = {"lstm": "LSTM", "gru": "GRU", "rnn": "Elman"}
SECONDS = 3.0  # for each workload
COLUMNS = {"rnnbp (compiled)": "compiled", "rnnbp (numpy)": "NumPy", "torch": "PyTorch"}
SIZES = ("workload", "batch", "steps", "inputs", "hidden")
UNITS = {"ms": 1e3, "µs": 1.0}  # microseconds in one


def layers(settings: Settings) -> Iterator[Measured]:
    """Time recurrent layers, static networks and an epoch beside PyTorch, where it is installed."""
    rows = {(cell, *sizes): f"{name}; {', '.join(map(str, sizes))}" for cell, name in CELLS.items() for sizes in GRID}
    works = [Sequences(*key) for key in rows]
    mlps = [work for work in MLPS if len(work.widths) == 4]
    bench = run_benchmark(
        [*works, *mlps, Epoch()],
        against=installed(["torch"]),
        seconds=SECONDS,
        memory=False,
        progress=lambda line: _note(settings, line),
    )
    times = bench.table[bench.table["pass"].isin(["training", "epoch"])]
    best = times.groupby([*SIZES, "library"], sort=False)["ms"].min().reset_index()
    for cell in best.to_dict("records"):
        table, row = "speed", rows.get(tuple(cell[size] for size in SIZES))
        if row is None:
            table, row = "speed-epoch", f"{cell['workload'].removeprefix('mlp ')}, batches of {cell['batch']}"
        yield Measured(table, row, COLUMNS.get(cell["library"], cell["library"]), cell["ms"], "ms")


def peers(settings: Settings) -> Iterator[Measured]:
    """Time the contests beside the peers that are installed."""
    results = run_suite(progress=lambda line: _note(settings, line)).table()
    for row in results.to_dict("records"):
        workload = row["workload"]
        yield _time("speed-peers", workload, "here", row["rnnbp_us"])
        if np.isfinite(row["ratio"]):
            yield _time("speed-peers", workload, "best peer", row["peer_us"])
            yield Measured("speed-peers", workload, "which is", row["peer"])
            yield Measured("speed-peers", workload, "peer / here", row["ratio"], "")


def _time(table: str, row: str, column: str, microseconds: float) -> Measured:
    unit = "ms" if microseconds >= 1000 else "µs"
    return Measured(table, row, column, microseconds / UNITS[unit], unit)


def checkpointing(settings: Settings) -> Iterator[Measured]:
    """Measure checkpointed BPTT over 1,000 steps; forward steps and stored memory do not depend on the machine."""
    for cost in run_checkpointing(seconds=SECONDS, progress=lambda line: _note(settings, line)):
        for column, value in (
            ("forward steps a step", cost.evaluations),
            ("time", cost.time),
            ("memory stored", cost.stored),
            ("memory allocated", cost.allocated),
        ):
            yield Measured("checkpointing", cost.algorithm, column, value, "")


def reservoirs(settings: Settings) -> Iterator[Measured]:
    """Fit echo-state networks of the same weights here and in reservoirpy, where it is installed."""
    results = run_reservoirs(range(settings.seeds), progress=lambda line: _note(settings, line)).table()
    for row in results.to_dict("records"):
        yield Measured("reservoirs", row["task"], row["library"], row["score"], "")
        yield Measured("reservoirs", row["task"], f"{row['library']}, seconds", row["seconds"], "s")


def _note(settings: Settings, line: str) -> None:
    if settings.progress:
        print(line, file=sys.stderr)
