"""List the datasets that can be named."""

import argparse

from rnnbp import datasets

EXAMPLE = "rnnbp datasets"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add nothing: the command takes no arguments."""


def run(options: argparse.Namespace) -> None:
    table = datasets.catalog()
    table["source"] = table["source"].str.replace("path=", "--data")  # the argument of a loader, as an option
    print(table.to_string(index=False))
