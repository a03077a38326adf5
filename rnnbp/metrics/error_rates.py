"""Edit distance between sequences, token error rate and word error rate."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

Array = np.ndarray


@dataclass(frozen=True)
class ErrorRate:
    """Counts of the edits that turn the target sequences of a corpus into the predicted ones.

    Parameters
    ----------
    substitutions, insertions, deletions : int
        Tokens replaced, added, and omitted.
    tokens : int
        Tokens of the targets.
    wrong_sequences, sequences : int
        Sequences with at least one edit, and all sequences.

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

    def __str__(self) -> str:
        return (
            f"{self.rate:.2%} ({self.substitutions} substituted, {self.insertions} inserted, {self.deletions} deleted "
            f"of {self.tokens})"
        ).replace("%", " %", 1)


def edit_distance(y_true: Sequence[Any] | Array, y_pred: Sequence[Any] | Array) -> int:
    """Return the Levenshtein distance: the least number of edits that turn one sequence into the other.

    Edits are substitutions, insertions and deletions.

    Parameters
    ----------
    y_true, y_pred : sequence
        Of hashable tokens; a string is the sequence of its characters.

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
    """Return the error rate of a corpus: the edits of all its sequences over all target tokens.

    Of several shortest edit sequences, one with the fewest substitutions is counted.

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
    numbers: dict[Any, int] = {}
    truths = [_numbered(one, numbers) for one in y_true]
    target_tokens = list(numbers)
    guesses = [_numbered(one, numbers) for one in y_pred]
    _check_types(target_tokens, list(numbers)[len(target_tokens) :])
    if len(guesses) != len(truths):
        raise ValueError(f"y_pred must be as many sequences as y_true, {len(truths)}, got {len(guesses)}")
    total = ErrorRate()
    size = np.array([max(len(a), len(b)) for a, b in zip(guesses, truths, strict=True)], np.int64)
    order = np.argsort(size, kind="stable")
    for part in np.split(order, range(_TOGETHER, len(order), _TOGETHER)):
        total += _counted([truths[i] for i in part], [guesses[i] for i in part])
    return total


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


_TOGETHER = 1024  # sequences, sorted by length, whose tables are computed together


def _check_types(targets: list[Any], others: list[Any]) -> None:
    """Raise if the targets are names and the other predicted tokens integers, or the reverse, which are never equal."""
    if not (targets and others):
        return
    for first, second in ((str, int | np.integer), (int | np.integer, str)):
        if all(isinstance(t, first) for t in targets) and all(isinstance(t, second) for t in others):
            found = ["names" if isinstance(tokens[0], str) else "integers" for tokens in (targets, others)]
            raise ValueError(
                f"y_true holds {found[0]} and y_pred {found[1]}: give both as names (of a dataset, `named_targets`)"
            )


def _numbered(tokens: Sequence[Any] | Array, numbers: dict[Any, int]) -> Array:
    """Return the number of each token; new tokens are added to `numbers`."""
    plain = tokens.tolist() if isinstance(tokens, np.ndarray) else tokens
    return np.array([numbers.setdefault(token, len(numbers)) for token in plain], np.int64)


def _counted(truths: list[Array], guesses: list[Array]) -> ErrorRate:
    """Return the error rate of N pairs by dynamic programming, one row of all N tables at a time.

    An edit costs M, and a substitution M + 1: with M above any number of edits, the least cost has the fewest edits
    and, of these, the fewest substitutions. With ``best[k]`` the least cost that ends without an insertion, the
    insertions of a row are a running minimum: ``row[j] = min over k <= j of best[k] + M (j - k)``.
    """
    n, m = (np.array([len(one) for one in many], np.int64) for many in (guesses, truths))
    guess, truth = _padded(guesses, n, -1), _padded(truths, m, -2)
    M = int(max(n.max(initial=0), m.max(initial=0))) + 1
    inserted: Array = (M * np.arange(len(guess) + 1, dtype=np.int32 if M < 30_000 else np.int64))[:, None]
    row: Array = np.tile(inserted, len(n))  # of N tables, side by side
    cost = row[n, np.arange(len(n))].astype(np.int64)
    for i, token in enumerate(truth):
        best = row + M
        np.minimum(best[1:], row[:-1] + (M + 1) * (guess != token).astype(row.dtype), out=best[1:])
        row = np.minimum.accumulate(best - inserted, axis=0)
        row += inserted
        ends = m == i + 1
        cost[ends] = row[n[ends], ends]
    edits, substituted = cost // M, cost % M
    inserted_of = (edits - substituted + n - m) // 2
    deleted = edits - substituted - inserted_of
    counts = (substituted, inserted_of, deleted, m, edits > 0, np.ones_like(n))
    return ErrorRate(*(int(c.sum()) for c in counts))


def _padded(rows: list[Array], lengths: Array, value: int) -> Array:
    """Return rows of different lengths as the columns of one padded array (L, N)."""
    array = np.full((len(rows), lengths.max(initial=0)), value, np.int64)
    array[np.arange(array.shape[1]) < lengths[:, None]] = np.concatenate([*rows, np.empty(0, np.int64)])
    return np.ascontiguousarray(array.T)
