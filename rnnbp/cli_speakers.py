"""`rnnbp speakers`: how well nets recognise speakers that they were not trained on."""

import argparse
from functools import partial
from pathlib import Path

from rnnbp import datasets
from rnnbp._checks import positive_int
from rnnbp.cli_arguments import Commands, command
from rnnbp.contestants import CONTESTANTS, names
from rnnbp.data import SequenceDataset
from rnnbp.speakers import by_speaker, leave_one_speaker_out
from rnnbp.workers import cores


def add_speakers(commands: Commands) -> None:
    """Add the command."""
    added = command(
        commands,
        "speakers",
        "Leave out each speaker of the spoken digits in turn, train on the others, and test on the one.",
        "rnnbp speakers --data fsdd --models resampled-mlp,bigru --seeds 3",
    )
    added.add_argument("--data", metavar="DIR", type=Path, help="where the recordings are (default: downloaded)")
    added.add_argument(
        "--models", default="bigru", help=f"comma-separated, of {', '.join(CONTESTANTS)}; or static, recurrent, all"
    )
    added.add_argument("--seeds", type=int, default=3, metavar="N", help="how many (default: 3)")
    added.add_argument("--epochs", type=int, default=25, metavar="N", help="of each run (default: 25)")
    added.add_argument("--batch-size", type=int, default=16, metavar="N", help="default: 16")
    added.add_argument("--parameters", type=int, metavar="N", help="give every model about so many parameters")
    added.add_argument(
        "--workers", type=int, default=cores(), metavar="N", help="processes that train at once (default: the cores)"
    )
    added.add_argument("--output", type=Path, metavar="FILE", help="write a row a run, as CSV")
    added.add_argument("--quiet", action="store_true", help="show no progress")
    added.set_defaults(run=_speakers)


def _speakers(options: argparse.Namespace) -> None:
    path = {} if options.data is None else {"path": options.data}
    train, _ = datasets.load("spoken-digits", **path)
    assert train.info is not None
    runs = leave_one_speaker_out(
        partial(_without, path),
        sorted(set(train.info["speaker"])),
        names(options.models.split(",")),
        seeds=positive_int("--seeds", options.seeds),
        epochs=positive_int("--epochs", options.epochs),
        batch_size=options.batch_size,
        parameters=options.parameters,
        workers=options.workers,
        progress=not options.quiet,
    )
    print(f"accuracy, mean of {options.seeds} seeds, by the speaker left out:")
    print(by_speaker(runs).map("{:.2%}".format).to_string())
    if options.output is not None:
        runs.to_csv(options.output, index=False, lineterminator="\n")
        print(f"written: {options.output}")


def _without(path: dict[str, Path], speaker: str) -> tuple[SequenceDataset, SequenceDataset]:
    return datasets.load("spoken-digits", split="speaker", speaker=speaker, **path)
