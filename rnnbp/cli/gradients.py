"""`rnnbp gradients`: the gradient certificate from the command line."""

import argparse
from pathlib import Path

from rnnbp.cli.arguments import Commands, add_data, add_target, command, load, model_for
from rnnbp.diagnostics import Certificate, compare_gradients
from rnnbp.losses import natural_loss
from rnnbp.runtime import positive_int, replacing


def add_gradients(commands: Commands) -> None:
    """Add the `gradients` command."""
    added = command(
        commands,
        "gradients",
        "Test every gradient algorithm against exact BPTT: does each keep its guarantee, and what does it cost?",
        "rnnbp gradients lstm japanese-vowels --parameters 300 --output certificate",
    )
    added.add_argument("model", metavar="MODEL", help="a saved model.npz, or a name as for `rnnbp train`")
    add_data(added)
    added.add_argument(
        "--algorithms", metavar="NAMES", help='separated by semicolons: "BPTT; TruncatedBPTT(1, 1)" (default: all)'
    )
    added.add_argument("--parameters", type=int, default=300, metavar="N", help="of a new network (default: 300)")
    added.add_argument("--sequences", type=int, default=3, metavar="N", help="of the training set (default: 3)")
    added.add_argument("--seeds", type=int, default=20, metavar="N", help="of stochastic algorithms (default: 20)")
    added.add_argument(
        "--power", type=float, default=0.05, metavar="B", help="relative bias that must be noticed (default: 0.05)"
    )
    added.add_argument(
        "--max-runs", type=int, default=1000, metavar="N", help="of a stochastic algorithm in a test (default: 1000)"
    )
    added.add_argument("--lags", type=int, default=10, metavar="N", help="steps back (default: 10)")
    add_target(added, "--output", "DIR", "write table.csv, by_lag.csv, certificate.html and certificate.png")
    added.set_defaults(run=_gradients)


def _gradients(options: argparse.Namespace) -> None:
    positive_int("--sequences", options.sequences)
    model, train = model_for(options, load(options)[0])
    batch = train.subset(range(min(options.sequences, len(train)))).batch()
    names = None if options.algorithms is None else [name.strip() for name in options.algorithms.split(";")]
    loss, tested = natural_loss(train.targets), {"power": options.power, "max_runs": options.max_runs}
    found = compare_gradients(model, batch, loss, names, options.seeds, lags=options.lags, **tested)
    print(found)
    if options.output is not None:
        _write(found, options.output)
        print(f"written: {options.output / 'certificate.html'}")
    if found.failed:
        raise ValueError(found.verdict)


def _write(found: Certificate, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in (("table.csv", found.table), ("by_lag.csv", found.by_lag)):
        with replacing(folder / name) as beside:
            table.to_csv(beside, index=False, lineterminator="\n")
    page = f'<!doctype html><meta charset="utf-8"><title>rnnbp gradients</title>{found._repr_html_()}'
    with replacing(folder / "certificate.html") as beside:
        beside.write_text(page, encoding="utf-8")
    figure = found.plot()
    with replacing(folder / "certificate.png") as beside:
        figure.savefig(beside, format="png", dpi=120)
