"""Print the phonemes of a text: by the CMU dictionary, and by a trained network for words that are not in it."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from rnnbp import audio, datasets
from rnnbp.applications import nettalk
from rnnbp.cli.arguments import add_quiet, add_target

EXAMPLE = 'rnnbp speak "The zyzzyva is a weevil." --output weevil.wav'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("text", nargs="?", help="any English sentences; - reads them from the standard input")
    parser.add_argument(
        "--model",
        type=Path,
        metavar="FILE",
        help="the network (default: one in the cache folder, trained when first needed)",
    )
    parser.add_argument("--train", action="store_true", help="train the network (again), which takes a few minutes")
    parser.add_argument("--dictionary", type=Path, metavar="FILE", help="a whole cmudict.dict (default: 20,088 words)")
    parser.add_argument("--network-only", action="store_true", help="read every word by the network")
    add_target(parser, "--output", "FILE.wav", "speak it by eSpeak NG into a WAV file")
    add_quiet(parser)
    parser.set_defaults(checkpoint_option=None)


def run(options: argparse.Namespace) -> None:
    if options.text is None and not options.train:
        raise ValueError("text must be given, or --train")
    dictionary = datasets.load_cmudict(options.dictionary)
    path = nettalk.default_reader() if options.model is None else options.model
    if options.train:
        nettalk.train_reader(path, dictionary, progress=not options.quiet)
        print(f"written: {path}", file=sys.stderr)
    if options.text is None:
        return
    text = sys.stdin.read() if options.text == "-" else options.text
    speaker = nettalk.Speaker({} if options.network_only else dictionary)
    if unknown := speaker.unknown(text):
        if options.model is None and not path.is_file():
            print(f"rnnbp: {unknown[0]!r} is not in the dictionary: training a network to read it", file=sys.stderr)
            nettalk.train_reader(path, dictionary, progress=not options.quiet)
        speaker.reader = nettalk.load_reader(path)
    speech = speaker.say(text)
    print(as_line(speech))
    if options.output is not None:
        audio.write_wav(options.output, *nettalk.sound(speech))
        print(f"written: {options.output}")


def as_line(speech: "Sequence[nettalk.Pronunciation | str]") -> str:
    """Join phonemes with spaces, and words with bars unless there is a pause between them.

    Examples
    --------
    >>> as_line([("DH", "AH0"), ("K", "AE1", "T"), ",", ("AA1", "N"), "."])
    'DH AH0 | K AE1 T , AA1 N .'
    """
    words = [one if isinstance(one, str) else " ".join(one) for one in speech]
    return " | ".join(words).replace(" | ,", " ,").replace(", | ", ", ").replace(" | .", " .").replace(". | ", ". ")
