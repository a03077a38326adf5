"""`rnnbp check`: check a network's gradient."""

import argparse

import rnnbp
from rnnbp import losses
from rnnbp.cli.arguments import Commands, add_command, add_data, add_saved_or_new_model
from rnnbp.cli.inputs import load_data, saved_or_new_model


def add_parser(commands: Commands) -> None:
    """Add the `check` command."""
    parser = add_command(
        commands,
        "check",
        "Check a network's gradient against the complex step, in float64.",
        "rnnbp check lstm japanese-vowels",
        run,
    )
    add_saved_or_new_model(parser, parameters=1000)
    add_data(parser)


def run(options: argparse.Namespace) -> None:
    """Run the command."""
    model, train = saved_or_new_model(options, load_data(options)[0])
    batch = train.subset(range(min(3, len(train)))).batch()
    report = rnnbp.check_gradient(model, batch, losses.natural_loss(train.targets))
    print(report)
    if not report.ok:
        raise ValueError(f"the gradient is wrong: worst relative error {report.max_error:.2g}")
