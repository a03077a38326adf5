"""Train networks that read aloud, and compare their scores with published ones."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from rnnbp.cli.arguments import add_quiet, add_seeds, add_target, add_workers
from rnnbp.cli.inputs import worker_count
from rnnbp.cli.output import write_table

if TYPE_CHECKING:
    import pandas as pd

EXAMPLE = "rnnbp nettalk held-out --data nettalk --seeds 3 --output report"

HIDDEN_UNITS = "none, 15, 30, 60, 80, 120, 80+80"
VARIANTS = "window-features, window, window-wide, bilstm, bilstm-ctc"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "table",
        choices=["1987", "held-out", "cmudict"],
        help="1987: the static network on common words and the whole dictionary; held-out: static and recurrent "
        "networks on held-out words; cmudict: the same without given alignments",
    )
    parser.add_argument(
        "--data",
        type=Path,
        metavar="PATH",
        help="NETtalk's folder, with nettalk.data and nettalk.list (default: downloaded); for cmudict a whole "
        "dictionary (default: bundled)",
    )
    parser.add_argument(
        "--variants",
        metavar="NAMES",
        help=f"comma-separated; 1987: hidden units, of {HIDDEN_UNITS}; else of {VARIANTS}",
    )
    add_seeds(parser, 3)
    parser.add_argument("--epochs", type=int, metavar="N", help="of each training (default: each variant's own)")
    add_workers(parser)
    add_target(parser, "--output", "DIR", "write tables there, and checkpoints, from which a second call resumes")
    add_quiet(parser)
    parser.set_defaults(checkpoint_option=("output", "DIR"))


def run(options: argparse.Namespace) -> None:
    from rnnbp.applications.nettalk import tables

    checkpoints = None if options.output is None else options.output / f"{options.table}-checkpoints"
    runs = tables.Runs(options.seeds, worker_count(options), checkpoints, options.epochs, not options.quiet)
    variants = [] if options.variants is None else [options.variants.split(",")]
    if options.table == "1987":
        table, curves = tables.nettalk_1987(options.data, runs, *variants)
    else:
        compare = {"held-out": tables.nettalk_held_out, "cmudict": tables.cmudict_held_out}[options.table]
        table, curves = compare(options.data, runs, *variants), None
    print(_percent(table).to_string(index=False, na_rep="-"))
    if options.output is not None:
        write_table(table, options.output / f"{options.table}.csv")
        if curves is not None:
            write_table(curves, options.output / "1987-curves.csv")


def _percent(table: "pd.DataFrame") -> "pd.DataFrame":
    """Format fractions as percentages for printing."""
    plain = table.select_dtypes("float").columns.difference(["seconds", "parameters"])
    shown = table.assign(**{name: (100 * table[name]).round(2) for name in plain})
    return shown.assign(**{name: shown[name].round() for name in ("seconds",) if name in shown})
