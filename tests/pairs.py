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
    """Return the fast rows, and those of a table that are not among them, marked as slow: CI runs them once."""
    fast = list(fast)
    rest = [row if isinstance(row, tuple) else (row,) for row in rows if row not in fast]
    return [*fast, *(pytest.param(*row, marks=pytest.mark.slow) for row in rest)]
