"""Compute the loss and score of a saved model on a dataset's test set."""

import argparse

import rnnbp
from rnnbp.applications import spoken_digits
from rnnbp.cli.arguments import add_data, add_saved_model
from rnnbp.cli.inputs import load_parts, needed, numbers, saved_model
from rnnbp.cli.output import print_scores

EXAMPLE = "rnnbp evaluate gru.npz japanese-vowels"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_saved_model(parser)
    add_data(parser)
    parser.add_argument(
        "--snr", metavar="DB,DB", help="of recordings: also with several noises, at these signal-to-noise ratios in dB"
    )


def run(options: argparse.Namespace) -> None:
    model, loss = saved_model(options.model)
    test = needed(load_parts(options, model)[1], "test set")
    print_scores(rnnbp.Trainer(model, loss).evaluate(test))
    if options.snr is not None:
        table = spoken_digits.noise_table(model, loss, test, numbers("--snr", options.snr))
        print(f"{loss.metric} with noise:\n{table.round(4).to_string()}")
