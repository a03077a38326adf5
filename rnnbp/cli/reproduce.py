"""Compute a table again, published, recorded and new figures side by side; without a name, list the tables."""

import argparse
from pathlib import Path

from rnnbp.cli.arguments import add_quiet, add_target, add_workers
from rnnbp.cli.inputs import worker_count

EXAMPLE = "rnnbp reproduce mnist-1d --seeds 3 --output new.csv"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("table", metavar="NAME", nargs="?", help="a table (default: list all, with their run times)")
    parser.add_argument("--seeds", type=int, metavar="N", help="number of seeds (default: as recorded)")
    parser.add_argument("--data", type=Path, metavar="PATH", help="where the data is (default: downloaded)")
    add_target(parser, "--checkpoints", "DIR", "write checkpoints there; a second call resumes from them")
    add_workers(parser)
    add_target(
        parser,
        "--output",
        "FILE",
        "write the new figures, in the columns of data/figures.csv; in such a file, in place of the recorded ones",
    )
    add_quiet(parser)


def run(options: argparse.Namespace) -> None:
    from rnnbp import reproduction
    from rnnbp.reproduction.catalog import reproduction as found
    from rnnbp.reproduction.side_by_side import Settings, printed, write_figures

    if options.table is None:
        print(reproduction.reproductions().to_string(index=False))
        return
    one = found(options.table)
    if one.resumes:
        options.checkpoint_option = ("checkpoints", "DIR")
    one.check(name for name in ("seeds", "data", "checkpoints") if getattr(options, name) is not None)
    seeds = (one.seeds or 1) if options.seeds is None else options.seeds
    settings = Settings(seeds, options.data, options.checkpoints, worker_count(options), not options.quiet)
    figures = reproduction.reproduce(options.table, settings)
    print(printed(figures))
    if options.output is not None:
        write_figures(options.output, figures)
        print(f"written: {options.output}")
