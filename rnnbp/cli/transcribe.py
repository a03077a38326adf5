"""`rnnbp transcribe`: the words spoken in recordings, with their times."""

import argparse
from pathlib import Path

from rnnbp.applications.spoken_digits import Transcriber
from rnnbp.cli.arguments import Commands, command


def add_transcribe(commands: Commands) -> None:
    """Add the `transcribe` command."""
    added = command(
        commands,
        "transcribe",
        "Print what is said in recordings, and when: a line a label with its start and end in seconds.",
        "rnnbp transcribe digits.npz one.wav two.wav",
    )
    added.add_argument(
        "model", type=Path, metavar="MODEL.npz", help="as `rnnbp train bilstm connected-digits --data DIR` writes it"
    )
    added.add_argument("files", type=Path, nargs="+", metavar="FILE", help="recordings, of any sampling rate")
    added.set_defaults(run=_transcribe)


def _transcribe(options: argparse.Namespace) -> None:
    transcriber = Transcriber.load(options.model)
    for path in options.files:
        found = transcriber.file(path)
        print(f"{path}: {' '.join(found['label'])}")
        for start, end, label in found.itertuples(index=False):
            print(f"  {start:7.2f} {end:7.2f}  {label}")
