"""Conversion of text to phonemes by a dictionary, and by a trained network for unknown words."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from rnnbp.applications.nettalk.lexicon import Lexicon, Pronunciation
from rnnbp.applications.nettalk.readers import Reader, Reads
from rnnbp.applications.nettalk.text import LONG, SHORT, spoken_text
from rnnbp.applications.nettalk.variants import recurrent
from rnnbp.datasets import data_folder
from rnnbp.models import load
from rnnbp.runtime import check_target, checked_path, flag, of_type, refuses_by_name
from rnnbp.training import Trainer, remove_checkpoints

_HISSING = {"S", "Z", "SH", "ZH", "CH", "JH"}
_VOICELESS = {"P", "T", "K", "F", "TH"}


class Speaker:
    """Converter of text to phonemes.

    Parameters
    ----------
    dictionary : mapping of str to sequence of tuple of str
        Pronunciations of each word; the first one is used.
    reader : Reader or CTCReader, optional
        For words that are not in the dictionary.

    Examples
    --------
    >>> speaker = Speaker({"hello": (("HH", "AH0", "L", "OW1"),), "cat": (("K", "AE1", "T"),)})
    >>> speaker.say("Hello, cat's!")
    [('HH', 'AH0', 'L', 'OW1'), ',', ('K', 'AE1', 'T', 'S'), '.']
    >>> speaker.unknown("hello zyzzyva")
    ['zyzzyva']
    """

    def __init__(self, dictionary: Mapping[str, Sequence[Pronunciation]], reader: Reads | None = None) -> None:
        of_type("dictionary", dictionary, Mapping[str, Sequence[Pronunciation]])
        of_type("reader", reader, Reads | None)
        self.dictionary, self.reader = dictionary, reader

    @refuses_by_name
    def say(self, text: str) -> list[Pronunciation | str]:
        """Return the phonemes of each word, and "," and "." for pauses.

        Parameters
        ----------
        text : str

        Raises
        ------
        ValueError
            If a word is not in the dictionary and there is no reader.
        """
        tokens = spoken_text(text)
        known = {word: way for word in tokens if (way := self._known(word)) is not None}
        unknown = self.unknown(text)
        if unknown and self.reader is None:
            raise ValueError(f"{unknown[0]!r} is not in the dictionary, and there is no network to read it")
        if unknown and self.reader is not None:
            known |= dict(zip(unknown, self.reader.read(unknown), strict=True))
        return [token if token in (SHORT, LONG) else known[token] for token in tokens]

    @refuses_by_name
    def unknown(self, text: str) -> list[str]:
        """Return the words of a text that cannot be pronounced by the dictionary, each once."""
        words = dict.fromkeys(token for token in spoken_text(text) if token not in (SHORT, LONG))
        return [word for word in words if self._known(word) is None]

    def _known(self, word: str) -> Pronunciation | None:
        if word in self.dictionary:
            return tuple(self.dictionary[word][0])
        if word.endswith("'s") and word[:-2] in self.dictionary:
            return possessive(self.dictionary[word[:-2]][0])
        letters = [self.dictionary.get(letter) for letter in word]
        if not set(word) & set("aeiouy'") and all(letters):  # no vowel: pronounced letter by letter
            return tuple(phoneme for ways in letters if ways for phoneme in ways[-1])
        return None


def possessive(phonemes: Sequence[str]) -> Pronunciation:
    """Append the genitive's s to a word's phonemes: voiced, voiceless or with a vowel, as its last phoneme requires.

    Examples
    --------
    >>> possessive(("D", "AO1", "G")), possessive(("HH", "AO1", "R", "S"))[-2:]
    (('D', 'AO1', 'G', 'Z'), ('IH0', 'Z'))
    """
    last = phonemes[-1]
    return (*phonemes, *(("IH0", "Z") if last in _HISSING else ("S",) if last in _VOICELESS else ("Z",)))


def default_reader() -> Path:
    """Return the default file of the network for unknown words: `reader.npz` in the folder RNNBP_DATA.

    Examples
    --------
    >>> default_reader().name
    'reader.npz'
    """
    return data_folder() / "reader.npz"


SPEAKING = recurrent(96, 8)
"""Variant for words that are not in the dictionary: a small network, trained in minutes."""


@refuses_by_name
def train_reader(
    path: str | Path, dictionary: Mapping[str, Sequence[Pronunciation]], seed: int = 0, *, progress: bool = True
) -> Trainer:
    """Train a network to read the words of a dictionary and write it to a file; an interrupted training resumes.

    Parameters
    ----------
    path : str or Path
        The .npz file to write. During training there is a checkpoint beside it.
    dictionary : mapping of str to sequence of tuple of str
    seed : int, default 0
    progress : bool, default True

    Returns
    -------
    Trainer

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> trainer = train_reader(folder / "reader.npz", {"cat": [("K", "AE1", "T")]}, progress=False)  # doctest: +SKIP
    """
    of_type("dictionary", dictionary, Mapping[str, Sequence[Pronunciation]])
    flag("progress", progress)
    path = checked_path("path", path)
    path.parent.mkdir(parents=True, exist_ok=True)
    check_target("path", path)
    lexicon = Lexicon.of_cmudict(dictionary).aligned()
    checkpoint = path.with_name(f"{path.stem}.checkpoint.npz")
    trainer = SPEAKING.trained(lexicon, seed, progress=progress, checkpoint=checkpoint)
    trainer.model.save(path)
    remove_checkpoints(checkpoint)
    return trainer


@refuses_by_name
def load_reader(path: str | Path) -> Reader:
    """Load the reader that `train_reader` wrote.

    Parameters
    ----------
    path : str or Path

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is another model.

    Examples
    --------
    >>> load_reader("no-such-file.npz")
    Traceback (most recent call last):
    FileNotFoundError: ...
    """
    model = load(path)
    if model.classes is None:
        raise ValueError(f"{str(path)!r} is not a network that reads: make one by `rnnbp speak --train {path}`")
    return Reader([model], model.classes)
