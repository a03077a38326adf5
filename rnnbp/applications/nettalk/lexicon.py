"""Lexicon: words with their pronunciations, from any dictionary, and the datasets made from them."""

import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from rnnbp.applications.nettalk.alignment import align
from rnnbp.applications.nettalk.features import STRESS, encode
from rnnbp.applications.nettalk.spelling import LETTERS, one_hot
from rnnbp.data import BLANK, LabelSequences, SequenceDataset
from rnnbp.runtime import as_array, check_fields, refuses_by_name

Array = np.ndarray
Pronunciation = tuple[str, ...]
Labels = tuple[str, ...]

SILENT = "-"
_SIGNS = f".[{STRESS}]"
CTC_STEPS = 2  # steps a letter: the greatest number of phonemes it may have


@dataclass(frozen=True)
class Lexicon:
    """N words with their pronunciations and, where the alignment is known, a label for each letter.

    Parameters
    ----------
    words : tuple of str
    pronunciations : tuple of tuple of tuple of str
        For each word, all correct pronunciations, the usual one first: phonemes, with a stress mark at the end of those
        that carry stress.
    labels : tuple of tuple of str, or None
        For each word, one label a letter: the letter's phonemes separated by spaces, "-" first where it is silent. None
        for a word that is not aligned.

    Examples
    --------
    >>> lexicon = Lexicon.of_cmudict({"at": (("AE1", "T"),), "as": (("AE1", "Z"), ("EH1", "Z"))})
    >>> len(lexicon), lexicon.aligned().labels
    (2, (('AE1', 'T'), ('AE1', 'Z')))
    """

    words: tuple[str, ...]
    pronunciations: tuple[tuple[Pronunciation, ...], ...]
    labels: tuple[Labels | None, ...]

    def __post_init__(self) -> None:
        check_fields(self)

    @classmethod
    @refuses_by_name
    def of_nettalk(cls, table: pd.DataFrame) -> "Lexicon":
        """Make a lexicon from NETtalk's corpus, aligned by hand; a letter's label is its phoneme and its stress.

        Parameters
        ----------
        table : DataFrame
            As `rnnbp.datasets.load_nettalk` returns it. Homographs stay separate words, each with its own
            pronunciation.

        Examples
        --------
        >>> table = pd.DataFrame({"word": ["knob"], "phonemes": ["-nab"], "stress": [">>1<"]})
        >>> Lexicon.of_nettalk(table).pronunciations
        ((('n>', 'a1', 'b<'),),)
        """
        rows = zip(table["phonemes"], table["stress"], strict=True)
        labels = tuple(tuple(map("".join, zip(*row, strict=True))) for row in rows)
        return cls(tuple(table["word"]), tuple((phonemes_of(one),) for one in labels), labels)

    @classmethod
    @refuses_by_name
    def of_cmudict(cls, dictionary: Mapping[str, Sequence[Pronunciation]]) -> "Lexicon":
        """Make a lexicon from the CMU dictionary, not aligned; words with characters not in `LETTERS` are left out.

        Parameters
        ----------
        dictionary : mapping of str to sequence of tuple of str
            As `rnnbp.datasets.load_cmudict` returns it.

        Examples
        --------
        >>> Lexicon.of_cmudict({"déjà": (("D", "EY2", "ZH", "AA1"),), "a": (("AH0",), ("EY1",))}).words
        ('a',)
        """
        words = tuple(word for word in dictionary if not set(word) - set(LETTERS))
        return cls(words, tuple(tuple(dictionary[word]) for word in words), (None,) * len(words))

    def __len__(self) -> int:
        return len(self.words)

    def __add__(self, other: "Lexicon") -> "Lexicon":
        return Lexicon(self.words + other.words, self.pronunciations + other.pronunciations, self.labels + other.labels)

    def subset(self, mask: Array) -> "Lexicon":
        """Return the lexicon of the words where `mask` (N,) is True."""
        chosen = as_array("mask", mask)
        if chosen.shape != (len(self),) or chosen.dtype != bool:
            raise ValueError(f"mask must be bools (N,) = ({len(self)},), got {chosen.dtype} of {chosen.shape}")
        places = np.flatnonzero(chosen)
        parts = (tuple(column[i] for i in places) for column in (self.words, self.pronunciations, self.labels))
        return Lexicon(*parts)  # type: ignore[arg-type]

    def aligned(self) -> "Lexicon":
        """Return the lexicon with labels, from an alignment of the letters with each word's first pronunciation.

        See Also
        --------
        rnnbp.applications.nettalk.align : the alignment.
        """
        found = align(self.words, [ways[0] for ways in self.pronunciations])
        labels = tuple(None if one is None else tuple(" ".join(c) or SILENT for c in one) for one in found)
        return Lexicon(self.words, self.pronunciations, labels)

    @property
    def classes(self) -> tuple[str, ...]:
        """The distinct labels, sorted."""
        return tuple(sorted({label for one in self.labels if one is not None for label in one}))

    @property
    def ctc_classes(self) -> tuple[str, ...]:
        """The blank, then the distinct phonemes of the first pronunciations, sorted."""
        return (BLANK, *sorted({phoneme for ways in self.pronunciations for phoneme in ways[0]}))

    def by_letter(self) -> SequenceDataset:
        """Return a dataset with a class for each letter: letters (T, 29), classes (T,), without unaligned words."""
        known = [(word, one) for word, one in zip(self.words, self.labels, strict=True) if one is not None]
        place = {label: k for k, label in enumerate(self.classes)}
        targets = [np.array([place[label] for label in one]) for _, one in known]
        return SequenceDataset([one_hot(word) for word, _ in known], targets, classes=self.classes)

    def by_feature(self) -> SequenceDataset:
        """Return a dataset for NETtalk's 26 output units: letters (T, 29), targets (T, 26)."""
        if not all(one is not None and all(re.fullmatch(_SIGNS, label) for label in one) for one in self.labels):
            raise ValueError("labels must be those of NETtalk, a phoneme and a stress for every letter of every word")
        units = [encode(*map("".join, zip(*one or (), strict=True))) for one in self.labels]
        return SequenceDataset([one_hot(word) for word in self.words], units)

    def by_word(self) -> SequenceDataset:
        """Return a dataset for CTC: each letter at two steps (2 T, 29), targets the first pronunciation's phonemes.

        Words that need more steps than they have are left out.
        """
        pairs = zip(self.words, self.pronunciations, strict=True)
        fit = [(word, ways[0]) for word, ways in pairs if steps_needed(ways[0]) <= CTC_STEPS * len(word)]
        labels = LabelSequences([phonemes for _, phonemes in fit], classes=self.ctc_classes)
        return SequenceDataset([encoded_for_ctc(word) for word, _ in fit], labels)


