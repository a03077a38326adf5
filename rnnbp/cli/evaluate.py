"""`rnnbp evaluate`: loss and score of a saved model on a test set."""

import argparse

import rnnbp
from rnnbp.applications import spoken_digits
from rnnbp.cli.arguments import Commands, add_command, add_data, add_saved_model
from rnnbp.cli.inputs import load_data, numbers, saved_model
from rnnbp.cli.output import print_scores


def add_parser(commands: Commands) -> None:
    """Add the `evaluate` command."""
    parser = add_command(
        commands,
        "evaluate",
        "Compute the loss and score of a saved model on a dataset's test set.",
        "rnnbp evaluate gru.npz japanese-vowels",
        run,
    )
    add_saved_model(parser)
    add_data(parser)
    parser.add_argument(
        "--snr", metavar="DB,DB", help="of recordings: also with several noises, at these signal-to-noise ratios in dB"
    )


def run(options: argparse.Namespace) -> None:
    """Run the command."""
    model, loss = saved_model(options.model)
    _, test = load_data(options)
    print_scores(rnnbp.Trainer(model, loss).evaluate(test))
    if options.snr is not None:
        table = spoken_digits.noise_table(model, loss, test, numbers("--snr", options.snr))
        print(f"{loss.metric} with noise:\n{table.round(4).to_string()}")
