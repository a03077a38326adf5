"""Tables of tests that cover every pair of values instead of the whole product."""

from collections.abc import Iterable
from typing import Any

from allpairspy import AllPairs


def pairs(*axes: Iterable[Any]) -> list[tuple[Any, ...]]:
    """Return rows of one value of each axis in which any two values of two axes meet at least once.

    A fault of a table depends on one of its axes or on two that meet (Kuhn, Wallace & Gallo 2004,
    doi:10.1109/TSE.2004.24), and 15 cells x 6 solvers x 8 adjoints are 720 tests, or 120 pairs.
    """
    return [tuple(row) for row in AllPairs([list(axis) for axis in axes])]
