"""`rnnbp speak`: convert text to phonemes, and to sound."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from rnnbp.applications.nettalk import Pronunciation, Speaker, default_reader, load_reader, sound, train_reader
from rnnbp.audio import write_wav
from rnnbp.cli.arguments import Commands, add_target, command
from rnnbp.datasets import load_cmudict


def add_speak(commands: Commands) -> None:
    """Add the `speak` command."""
    added = command(
        commands,
        "speak",
        "Print the phonemes of a text: by the CMU dictionary, and by a trained network for words that are not in it.",
        'rnnbp speak "The zyzzyva is a weevil." --output weevil.wav',
    )
    added.add_argument("text", nargs="?", help="any English sentences; - reads them from the standard input")
    added.add_argument(
        "--model",
        type=Path,
        metavar="FILE",
        help="the network (default: one in the cache folder, trained when first needed)",
    )
    added.add_argument("--train", action="store_true", help="train the network (again), which takes a few minutes")
    added.add_argument("--dictionary", type=Path, metavar="FILE", help="a whole cmudict.dict (default: 20,088 words)")
    added.add_argument("--network-only", action="store_true", help="read every word by the network")
    add_target(added, "--output", "FILE.wav", "speak it by eSpeak NG into a WAV file")
    added.add_argument("--quiet", action="store_true", help="show no progress")
    added.set_defaults(run=_speak, kept_by=None)


def _speak(options: argparse.Namespace) -> None:
    if options.text is None and not options.train:
        raise ValueError("text must be given, or --train")
    dictionary = load_cmudict(options.dictionary)
    path = default_reader() if options.model is None else options.model
    if options.train:
        train_reader(path, dictionary, progress=not options.quiet)
        print(f"written: {path}", file=sys.stderr)
    if options.text is None:
        return
    text = sys.stdin.read() if options.text == "-" else options.text
    speaker = Speaker({} if options.network_only else dictionary)
    if unknown := speaker.unknown(text):
        if options.model is None and not path.is_file():
            print(f"rnnbp: {unknown[0]!r} is not in the dictionary: training a network to read it", file=sys.stderr)
            train_reader(path, dictionary, progress=not options.quiet)
        speaker.reader = load_reader(path)
    said = speaker.say(text)
    print(as_line(said))
    if options.output is not None:
        write_wav(options.output, *sound(said))
        print(f"written: {options.output}")


def as_line(said: Sequence[Pronunciation | str]) -> str:
    """Join phonemes with spaces, and words with bars unless there is a pause between them.

    Examples
    --------
    >>> as_line([("DH", "AH0"), ("K", "AE1", "T"), ",", ("AA1", "N"), "."])
    'DH AH0 | K AE1 T , AA1 N .'
    """
    words = [one if isinstance(one, str) else " ".join(one) for one in said]
    return " | ".join(words).replace(" | ,", " ,").replace(", | ", ", ").replace(" | .", " .").replace(". | ", ". ")
