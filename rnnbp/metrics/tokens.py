"""Numbers in place of tokens, equal where the tokens are."""

from collections.abc import Hashable, Iterable, Sequence
from itertools import chain
from typing import Any

import numpy as np

Array = np.ndarray


def numbered(y_true: Sequence[Iterable[Hashable]], y_pred: Sequence[Iterable[Hashable]]) -> tuple[Array, Array]:
    """Return the numbers of all tokens of N target and N predicted sequences in a row, and the 2 N lengths.

    Raises
    ------
    ValueError
        If the numbers of sequences differ, or one has names and the other integers.

    Examples
    --------
    >>> numbered([["a", "b"], ["b"]], [["c"], []])
    (array([0, 1, 1, 2]), array([2, 1, 1, 0]))
    """
    both = [*y_true, *y_pred]
    if set(map(type, both)) == {str}:
        codes, lengths = _characters(both)
    else:
        numbers = _Numbers()
        rows = [_row(one, numbers) for one in y_true]
        targets = len(numbers)
        rows += [_row(one, numbers) for one in y_pred]
        tokens = list(numbers)
        _check_types(tokens[:targets], tokens[targets:])
        lengths = np.fromiter(map(len, rows), np.int64, len(rows))
        codes = np.fromiter(chain.from_iterable(rows), np.int64, lengths.sum())
    if len(y_pred) != len(y_true):
        raise ValueError(f"y_pred must be as many sequences as y_true, {len(y_true)}, got {len(y_pred)}")
    return codes, lengths


def _characters(texts: list[Any]) -> tuple[Array, Array]:
    """Return the code points of all texts in a row, and their lengths."""
    codes = np.frombuffer("".join(texts).encode("utf-32-le", "surrogatepass"), "<u4")
    return codes, np.fromiter(map(len, texts), np.int64, len(texts))


class _Numbers(dict[Any, int]):
    """Number of each token, in the order in which they are asked for."""

    def __missing__(self, token: Hashable) -> int:
        return self.setdefault(token, len(self))


def _row(tokens: Iterable[Hashable], numbers: _Numbers) -> list[int]:
    """Return the number of each token."""
    return list(map(numbers.__getitem__, tokens.tolist() if isinstance(tokens, np.ndarray) else tokens))


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
