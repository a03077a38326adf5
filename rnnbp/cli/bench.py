"""Time recurrent layers, static networks and an epoch, or with --suite all the rest, beside other libraries."""

import argparse
import sys

from rnnbp import benchmark
from rnnbp.cli.arguments import add_target

EXAMPLE = "rnnbp bench --quick --output bench"

DEFAULT_THREADS = "1,2"
DEFAULT_CELLS = "rnn,lstm,gru,original gru"
CELL_NAMES = "rnn, lstm, gru, original gru, jordan, leaky elman, lif, alif"
LIBRARY_NAMES = "torch, jax, keras"
SECTION_NAMES = "latency, online, fixed_points, readers, static, busy"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--suite", nargs="?", const="all", metavar="SECTIONS",
        help=f"instead: contests beside the peers that are installed, of {SECTION_NAMES}, or all (the default)",
    )  # fmt: skip
    parser.add_argument(
        "--reservoirs", action="store_true", help="instead: echo-state networks beside reservoirpy, errors and times"
    )
    parser.add_argument(
        "--mpi", dest="runs_in_ranks", action="store_true",
        help="instead, by mpiexec -n N rnnbp bench --mpi: data-parallel training on 1 to N processes, a model of more",
    )  # fmt: skip
    parser.add_argument("--quick", action="store_true", help="about a minute: three sizes, only against PyTorch")
    parser.add_argument(
        "--cells", default=DEFAULT_CELLS, metavar="NAMES", help=f"of {CELL_NAMES}, or all (default: {DEFAULT_CELLS})"
    )
    parser.add_argument(
        "--against", metavar="NAMES", help=f"of {LIBRARY_NAMES}, or none (default: those that are installed)"
    )
    parser.add_argument(
        "--threads", default=DEFAULT_THREADS, metavar="N,N", help=f"numbers of threads (default: {DEFAULT_THREADS})"
    )
    parser.add_argument("--seconds", type=float, metavar="S", help="for each workload (default: 3; with --quick 0.8)")
    add_target(parser, "--output", "DIR", "write three tables and bench.png; two tables of --suite or --reservoirs")


def run(options: argparse.Namespace) -> None:
    if options.runs_in_ranks:
        _run_ranks(options)
    elif options.reservoirs:
        _run_reservoirs(options)
    else:
        (_run_layers if options.suite is None else _run_suite)(options)


def _run_ranks(options: argparse.Namespace) -> None:
    from rnnbp.benchmark.ranks import all_reduce_times, measured_and_predicted
    from rnnbp.training.parallel import world

    _check_defaults(options, "--mpi")
    if options.suite is not None or options.reservoirs or options.seconds is not None or options.output is not None:
        raise ValueError(
            "--suite, --reservoirs, --seconds and --output are of the other benchmarks: leave them out, or --mpi"
        )
    comm = world()
    if comm is None:
        raise ValueError("--mpi measures several processes: start it by mpiexec -n 2 rnnbp bench --mpi")
    print(f"all-reduce on {comm.size} processes:\n{all_reduce_times(comm).to_string(index=False)}")
    for hidden_size in (32,) if options.quick else (32, 128, 512):
        found = measured_and_predicted(comm, hidden_size, batch_size=64)
        print(f"\nLSTM of {hidden_size} units, batches of 64 x 50 steps:\n{found.round(3).to_string(index=False)}")
    print(
        "\nRows 'model' are not measured: the time of one process divided by N, plus an all-reduce of "
        "alpha log2(N) + beta bytes 2 (N - 1) / N, alpha and beta fitted to the first table (Thakur et al. 2005). It "
        "holds where more processes have cores and a network as those measured, and a step's time falls as 1 / N."
    )


def _run_reservoirs(options: argparse.Namespace) -> None:
    from rnnbp.benchmark.reservoirs import run_reservoirs
    from rnnbp.runtime.tables import write_tables

    if options.suite is not None or options.seconds is not None:
        raise ValueError("--suite and --seconds are of the other benchmarks: leave them out, or --reservoirs")
    _check_defaults(options, "--reservoirs")
    seeds = range(1 if options.quick else 5)
    results = run_reservoirs(seeds, progress=lambda line: print(line, file=sys.stderr))
    print(results)
    if options.output is not None:
        write_tables(options.output, {"reservoirs": results.runs, "reservoirs_table": results.table()}, digits=4)
        print(f"written: {options.output / 'reservoirs_table.csv'}")


def _check_defaults(options: argparse.Namespace, instead: str) -> None:
    """Raise if an argument of the layers' benchmark is given."""
    for name, default in (("cells", DEFAULT_CELLS), ("against", None), ("threads", DEFAULT_THREADS)):
        if getattr(options, name) != default:
            raise ValueError(f"--{name} is of the layers' benchmark: leave it out, or {instead}")


def _run_suite(options: argparse.Namespace) -> None:
    from rnnbp.benchmark.suite.run import SECTIONS, run_suite

    _check_defaults(options, "--suite")
    sections = SECTIONS if options.suite == "all" else _names(options.suite, "--suite", list(SECTIONS))
    seconds = options.seconds if options.seconds is not None else 0.5 if options.quick else 2.0
    results = run_suite(sections, seconds, progress=lambda line: print(line, file=sys.stderr))
    print(results)
    if options.output is not None:
        results.write(options.output)
        print(f"written: {options.output / 'suite.csv'}")


def _run_layers(options: argparse.Namespace) -> None:
    from rnnbp.benchmark.rnnbp_kernels import CELLS
    from rnnbp.benchmark.run import BASELINES, installed
    from rnnbp.runtime import thread_count

    cells = list(CELLS) if options.cells == "all" else _names(options.cells, "--cells", list(CELLS))
    if options.against is None:
        against = installed(["torch"] if options.quick else BASELINES)
    else:
        against = [] if options.against == "none" else _names(options.against, "--against", list(BASELINES))
    threads = [thread_count("--threads", int(n) if n.strip().isdecimal() else n) for n in options.threads.split(",")]
    grid = benchmark.QUICK if options.quick else benchmark.GRID
    sequences = [benchmark.Sequences(cell, *sizes) for cell in cells for sizes in grid]
    report = benchmark.run_benchmark(
        [*sequences, *benchmark.MLPS, benchmark.Epoch()],
        _growth(cells[:2] if options.quick else cells, 3 if options.quick else 1),
        against=against,
        threads=threads,
        seconds=options.seconds if options.seconds is not None else 0.8 if options.quick else 3.0,
        progress=lambda line: print(line, file=sys.stderr),
    )
    print(report)
    if options.output is not None:
        report.write(options.output)
        print(f"written: {options.output / 'bench.png'}")


def _names(given: str, option: str, known: list[str]) -> list[str]:
    from rnnbp.runtime import choice

    return [choice(option, name.strip(), known) for name in given.split(",") if name.strip()]


def _growth(cells: list[str], every: int) -> "dict[str, list[benchmark.Sequences]]":
    """Return the workloads that vary one size, by the name of the size, with `every` n-th of its values."""
    return {
        size: [work for cell in cells for work in benchmark.growing(cell, size, values[::every])]
        for size, values in benchmark.GROWTH.items()
    }
