"""`rnnbp bench`: benchmark of this package against others on the same machine."""

import argparse
import sys
from collections.abc import Sequence

from rnnbp.benchmark import GRID, GROWTH, MLPS, QUICK, Epoch, Sequences, growing, run_benchmark
from rnnbp.benchmark.rnnbp_kernels import CELLS
from rnnbp.benchmark.run import BASELINES, installed
from rnnbp.cli.arguments import Commands, add_target, command
from rnnbp.runtime import choice, thread_count

RECURRENT = "rnn,lstm,gru,original gru"


def add_bench(commands: Commands) -> None:
    """Add the `bench` command."""
    added = command(
        commands,
        "bench",
        "Time recurrent layers, static nets and an epoch of training, beside other libraries in turns.",
        "rnnbp bench --quick --output bench",
    )
    added.add_argument("--quick", action="store_true", help="about a minute: three sizes, only against PyTorch")
    added.add_argument(
        "--cells", default=RECURRENT, metavar="NAMES", help=f"of {', '.join(CELLS)}, or all (default: {RECURRENT})"
    )
    added.add_argument(
        "--against", metavar="NAMES", help=f"of {', '.join(BASELINES)}, or none (default: those that are installed)"
    )
    added.add_argument("--threads", default="1,2", metavar="N,N", help="how many (default: 1,2)")
    added.add_argument("--seconds", type=float, metavar="S", help="for each workload (default: 3; with --quick 0.8)")
    add_target(added, "--output", "DIR", "write three tables and bench.png")
    added.set_defaults(run=_bench)


def _names(given: str, option: str, among: list[str]) -> list[str]:
    return [choice(option, name.strip(), among) for name in given.split(",") if name.strip()]


def _bench(options: argparse.Namespace) -> None:
    names = list(CELLS) if options.cells == "all" else _names(options.cells, "--cells", list(CELLS))
    if options.against is None:
        against = installed(["torch"] if options.quick else BASELINES)
    else:
        against = [] if options.against == "none" else _names(options.against, "--against", list(BASELINES))
    threads = [thread_count("--threads", int(n) if n.strip().isdecimal() else n) for n in options.threads.split(",")]
    found = run_benchmark(
        [*_workloads(names, QUICK if options.quick else GRID), *MLPS, Epoch()],
        _growth(names[:2] if options.quick else names, 3 if options.quick else 1),
        against=against,
        threads=threads,
        seconds=options.seconds if options.seconds is not None else 0.8 if options.quick else 3.0,
        progress=lambda line: print(line, file=sys.stderr),
    )
    print(found)
    if options.output is not None:
        found.write(options.output)
        print(f"written: {options.output / 'bench.png'}")


def _workloads(cells: list[str], grid: Sequence[tuple[int, int, int, int]]) -> list[Sequences]:
    return [Sequences(cell, *sizes) for cell in cells for sizes in grid]


def _growth(cells: list[str], every: int) -> dict[str, list[Sequences]]:
    """Return the workloads that vary one size, by the name of the size, with `every` n-th of its values."""
    return {
        size: [work for cell in cells for work in growing(cell, size, values[::every])]
        for size, values in GROWTH.items()
    }
