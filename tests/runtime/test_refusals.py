"""Errors of arguments of the wrong type, which name them: from annotations, after the function itself has failed."""

import doctest
import inspect
import os
import pickle
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import pytest
from numpy.typing import ArrayLike, DTypeLike

from rnnbp.runtime import refuses_by_name
from rnnbp.runtime.annotations import described, fits


@refuses_by_name
def total(values: Sequence[float], *more: float, scale: float = 1.0, **options: Any) -> float:
    """Return a sum.

    >>> total([1.0, 2.0])
    3.0
    """
    if scale == 0:
        raise ValueError("scale must not be 0, got 0")
    return scale * (sum(values) + sum(more))


@refuses_by_name
@dataclass(frozen=True)
class Counter:
    """Count letters."""

    letters: str
    least: int = 0

    def __post_init__(self) -> None:
        if self.least < 0:
            raise ValueError(f"least must be 0 or more, got {self.least}")

    @classmethod
    @refuses_by_name
    def of(cls, words: Sequence[str]) -> "Counter":
        return cls("".join(words))

    @refuses_by_name
    def joined(self, other: "Counter") -> "Counter":
        return Counter(self.letters + other.letters)


class Loud(Counter):
    """A subclass."""


def test_an_internal_error_of_a_wrong_type_names_the_argument_and_keeps_its_cause():
    with pytest.raises(TypeError, match=r"^values must be a Sequence, got None$") as caught:
        total(None)
    assert "NoneType" in str(caught.value.__cause__)
    with pytest.raises(TypeError, match=r"^more must be a number of at most 64 bits, got \('a',\)$"):
        total([1.0], "a")
    with pytest.raises(TypeError, match="scale must be a number of at most 64 bits, got None"):
        total([1.0], scale=None)
    with pytest.raises(TypeError, match="other must be a Counter, got 'b'"):
        Counter("a").joined("b")
    with pytest.raises(TypeError, match="words must be a Sequence, got 3"):
        Loud.of(3)


def test_a_value_error_stays_a_value_error():
    @refuses_by_name
    def root(x: float) -> float:
        return float(x) ** 0.5

    with pytest.raises(ValueError, match="x must be a number of at most 64 bits, got 'two'"):
        root("two")


def test_the_functions_own_errors_come_first():
    with pytest.raises(ValueError, match="scale must not be 0, got 0"):
        total("ab", scale=0)  # values are at fault too, but that has not shown
    with pytest.raises(ValueError, match="least must be 0 or more, got -1"):
        Counter("a", -1)
    with pytest.raises(TypeError, match="missing 1 required positional argument"):
        total()
    with pytest.raises(TypeError, match="unexpected keyword argument 'size'"):
        Counter("a", size=2)


def test_other_errors_of_valid_arguments_are_left_unchanged():
    @refuses_by_name
    def divided(x: float, by: float) -> float:
        return x / by

    with pytest.raises(ZeroDivisionError) as caught:
        divided(1.0, 0.0)
    assert caught.value.__cause__ is None


def test_what_the_function_takes_is_taken():
    assert total((1, 2), 3) == 6
    assert total(np.ones(3), unknown="x") == 3
    assert Counter(3).letters == 3  # a class that must not take it checks it


def test_signature_docstring_and_type_stay():
    assert list(inspect.signature(total).parameters) == ["values", "more", "scale", "options"]
    assert total.__doc__.startswith("Return a sum")
    assert total.__module__ == __name__
    assert list(inspect.signature(Counter).parameters) == ["letters", "least"]
    assert inspect.getsource(total).startswith("@refuses_by_name")
    assert isinstance(Loud("a"), Counter)
    assert Counter("a") == Counter("a")


def test_functions_and_objects_are_pickled_by_name():
    assert pickle.loads(pickle.dumps(total)) is total
    assert pickle.loads(pickle.dumps(Counter("a"))) == Counter("a")


def test_doctests_are_found():
    found = {test.name for test in doctest.DocTestFinder().find(sys.modules[__name__]) if test.examples}
    assert found == {f"{__name__}.total"}


class HasSize(Protocol):
    size: int

    def grown(self) -> int: ...


class Thing:
    size = 2

    def grown(self) -> int:
        return 3


@pytest.mark.parametrize(
    ("annotation", "right", "wrong"),
    [
        (int, [0, np.int64(-3)], [True, 1.0, "1", None, 2**63]),
        (float, [0, 1.5, np.nan, np.float32(2)], [False, "1", None, 10**400]),
        (bool, [True, np.bool_(0)], [1, None, "no"]),
        (str, ["", "a"], [b"a", None, 1]),
        (str | None, ["a", None], [b"a"]),
        (Literal["a", "b"], ["a"], ["c", 1]),
        (ArrayLike, [[1, 2], 1.5, np.ones(2, bool)], [None, "a", [[1.0], [1.0, 2.0]], [None], Thing()]),
        (ArrayLike | None, [None, [1.0]], ["a", Thing()]),
        (np.ndarray, [np.ones(2)], [[1.0], np.array(["a"]), np.array([None])]),
        (DTypeLike, [np.float32, "f8", np.dtype(int)], ["text", 3]),  # of NumPy 1, None too
        (Sequence[str], [["a"], ("a", "b"), np.array(["a"])], [[1], {"a": 1}, b"ab", None, iter("ab")]),
        (tuple[str, int], [("a", 1), ["a", 1]], [("a", "b"), ("a",), "ab"]),
        (list[str], [["a"], ("a",)], ["ab", [1]]),
        (set[str], [{"a"}], [["a"]]),
        (Iterable[int], [[1], iter([1])], [3, b"ab", ["a"]]),
        (Mapping[str, int], [{"a": 1}], [["a"], None]),
        (Callable[[int], int], [abs, Thing], [3, None]),
        (str | os.PathLike[str], ["a", Path("a")], [b"a", 3]),
        (Path, ["a", Path("a")], [3]),
        (np.random.Generator, [np.random.default_rng(0)], [0, None]),
        (HasSize, [Thing()], [Thing, 3, "a"]),
        ("Thing", [Thing()], [3]),
        (Any, [3, None, Thing], []),
    ],
)
def test_a_value_fits_an_annotation(annotation, right, wrong):
    assert [one for one in right if not fits(one, annotation)] == []
    assert [one for one in wrong if fits(one, annotation)] == []


def test_annotations_in_words():
    assert described(int | None) == "an integer of at most 64 bits or None"
    assert described(ArrayLike | Thing | None) == "an array of numbers, a Thing or None"
    assert described(Literal["a", "b"] | float) == "'a' or 'b' or a number of at most 64 bits"
    assert described(str | os.PathLike[str]) == "a string or a path"
    assert described(Sequence[int]) == "a Sequence"
