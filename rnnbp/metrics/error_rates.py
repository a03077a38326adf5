"""How far predicted sequences are from the right ones: edit distance, token and word error rates."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

Array = np.ndarray


@dataclass(frozen=True)
class ErrorRate:
    """The edits that turn what is right into what was predicted, counted over a whole corpus.

    Parameters
    ----------
    substitutions, insertions, deletions : int
        Tokens taken for others, added, and left out.
    tokens : int
        How many there should be.
    wrong_sequences, sequences : int
        How many have an edit, and how many there are.

    Examples
    --------
    >>> found = ErrorRate(1, 0, 1, tokens=8, wrong_sequences=1, sequences=2)
    >>> found.rate, found.sequence_rate, (found + found).errors
    (0.25, 0.5, 4)
    >>> print(found)
    25.00 % (1 substituted, 0 inserted, 1 deleted of 8)
    """

    substitutions: int = 0
    insertions: int = 0
    deletions: int = 0
    tokens: int = 0
    wrong_sequences: int = 0
    sequences: int = 0

    @property
    def errors(self) -> int:
        """All edits."""
        return self.substitutions + self.insertions + self.deletions

    @property
    def rate(self) -> float:
        """Edits for each token there should be; may be above 1. NaN where there should be none."""
        return self.errors / self.tokens if self.tokens else float("nan")

    @property
    def sequence_rate(self) -> float:
        """The fraction of sequences that are not exactly right; NaN where there is none.

        Where each sequence is the pronunciation of a word, it is what that field calls the word error rate.
        """
        return self.wrong_sequences / self.sequences if self.sequences else float("nan")

    def __add__(self, other: "ErrorRate") -> "ErrorRate":
        return ErrorRate(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))

    def __str__(self) -> str:
        return (
            f"{self.rate:.2%} ({self.substitutions} substituted, {self.insertions} inserted, {self.deletions} deleted "
            f"of {self.tokens})"
        ).replace("%", " %", 1)


def edit_distance(y_true: Sequence[Any] | Array, y_pred: Sequence[Any] | Array) -> int:
    """The fewest substitutions, insertions and deletions that turn one sequence into the other.

    Parameters
    ----------
    y_true, y_pred : sequence
        Of anything that can be a key of a dict; a text is the sequence of its letters.

    Returns
    -------
    int

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
    return token_error_rate([y_true], [y_pred]).errors


def token_error_rate(y_true: Iterable[Sequence[Any] | Array], y_pred: Iterable[Sequence[Any] | Array]) -> ErrorRate:
    """The errors of a corpus: edits of all its sequences for all tokens there should be.

    Of several shortest ways to edit a sequence, the one that leaves the most tokens as they are is counted.

    Parameters
    ----------
    y_true, y_pred : iterable of sequences
        As many of one as of the other.

    Returns
    -------
    ErrorRate

    Raises
    ------
    ValueError
        If there are not as many, or one has names and the other integers.

    Examples
    --------
    >>> token_error_rate([[1, 2, 3], [5]], [[1, 2, 4], [5, 5]])
    ErrorRate(substitutions=1, insertions=1, deletions=0, tokens=4, wrong_sequences=2, sequences=2)
    """
    numbers: dict[Any, int] = {}
    truths = [_numbered(one, numbers) for one in y_true]
    right = list(numbers)
    guesses = [_numbered(one, numbers) for one in y_pred]
    _check_kinds(right, list(numbers)[len(right) :])
    if len(guesses) != len(truths):
        raise ValueError(f"y_pred must be as many sequences as y_true, {len(truths)}, got {len(guesses)}")
    total = ErrorRate()
    size = np.array([max(len(a), len(b)) for a, b in zip(guesses, truths, strict=True)], np.int64)
    order = np.argsort(size, kind="stable")
    for part in np.split(order, range(_TOGETHER, len(order), _TOGETHER)):
        total += _counted([truths[i] for i in part], [guesses[i] for i in part])
    return total


def word_error_rate(y_true: Iterable[str], y_pred: Iterable[str]) -> ErrorRate:
    """The errors of texts, word by word; words are what white space divides.

    Parameters
    ----------
    y_true, y_pred : iterable of str
        As many of one as of the other.

    Returns
    -------
    ErrorRate

    Raises
    ------
    ValueError
        If there are not as many.

    Examples
    --------
    >>> print(word_error_rate(["one  too six seven"], ["one two six"]))
    50.00 % (1 substituted, 0 inserted, 1 deleted of 4)
    """
    return token_error_rate((text.split() for text in y_true), (text.split() for text in y_pred))


_TOGETHER = 1024  # sequences, sorted by length, whose tables are filled in side by side


def _check_kinds(right: list[Any], others: list[Any]) -> None:
    """Raise where what is right are names and what was predicted integers, or the reverse, which are never equal."""
    for kind, other in ((str, int | np.integer), (int | np.integer, str)):
        if right and others and all(isinstance(t, kind) for t in right) and all(isinstance(t, other) for t in others):
            said = ["names" if isinstance(tokens[0], str) else "integers" for tokens in (right, others)]
            raise ValueError(
                f"y_true holds {said[0]} and y_pred {said[1]}: give both as names (of a dataset, `named_targets`)"
            )


def _numbered(tokens: Sequence[Any] | Array, numbers: dict[Any, int]) -> Array:
    """Each token's number, a new one where it is new."""
    plain = tokens.tolist() if isinstance(tokens, np.ndarray) else tokens
    return np.array([numbers.setdefault(token, len(numbers)) for token in plain], np.int64)


def _counted(truths: list[Array], guesses: list[Array]) -> ErrorRate:
    """The errors of N pairs, a row of all their tables at a time.

    An edit costs M, and a substitution one more: with M above any number of edits, the least cost has the fewest edits
    and, of these, the fewest substitutions. In a row, what comes by insertions is a running minimum:
    ``row[j] = min over k <= j of way[k] + M (j - k)``.
    """
    n, m = (np.array([len(one) for one in many], np.int64) for many in (guesses, truths))
    guess, truth = _padded(guesses, n, -1), _padded(truths, m, -2)
    M = int(max(n.max(initial=0), m.max(initial=0))) + 1
    inserted: Array = (M * np.arange(len(guess) + 1, dtype=np.int32 if M < 30_000 else np.int64))[:, None]
    row: Array = np.tile(inserted, len(n))  # of N tables, side by side
    cost = row[n, np.arange(len(n))].astype(np.int64)
    for i, token in enumerate(truth):
        way = row + M
        np.minimum(way[1:], row[:-1] + (M + 1) * (guess != token).astype(row.dtype), out=way[1:])
        row = np.minimum.accumulate(way - inserted, axis=0)
        row += inserted
        ends = m == i + 1
        cost[ends] = row[n[ends], ends]
    edits, substituted = cost // M, cost % M
    inserted_of = (edits - substituted + n - m) // 2
    deleted = edits - substituted - inserted_of
    counts = (substituted, inserted_of, deleted, m, edits > 0, np.ones_like(n))
    return ErrorRate(*(int(c.sum()) for c in counts))


def _padded(rows: list[Array], lengths: Array, value: int) -> Array:
    """(L, N): each in a column."""
    array = np.full((len(rows), lengths.max(initial=0)), value, np.int64)
    array[np.arange(array.shape[1]) < lengths[:, None]] = np.concatenate([*rows, np.empty(0, np.int64)])
    return np.ascontiguousarray(array.T)
