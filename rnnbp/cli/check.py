"""Check a network's gradient against the complex step, in float64."""

import argparse

import rnnbp
from rnnbp import losses
from rnnbp.cli.arguments import add_data, add_saved_or_new_model
from rnnbp.cli.inputs import load_data, saved_or_new_model

EXAMPLE = "rnnbp check lstm japanese-vowels"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_saved_or_new_model(parser, parameters=1000)
    add_data(parser)


def run(options: argparse.Namespace) -> None:
    model, train = saved_or_new_model(options, load_data(options)[0])
    batch = train.subset(range(min(3, len(train)))).batch()
    report = rnnbp.check_gradient(model, batch, losses.natural_loss(train.targets))
    print(report)
    if not report.ok:
        raise ValueError(f"the gradient is wrong: worst relative error {report.max_error:.2g}")
