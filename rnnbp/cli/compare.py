"""Train static and recurrent networks on the same data under the same budget, and report."""

import argparse
from dataclasses import replace

import rnnbp
from rnnbp import comparison
from rnnbp.cli.arguments import add_comparison, add_data, add_target
from rnnbp.cli.inputs import load_data, worker_count

EXAMPLE = "rnnbp compare japanese-vowels --models static,elman,lstm --seeds 5 --output report"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_data(parser)
    add_comparison(parser, models="all", seeds=5)
    add_target(parser, "--output", "DIR", "write report.html, table.csv and curves.csv there")


def run(options: argparse.Namespace) -> None:
    workers = worker_count(options)
    if workers > 1:
        comparison.start_workers()
    train, test = load_data(options)
    baselines = comparison.baselines_for(train)
    names = comparison.baseline_names(options.models.split(","), baselines)
    report = rnnbp.compare(
        {name: comparison.model_factory(name, train, options.parameters) for name in names},
        train,
        test,
        seeds=options.seeds,
        epochs=options.epochs,
        batch_size=options.batch_size,
        loss=comparison.loss_for(train),
        optimizers={name: baselines[name].optimizer for name in names},
        workers=workers,
        checkpoints=options.checkpoints,
        progress=not options.quiet,
    )
    print(report)
    if options.output is not None:
        report = replace(report, settings={"dataset": options.dataset, **report.settings})
        report.write(options.output)
        print(f"written: {options.output / 'report.html'}")
