"""Edit distance between sequences, token error rate and word error rate."""

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from rnnbp.metrics.edits import distance_function, fewest_edits
from rnnbp.metrics.tokens import numbered
from rnnbp.runtime import got, number, refuses_by_name

Array = np.ndarray


@dataclass(frozen=True)
class ErrorRate:
    """Counts of the edits that turn the target sequences of a corpus into the predicted ones.

    Parameters
    ----------
    substitutions, insertions, deletions : int, or float
        Tokens replaced, added, and omitted.
    tokens : int
        Tokens of the targets.
    wrong_sequences, sequences : int
        Sequences with at least one edit, and all sequences. Counts are floats where sequences have weights.

    Examples
    --------
    >>> found = ErrorRate(1, 0, 1, tokens=8, wrong_sequences=1, sequences=2)
    >>> found.rate, found.sequence_rate, (found + found).errors
    (0.25, 0.5, 4)
    >>> print(found)
    25.00 % (1 substituted, 0 inserted, 1 deleted of 8)
    """

    substitutions: float = 0
    insertions: float = 0
    deletions: float = 0
    tokens: float = 0
    wrong_sequences: float = 0
    sequences: float = 0

    @property
    def errors(self) -> float:
        """Number of edits."""
        return self.substitutions + self.insertions + self.deletions

    @property
    def rate(self) -> float:
        """Edits per target token; may be above 1. NaN without target tokens."""
        return self.errors / self.tokens if self.tokens else float("nan")

    @property
    def sequence_rate(self) -> float:
        """Fraction of sequences with at least one edit; NaN without sequences.

        For pronunciations of words, this is called the word error rate in grapheme-to-phoneme conversion.
        """
        return self.wrong_sequences / self.sequences if self.sequences else float("nan")

    def __add__(self, other: "ErrorRate") -> "ErrorRate":
        return ErrorRate(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))

    @refuses_by_name
    def times(self, weight: float) -> "ErrorRate":
        """Return the counts of sequences that each have a weight.

        Examples
        --------
        >>> ErrorRate(1, 0, 0, tokens=4, wrong_sequences=1, sequences=1).times(0.5).tokens
        2.0
        """
        weight = number("weight", weight, 0)
        return ErrorRate(*(weight * getattr(self, f.name) for f in fields(self)))

    def __str__(self) -> str:
        return (
            f"{self.rate:.2%} ({self.substitutions} substituted, {self.insertions} inserted, {self.deletions} deleted "
            f"of {self.tokens})"
        ).replace("%", " %", 1)


@refuses_by_name
def edit_distance(y_true: Sequence[Any] | Array, y_pred: Sequence[Any] | Array) -> int:
    """Return the Levenshtein distance: the least number of edits that turn one sequence into the other.

    Edits are substitutions, insertions and deletions. Counted by rapidfuzz where that is installed (the extra
    `speech`). For many pairs, `token_error_rate` is faster than a loop.

    Parameters
    ----------
    y_true, y_pred : sequence
        Of hashable tokens; a string is the sequence of its characters.

    Returns
    -------
    int

    Raises
    ------
    ValueError
        If one has names and the other integers.

    See Also
    --------
    token_error_rate : counts substitutions, insertions and deletions of many pairs.

    References
    ----------
    V. I. Levenshtein (1966), "Binary codes capable of correcting deletions, insertions, and reversals", Soviet Physics
    Doklady 10, 707-710. R. A. Wagner & M. J. Fischer (1974), "The string-to-string correction problem", J. ACM 21(1),
    168-173, doi:10.1145/321796.321811

    Examples
    --------
    >>> edit_distance("kitten", "sitting")
    3
    """
    if isinstance(y_true, str) and isinstance(y_pred, str):
        return distance_function()(y_true, y_pred)
    codes, lengths = numbered([_tokens("y_true", y_true)], [_tokens("y_pred", y_pred)])
    return distance_function()(codes[: lengths[0]].tolist(), codes[lengths[0] :].tolist())


@refuses_by_name
def token_error_rate(y_true: Iterable[Sequence[Any] | Array], y_pred: Iterable[Sequence[Any] | Array]) -> ErrorRate:
    """Return the error rate of a corpus: the edits of all its sequences over all target tokens.

    Of several shortest edit sequences, one with the fewest substitutions is counted. Many pairs are computed side by
    side, with NumPy, or where they are long and Numba is installed (the extra `fast`), by compiled code.

    Parameters
    ----------
    y_true, y_pred : iterable of sequences
        The same number of both.

    Returns
    -------
    ErrorRate

    Raises
    ------
    ValueError
        If their numbers differ, or one has names and the other integers.

    Examples
    --------
    >>> token_error_rate([[1, 2, 3], [5]], [[1, 2, 4], [5, 5]])
    ErrorRate(substitutions=1, insertions=1, deletions=0, tokens=4, wrong_sequences=2, sequences=2)
    """
    true, predicted_tokens = (
        [_tokens(name, one) for one in given] for name, given in (("y_true", y_true), ("y_pred", y_pred))
    )
    codes, lengths = numbered(true, predicted_tokens)
    edits, substitutions = fewest_edits(codes, lengths)
    targets, predicted = (int(part.sum()) for part in np.split(lengths, 2))
    errors, replaced = int(edits.sum()), int(substitutions.sum())
    inserted = (errors - replaced + predicted - targets) // 2
    return ErrorRate(replaced, inserted, errors - replaced - inserted, targets, int((edits > 0).sum()), len(edits))


@refuses_by_name
def word_error_rate(y_true: Iterable[str], y_pred: Iterable[str]) -> ErrorRate:
    """Return the word error rate of texts, whose words are separated by white space.

    Parameters
    ----------
    y_true, y_pred : iterable of str
        The same number of both.

    Returns
    -------
    ErrorRate

    Raises
    ------
    ValueError
        If their numbers differ.

    Examples
    --------
    >>> print(word_error_rate(["one  too six seven"], ["one two six"]))
    50.00 % (1 substituted, 0 inserted, 1 deleted of 4)
    """
    return token_error_rate((text.split() for text in y_true), (text.split() for text in y_pred))


def _tokens(name: str, given: Any) -> Any:
    if not hasattr(given, "__len__") or (getattr(given, "ndim", 1) != 1):
        raise ValueError(f"{name} must be a sequence of tokens, {got(given)}")
    if isinstance(given, list | tuple) and not all(isinstance(one, Hashable) for one in given):
        raise ValueError(f"{name} must be a sequence of tokens, which are hashable, {got(given)}")
    return given