def steps_needed(phonemes: Pronunciation) -> int:
    """Return the number of steps that CTC needs: one a phoneme, and one more between two that are the same.

    Examples
    --------
    >>> steps_needed(("K", "K", "AH0"))
    4
    """
    return len(phonemes) + sum(a == b for a, b in itertools.pairwise(phonemes))


def encoded_for_ctc(word: str) -> Array:
    """Encode a word for CTC, each letter one-hot at two steps: (2 T, 29).

    Examples
    --------
    >>> encoded_for_ctc("at").argmax(axis=1)
    array([ 0,  0, 19, 19])
    """
    return np.repeat(one_hot(word), CTC_STEPS, axis=0)


@refuses_by_name
def phonemes_of(labels: Sequence[str]) -> Pronunciation:
    """Return the phonemes of letters with these labels.

    Parameters
    ----------
    labels : sequence of str
        One a letter: phonemes, several in one label, or the silent '-'.

    Examples
    --------
    >>> phonemes_of(["F", "AA1", "K S", "-"]), phonemes_of(["->", "n>", "a1", "b<"])
    (('F', 'AA1', 'K', 'S'), ('n>', 'a1', 'b<'))
    """
    return tuple(phoneme for label in labels if not label.startswith(SILENT) for phoneme in label.split())


@refuses_by_name
def unstressed(phonemes: Sequence[str]) -> Pronunciation:
    """Remove the stress marks from phonemes or labels.

    Parameters
    ----------
    phonemes : sequence of str
        With or without stress marks.

    Examples
    --------
    >>> unstressed(["F", "AA1", "K S"]), unstressed(["n>", "a1"])
    (('F', 'AA', 'K S'), ('n', 'a'))
    """
    return tuple(" ".join(part.rstrip(STRESS) for part in phoneme.split()) for phoneme in phonemes)
