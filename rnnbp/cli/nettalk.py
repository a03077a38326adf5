"""`rnnbp nettalk`: the NETtalk experiments, letters to phonemes, from the command line."""

import argparse
from pathlib import Path

import pandas as pd

from rnnbp.applications.nettalk import tables
from rnnbp.cli.arguments import Commands, add_target, add_workers, command
from rnnbp.runtime import replacing


def add_nettalk(commands: Commands) -> None:
    """Add the `nettalk` command."""
    added = command(
        commands,
        "nettalk",
        "Train networks that read aloud, and compare their scores with published ones.",
        "rnnbp nettalk held-out --data nettalk --seeds 3 --output report",
    )
    added.add_argument(
        "table",
        choices=["1987", "held-out", "cmudict"],
        help="1987: the static network on common words and the whole dictionary; held-out: static and recurrent "
        "networks on held-out words; cmudict: the same without given alignments",
    )
    added.add_argument(
        "--data",
        type=Path,
        metavar="PATH",
        help="NETtalk's folder, with nettalk.data and nettalk.list (default: downloaded); for cmudict a whole "
        "dictionary (default: bundled)",
    )
    added.add_argument("--variants", metavar="NAMES", help="comma-separated: hidden units (1987), or variants")
    added.add_argument("--seeds", type=int, default=3, metavar="N", help="how many (default: 3)")
    added.add_argument("--epochs", type=int, metavar="N", help="of each training (default: each variant's own)")
    add_workers(added)
    add_target(added, "--output", "DIR", "write tables there, and checkpoints, from which a second call goes on")
    added.add_argument("--quiet", action="store_true", help="show no progress")
    added.set_defaults(run=_nettalk, kept_by=("output", "DIR"))


def _nettalk(options: argparse.Namespace) -> None:
    checkpoints = None if options.output is None else options.output / f"{options.table}-checkpoints"
    runs = tables.Runs(options.seeds, options.workers, checkpoints, options.epochs, not options.quiet)
    chosen = [] if options.variants is None else [options.variants.split(",")]
    if options.table == "1987":
        table, curves = tables.nettalk_1987(options.data, runs, *chosen)
        _write(curves, options.output, "1987-curves.csv")
    elif options.table == "held-out":
        table = tables.nettalk_held_out(options.data, runs, *chosen)
    else:
        table = tables.cmudict_held_out(options.data, runs, *chosen)
    print(_percent(table).to_string(index=False, na_rep="-"))
    _write(table, options.output, f"{options.table}.csv")


def _percent(table: pd.DataFrame) -> pd.DataFrame:
    """Format fractions as percentages for printing."""
    plain = table.select_dtypes("float").columns.difference(["seconds", "parameters"])
    shown = table.assign(**{name: (100 * table[name]).round(2) for name in plain})
    return shown.assign(**{name: shown[name].round() for name in ("seconds",) if name in shown})


def _write(table: pd.DataFrame, folder: Path | None, name: str) -> None:
    if folder is not None:
        with replacing(folder / name) as beside:
            table.to_csv(beside, index=False, lineterminator="\n")
        print(f"written: {folder / name}")
