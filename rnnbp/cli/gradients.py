"""Test every gradient algorithm against exact BPTT: does each keep its guarantee, and what does it cost?"""

import argparse
from pathlib import Path

import rnnbp
from rnnbp import losses
from rnnbp.cli.arguments import add_data, add_saved_or_new_model, add_target
from rnnbp.cli.inputs import load_data, saved_or_new_model
from rnnbp.runtime.files import replacing
from rnnbp.runtime.tables import write_tables

EXAMPLE = "rnnbp gradients lstm japanese-vowels --parameters 300 --output certificate"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_saved_or_new_model(parser, parameters=300)
    add_data(parser)
    parser.add_argument(
        "--algorithms", metavar="NAMES", help='separated by semicolons: "BPTT; TruncatedBPTT(1, 1)" (default: all)'
    )
    parser.add_argument("--sequences", type=int, default=3, metavar="N", help="of the training set (default: 3)")
    parser.add_argument("--seeds", type=int, default=20, metavar="N", help="of stochastic algorithms (default: 20)")
    parser.add_argument(
        "--power", type=float, default=0.05, metavar="B", help="relative bias that must be noticed (default: 0.05)"
    )
    parser.add_argument(
        "--max-runs", type=int, default=1000, metavar="N", help="of a stochastic algorithm in a test (default: 1000)"
    )
    parser.add_argument("--lags", type=int, default=10, metavar="N", help="steps back (default: 10)")
    add_target(parser, "--output", "DIR", "write table.csv, by_lag.csv, certificate.html and certificate.png")


def run(options: argparse.Namespace) -> None:
    from rnnbp.runtime import positive_int

    positive_int("--sequences", options.sequences)
    model, train = saved_or_new_model(options, load_data(options)[0])
    batch = train.subset(range(min(options.sequences, len(train)))).batch()
    names = None if options.algorithms is None else [name.strip() for name in options.algorithms.split(";")]
    certificate = rnnbp.compare_gradients(
        model,
        batch,
        losses.natural_loss(train.targets),
        names,
        options.seeds,
        lags=options.lags,
        power=options.power,
        max_runs=options.max_runs,
    )
    print(certificate)
    if options.output is not None:
        _write(certificate, options.output)
        print(f"written: {options.output / 'certificate.html'}")
    if certificate.failed:
        raise ValueError(certificate.verdict)


def _write(certificate: "rnnbp.Certificate", folder: Path) -> None:
    write_tables(folder, {"table": certificate.table, "by_lag": certificate.by_lag})
    page = f'<!doctype html><meta charset="utf-8"><title>rnnbp gradients</title>{certificate._repr_html_()}'
    with replacing(folder / "certificate.html") as temporary:
        temporary.write_text(page, encoding="utf-8")
    figure = certificate.plot()
    with replacing(folder / "certificate.png") as temporary:
        figure.savefig(temporary, format="png", dpi=120)
