"""`rnnbp speakers`: recognition accuracy on speakers left out of the training set."""

import argparse
from functools import partial
from pathlib import Path

from rnnbp import datasets
from rnnbp.applications.spoken_digits import by_speaker, leave_one_speaker_out
from rnnbp.cli.arguments import Commands, add_target, add_trainings, command
from rnnbp.comparison import baseline_names
from rnnbp.data import SequenceDataset
from rnnbp.datasets.digit_tasks import HEARD_AGAIN
from rnnbp.datasets.varied import shown_with
from rnnbp.runtime import positive_int, replacing


def add_speakers(commands: Commands) -> None:
    """Add the `speakers` command."""
    added = command(
        commands,
        "speakers",
        "Leave out each speaker of the spoken digits in turn, train on the others, and test on the one.",
        "rnnbp speakers --data fsdd --models resampled-mlp,bigru --seeds 3",
    )
    added.add_argument("--data", metavar="DIR", type=Path, help="where the recordings are (default: downloaded)")
    add_trainings(added, models="bigru", seeds=3)
    added.add_argument(
        "--views",
        type=int,
        default=1,
        metavar="N",
        help="hear each recording so many times, at other speeds and by other ears, and average (default: 1)",
    )
    add_target(added, "--output", "FILE", "write a row a run, as CSV")
    added.add_argument("--quiet", action="store_true", help="show no progress")
    added.set_defaults(run=_speakers)


def _speakers(options: argparse.Namespace) -> None:
    path = {} if options.data is None else {"path": options.data}
    train, _ = datasets.load("spoken-digits", **path)
    assert train.info is not None
    runs = leave_one_speaker_out(
        partial(_without, path, positive_int("--views", options.views)),
        sorted(set(train.info["speaker"])),
        baseline_names(options.models.split(",")),
        seeds=positive_int("--seeds", options.seeds),
        epochs=positive_int("--epochs", options.epochs),
        batch_size=options.batch_size,
        parameters=options.parameters,
        workers=options.workers,
        checkpoints=options.checkpoints,
        progress=not options.quiet,
    )
    print(f"accuracy, mean of {options.seeds} seeds, by the speaker left out:")
    print(by_speaker(runs).map("{:.2%}".format).to_string())
    if options.output is not None:
        with replacing(options.output) as beside:
            runs.to_csv(beside, index=False, lineterminator="\n")
        print(f"written: {options.output}")


def _without(path: dict[str, Path], views: int, speaker: str) -> tuple[SequenceDataset, list[SequenceDataset]]:
    """Return the training set without a speaker, and test sets of the speaker as recorded and varied."""
    train, test = datasets.load("spoken-digits", split="speaker", speaker=speaker, **path)
    return train, [test, *(shown_with(test, HEARD_AGAIN, 2 * view + 1) for view in range(1, views))]
