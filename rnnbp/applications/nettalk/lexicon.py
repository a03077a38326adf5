"""Words with their pronunciations, whichever dictionary they come from, and the datasets made of them."""

import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from rnnbp.applications.nettalk.alignment import align
from rnnbp.applications.nettalk.features import encode
from rnnbp.applications.nettalk.spelling import LETTERS, one_hot
from rnnbp.data import BLANK, LabelSequences, SequenceDataset

Array = np.ndarray
Pronunciation = tuple[str, ...]
Labels = tuple[str, ...]

SILENT = "-"
STRESS = "<>012"
_SIGNS = f".[{STRESS}]"
CTC_STEPS = 2  # of a letter, as many as it may have phonemes


@dataclass(frozen=True)
class Lexicon:
    """N words, how each may be pronounced and, where it is known, what each of its letters makes of it.

    Parameters
    ----------
    words : tuple of str
    pronunciations : tuple of tuple of tuple of str
        Of each word all that count as right, the usual one first: phonemes, those that carry stress with a sign of it
        at the end.
    labels : tuple of tuple of str, or None
        Of each word a label a letter: the phonemes the letter makes with spaces between, "-" first where it is silent.
        None for a word whose letters are not known to make them.

    Examples
    --------
    >>> lexicon = Lexicon.of_cmudict({"at": (("AE1", "T"),), "as": (("AE1", "Z"), ("EH1", "Z"))})
    >>> len(lexicon), lexicon.aligned().labels
    (2, (('AE1', 'T'), ('AE1', 'Z')))
    """

    words: tuple[str, ...]
    pronunciations: tuple[tuple[Pronunciation, ...], ...]
    labels: tuple[Labels | None, ...]

    @classmethod
    def of_nettalk(cls, table: pd.DataFrame) -> "Lexicon":
        """Of NETtalk's corpus, which is aligned by hand; a letter's label is its phoneme and its stress.

        Parameters
        ----------
        table : DataFrame
            As `rnnbp.datasets.load_nettalk` gives it. Words that are spelt alike stay apart, each with its own
            pronunciation.

        Examples
        --------
        >>> table = pd.DataFrame({"word": ["knob"], "phonemes": ["-nab"], "stress": [">>1<"]})
        >>> Lexicon.of_nettalk(table).pronunciations
        ((('n>', 'a1', 'b<'),),)
        """
        rows = zip(table["phonemes"], table["stress"], strict=True)
        labels = tuple(tuple(map("".join, zip(*row, strict=True))) for row in rows)
        return cls(tuple(table["word"]), tuple((spoken(one),) for one in labels), labels)

    @classmethod
    def of_cmudict(cls, dictionary: Mapping[str, Sequence[Pronunciation]]) -> "Lexicon":
        """Of the CMU dictionary, which is not aligned; words with signs other than `LETTERS` are left out.

        Parameters
        ----------
        dictionary : mapping of str to sequence of tuple of str
            As `rnnbp.datasets.load_cmudict` gives it.

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
        """The words where `mask` (N,) is True."""
        places = np.flatnonzero(mask)
        parts = (tuple(column[i] for i in places) for column in (self.words, self.pronunciations, self.labels))
        return Lexicon(*parts)  # type: ignore[arg-type]

    def aligned(self) -> "Lexicon":
        """The same with labels, from an alignment of the letters with each word's first pronunciation.

        See Also
        --------
        rnnbp.applications.nettalk.align : how they are found.
        """
        found = align(self.words, [ways[0] for ways in self.pronunciations])
        labels = tuple(None if one is None else tuple(" ".join(c) or SILENT for c in one) for one in found)
        return Lexicon(self.words, self.pronunciations, labels)

    @property
    def classes(self) -> tuple[str, ...]:
        """The labels that occur, sorted."""
        return tuple(sorted({label for one in self.labels if one is not None for label in one}))

    def by_letter(self) -> SequenceDataset:
        """For a label a letter: letters (T, 29), classes (T,); words without labels are left out."""
        known = [(word, one) for word, one in zip(self.words, self.labels, strict=True) if one is not None]
        place = {label: k for k, label in enumerate(self.classes)}
        targets = [np.array([place[label] for label in one]) for _, one in known]
        return SequenceDataset([one_hot(word) for word, _ in known], targets, classes=self.classes)

    def by_feature(self) -> SequenceDataset:
        """For NETtalk's 26 output units: letters (T, 29), units (T, 26)."""
        if not all(one is not None and all(re.fullmatch(_SIGNS, label) for label in one) for one in self.labels):
            raise ValueError("labels must be those of NETtalk, a phoneme and a stress for every letter of every word")
        units = [encode(*map("".join, zip(*one or (), strict=True))) for one in self.labels]
        return SequenceDataset([one_hot(word) for word in self.words], units)

    def by_word(self) -> SequenceDataset:
        """For CTC: each letter at two steps (2 T, 29), and the first pronunciation's phonemes, in as many labels as it
        has; words with more phonemes than steps are left out.
        """
        said = [ways[0] for ways in self.pronunciations]
        fit = [i for i, word in enumerate(self.words) if needed(said[i]) <= CTC_STEPS * len(word)]
        classes = (BLANK, *sorted({phoneme for one in said for phoneme in one}))
        sequences = [slowly(self.words[i]) for i in fit]
        return SequenceDataset(sequences, LabelSequences([said[i] for i in fit], classes=classes))


def needed(phonemes: Pronunciation) -> int:
    """The steps that CTC needs: one a phoneme, and one more between two that are the same.

    Examples
    --------
    >>> needed(("K", "K", "AH0"))
    4
    """
    return len(phonemes) + sum(a == b for a, b in itertools.pairwise(phonemes))


def slowly(word: str) -> Array:
    """A word's letters for CTC, each at two steps: (2 T, 29).

    Examples
    --------
    >>> slowly("at").argmax(axis=1)
    array([ 0,  0, 19, 19])
    """
    return np.repeat(one_hot(word), CTC_STEPS, axis=0)


def spoken(labels: Sequence[str]) -> Pronunciation:
    """The phonemes that letters with these labels make.

    Examples
    --------
    >>> spoken(["F", "AA1", "K S", "-"]), spoken(["->", "n>", "a1", "b<"])
    (('F', 'AA1', 'K', 'S'), ('n>', 'a1', 'b<'))
    """
    return tuple(phoneme for label in labels if not label.startswith(SILENT) for phoneme in label.split())


def unstressed(phonemes: Sequence[str]) -> Pronunciation:
    """Phonemes, or labels, without signs of stress.

    Examples
    --------
    >>> unstressed(["F", "AA1", "K S"]), unstressed(["n>", "a1"])
    (('F', 'AA', 'K S'), ('n', 'a'))
    """
    return tuple(" ".join(part.rstrip(STRESS) for part in phoneme.split()) for phoneme in phonemes)
