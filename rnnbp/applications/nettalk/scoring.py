"""Scores of reading: error rates of phonemes and words, accuracy of letters."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from rnnbp.applications.nettalk.lexicon import Labels, Lexicon, Pronunciation, unstressed
from rnnbp.applications.nettalk.readers import Reads
from rnnbp.metrics import ErrorRate, edit_distance, token_error_rate
from rnnbp.runtime import flag, of_type, refuses_by_name


@refuses_by_name
def pronunciation_errors(
    read: Sequence[Pronunciation], pronunciations: Sequence[Sequence[Pronunciation]], *, stress: bool = True
) -> ErrorRate:
    """Count the edits between predicted and correct pronunciations; of several correct ones the nearest counts.

    Parameters
    ----------
    read : sequence of tuple of str
        The predicted pronunciation of each word.
    pronunciations : sequence of sequences of tuple of str
        The correct pronunciations of each word, with stress.
    stress : bool, default True
        False: `read` is without stress, and the stress of `pronunciations` is removed.

    Returns
    -------
    ErrorRate
        `rate` is the phoneme error rate, `sequence_rate` the word error rate.

    Examples
    --------
    >>> found = pronunciation_errors([("R", "EH1", "D")], [[("R", "IY1", "D"), ("R", "EH1", "D")]])
    >>> found.rate, found.sequence_rate
    (0.0, 0.0)
    """
    flag("stress", stress)
    _check_alike("pronunciations", pronunciations, "read", read)
    if None in read or None in pronunciations:
        raise ValueError("read and pronunciations must have phonemes for every word, got None")
    nearest = []
    for one, ways in zip(read, pronunciations, strict=True):
        right = list(dict.fromkeys(ways if stress else map(unstressed, ways)))
        nearest.append(right[0] if len(right) == 1 else min(right, key=lambda way: edit_distance(way, one)))
    return token_error_rate(nearest, read)


@refuses_by_name
def scores(reader: Reads, lexicon: Lexicon) -> dict[str, float]:
    """Compute the error rates of a reader on a lexicon.

    Parameters
    ----------
    reader : Reader, CTCReader or FeatureReader
    lexicon : Lexicon

    Returns
    -------
    dict of str to float
        'phoneme_errors' and 'word_errors', without stress, and both with stress: '..._stressed'.

    Examples
    --------
    >>> from rnnbp.applications.nettalk import CTCReader, window_network
    >>> lexicon = Lexicon.of_cmudict({"at": (("AE1", "T"),)})
    >>> sorted(scores(CTCReader([window_network((), 3)], ["<blank>", "AE1", "T"]), lexicon))
    ['phoneme_errors', 'phoneme_errors_stressed', 'word_errors', 'word_errors_stressed']
    """
    found: dict[str, float] = {}
    for name, stress in (("", False), ("_stressed", True)):
        errors = pronunciation_errors(reader.read(lexicon.words, stress), lexicon.pronunciations, stress=stress)
        found |= {f"phoneme_errors{name}": errors.rate, f"word_errors{name}": errors.sequence_rate}
    return found


@refuses_by_name
def letters_right(labels: Sequence[Labels], right: Sequence[Labels | None]) -> tuple[float, float]:
    """Return the fractions of NETtalk's letters with correct phoneme and correct stress, silent letters included.

    Parameters
    ----------
    labels, right : sequence of tuple of str
        For each word, a phoneme and a stress for each letter.

    Examples
    --------
    >>> letters_right([("->", "n>", "o1", "b>")], [("->", "n>", "a1", "b<")])
    (0.75, 0.75)
    """
    _check_alike("right", right, "labels", labels)
    if any(one is not None and len(one) != len(word) for word, one in zip(labels, right, strict=True)):
        raise ValueError("labels and right must be of one length for each word")
    words = zip(labels, right, strict=True)
    pairs = [pair for word, correct in words for pair in zip(word, correct or (), strict=True)]
    phonemes, stress = np.mean([(a[0] == b[0], a[1] == b[1]) for a, b in pairs], axis=0)
    return float(phonemes), float(stress)


def _check_alike(name: str, ours: Sequence[Any], other: str, theirs: Sequence[Any]) -> None:
    for one, given in ((name, ours), (other, theirs)):
        of_type(one, given, list[Sequence[Any] | None])
    if len(ours) != len(theirs):
        raise ValueError(f"{name} must be one for each of {other}, {len(theirs)}, got {len(ours)}")
