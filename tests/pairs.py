"""Tables of tests that are less than the whole product of their axes."""

from collections.abc import Iterable
from itertools import cycle, islice
from typing import Any

import pytest
from allpairspy import AllPairs


def pairs(*axes: Iterable[Any]) -> list[tuple[Any, ...]]:
    """Return rows of one value of each axis in which any two values of two axes meet at least once.

    A fault of a table depends on one of its axes or on two that meet (Kuhn, Wallace & Gallo 2004,
    doi:10.1109/TSE.2004.24), and 15 cells x 6 solvers x 8 adjoints are 720 tests, or 120 pairs.
    """
    return [tuple(row) for row in AllPairs([list(axis) for axis in axes])]


def each(*axes: Iterable[Any]) -> list[tuple[Any, ...]]:
    """Return rows in which each value of each axis is at least once: for axes that cannot fail together."""
    lists = [list(axis) for axis in axes]
    return list(islice(zip(*map(cycle, lists), strict=True), max(map(len, lists))))


def slow_but(fast: Iterable[Any], rows: Iterable[Any]) -> list[Any]:
    """Return the rows with all but a few marked as slow: the rest of a table, which is run once in CI."""
    fast = set(fast)
    return [row if row in fast else pytest.param(*_tuple(row), marks=pytest.mark.slow) for row in rows]


def _tuple(row: Any) -> tuple[Any, ...]:
    return row if isinstance(row, tuple) else (row,)
