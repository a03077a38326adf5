"""Print the labels spoken in recordings: a line a label, with its start and end in seconds."""

import argparse
from pathlib import Path

from rnnbp.applications import spoken_digits

EXAMPLE = "rnnbp transcribe digits.npz one.wav two.wav"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "model", type=Path, metavar="MODEL.npz", help="as `rnnbp train bilstm connected-digits --data DIR` writes it"
    )
    parser.add_argument("files", type=Path, nargs="+", metavar="FILE", help="recordings, of any sampling rate")


def run(options: argparse.Namespace) -> None:
    transcriber = spoken_digits.Transcriber.load(options.model)
    for path in options.files:
        labels = transcriber.file(path)
        print(f"{path}: {' '.join(labels['label'])}")
        for start, end, label in labels.itertuples(index=False):
            print(f"  {start:7.2f} {end:7.2f}  {label}")
