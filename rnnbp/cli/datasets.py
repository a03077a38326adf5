"""`rnnbp datasets`: the datasets that commands can name."""

import argparse

from rnnbp import datasets
from rnnbp.cli.arguments import Commands, add_command


def add_parser(commands: Commands) -> None:
    """Add the `datasets` command."""
    add_command(commands, "datasets", "List the datasets that can be named.", "rnnbp datasets", run)


def run(options: argparse.Namespace) -> None:
    """Run the command."""
    print(datasets.catalog().to_string(index=False))
