"""Train static and recurrent networks on the same data under the same budget, and report."""

import argparse
from collections.abc import Mapping
from dataclasses import replace

import rnnbp
from rnnbp import comparison
from rnnbp.cli.arguments import BATCH_SIZE, EPOCHS, add_comparison, add_data, add_target
from rnnbp.cli.inputs import load_data, started_workers

SEEDS, SUITE_SEEDS = 5, 4  # the quick suite takes three minutes on two cores

EXAMPLE = """rnnbp compare japanese-vowels --models static,elman,lstm --seeds 5 --output report
  rnnbp compare --suite quick --output report"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_data(parser)
    parser.add_argument(
        "--suite",
        choices=("quick", "full"),
        help="compare on many tasks in place of one DATASET, each with its own epochs, batch size and models (mlp, "
        "conv, lstm, gru, esn, esn-bptt and others)",
    )
    add_comparison(parser, models="all", seeds=f"{SEEDS}, of each task of a suite {SUITE_SEEDS}")
    parser.add_argument(
        "--season",
        type=int,
        metavar="N",
        help="of a series whose target is the next value: steps after which it repeats itself, for the model seasonal; "
        "such a series is compared with persistence and autoregression too",
    )
    parser.set_defaults(epochs=None, batch_size=None, seeds=None)
    add_target(parser, "--output", "DIR", "write report.html and tables there")


def run(options: argparse.Namespace) -> None:
    compare = _one_dataset if options.suite is None else _suite
    report = compare(options, started_workers(options))
    print(report)
    for name, one in getattr(report, "reports", {}).items():
        if "published" in one.settings:
            print(f"published on {name}: {one.settings['published']}")
    if options.output is not None:
        report.write(options.output)
        print(f"written: {options.output / 'report.html'}")


def _one_dataset(options: argparse.Namespace, n_jobs: int) -> "rnnbp.Report":
    train, test = load_data(options)
    forecasts = comparison.forecasts_for(train, options.season)
    _check_forecasts(options, forecasts)
    among = forecasts | comparison.baselines_for(train)
    chosen = {name: among[name] for name in comparison.baseline_names(options.models.split(","), among)}
    factories, optimizers = comparison.factories_of(chosen, train, options.parameters)
    report = rnnbp.compare(
        factories,
        train,
        test,
        seeds=SEEDS if options.seeds is None else options.seeds,
        epochs=EPOCHS if options.epochs is None else options.epochs,
        batch_size=BATCH_SIZE if options.batch_size is None else options.batch_size,
        loss=comparison.loss_for(train),
        optimizers=optimizers,
        n_jobs=n_jobs,
        checkpoints=options.checkpoints,
        progress=not options.quiet,
    )
    return replace(report, settings={"dataset": options.dataset, **report.settings})


def _check_forecasts(options: argparse.Namespace, forecasts: Mapping[str, object]) -> None:
    """Raise if simple forecasts are asked for that this dataset has not."""
    asked = {"persistence", "seasonal", "autoregression"} & set(options.models.split(","))
    if not forecasts and (asked or options.season is not None):
        raise ValueError(
            f"{'--season' if options.season is not None else ', '.join(sorted(asked))} is for forecasts, whose target "
            f"at each step is the input of the next step; {options.dataset!r} has other targets"
        )
    if "seasonal" in asked and options.season is None:
        raise ValueError("seasonal needs the number of steps after which the series repeats itself: give --season N")


def _suite(options: argparse.Namespace, n_jobs: int) -> "rnnbp.SuiteReport":
    report = rnnbp.compare_suite(
        None if options.models == "all" else options.models.split(","),
        options.suite,
        SUITE_SEEDS if options.seeds is None else options.seeds,
        parameters=options.parameters,
        n_jobs=n_jobs,
        checkpoints=options.checkpoints,
        progress=not options.quiet,
    )
    reports = {
        name: replace(one, settings=one.settings | _published(comparison.SUITES[options.suite][name]))
        for name, one in report.reports.items()
    }
    return replace(report, reports=reports)


def _published(task: "comparison.SuiteTask") -> dict[str, str]:
    """Return the published figures of a task, with their sources, as a setting of its report."""
    if task.published is None:
        return {}
    from rnnbp.reproduction.figures import figures_of

    name, part = task.published
    figures = [one for one in figures_of(name) if one.origin == "published" and part in (one.row, one.column)]
    shown = ", ".join(f"{one.column if one.row == part else one.row} {one.shown}" for one in figures)
    return {"published": f"{shown} ({'; '.join(dict.fromkeys(one.source for one in figures))})"}
