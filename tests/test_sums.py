"""Zeros that are not written before they are looked at."""

import copy

import numpy as np
import pytest

from rnnbp.params import Parameters
from rnnbp.sums import Sums

SHAPES = {"0.w": (2, 3), "0.none": (0,), "0.b": (2,), "1.w": (2, 3), "1.scale": ()}


@pytest.fixture
def sums() -> Sums:
    made = Sums(Parameters(SHAPES, np.zeros(15)))
    made._parts[0].memory[:] = np.nan  # what memory that was used before may hold
    return made


A, B = np.arange(2.0).reshape(2, 1) + 1, np.arange(3.0).reshape(1, 3)


def test_begin_at_zero(sums):
    np.testing.assert_array_equal(sums.vector, np.zeros(15))


def test_take_dtype_and_shapes_from_parameters():
    sums = Sums(Parameters(SHAPES))
    assert sums.vector.dtype == np.float32
    assert sums.shapes == SHAPES
    assert sums.size == 15


def test_an_array_begins_at_zero_when_it_is_looked_at(sums):
    sums["1.w"] += 2
    np.testing.assert_array_equal(sums["1.w"], np.full((2, 3), 2))
    assert np.isnan(sums._parts[0].memory[:8]).all()  # the others are not written
    np.testing.assert_array_equal(sums.vector, [0] * 8 + [2] * 6 + [0])


def test_the_first_product_is_written_and_others_are_added(sums):
    sums.add_product("0.w", A, B)
    np.testing.assert_array_equal(sums["0.w"], A @ B)
    sums.add_product("0.w", A, B)
    np.testing.assert_array_equal(sums["0.w"], 2 * A @ B)


def test_a_product_is_added_to_what_was_added_otherwise(sums):
    sums["0.w"] += 1
    sums.add_product("0.w", A, B)
    np.testing.assert_array_equal(sums["0.w"], 1 + A @ B)


@pytest.mark.parametrize("look", [lambda s: s.vector, lambda s: dict(s.items()), lambda s: s["0.w"], copy.deepcopy])
def test_looking_between_changes_nothing(sums, look):
    sums.add_product("0.w", A, B)
    look(sums)
    sums.add_product("0.w", A, B)
    expected = Parameters(SHAPES, np.zeros(15))
    expected["0.w"] = 2 * A @ B
    np.testing.assert_array_equal(sums.vector, expected.vector)


def test_what_is_written_in_a_scope_is_written_in_the_whole(sums):
    one = sums.scope("1.")
    one.add_product("w", A, B)
    one.scope("sc")["ale"] += 3
    np.testing.assert_array_equal(one["w"], A @ B)
    np.testing.assert_array_equal(sums["1.w"], A @ B)
    sums.add_product("1.w", A, B)
    np.testing.assert_array_equal(one.vector, [*(2 * A @ B).ravel(), 3])
    assert np.isnan(sums._parts[0].memory[:8]).all()
    np.testing.assert_array_equal(sums.vector[:8], np.zeros(8))


def test_scopes_of_arrays_alike_are_kept_apart(sums):
    sums.scope("0.").add_product("w", A, B)
    np.testing.assert_array_equal(sums.scope("1.").vector, np.zeros(7))


def test_assigned_arrays_are_written(sums):
    sums["0.b"] = [1, 2]
    sums.add_product("0.w", A, B)
    np.testing.assert_array_equal(sums.vector, [*(A @ B).ravel(), 1, 2, *[0] * 7])


def test_other_memory_makes_plain_parameters(sums):
    for made in (sums.zeros(), sums.copy(), sums.astype(np.float32), sums.like(np.ones(15))):
        assert type(made) is Parameters
    assert sums == Parameters(SHAPES, np.zeros(15))


def test_an_unknown_name_is_refused(sums):
    with pytest.raises(KeyError, match=r"no parameter '0\.v'"):
        sums.add_product("0.v", A, B)


def test_a_scope_may_be_changed_as_a_vector(sums):
    one = sums.scope("1.")
    one.vector += 2
    np.testing.assert_array_equal(sums.vector, [0] * 8 + [2] * 7)


def test_parts_come_together_when_looked_at(sums):
    sums.add_product("0.w", A, B)
    for k in (0, 1, 2):
        part = sums.part(k)
        part["1.w"] += 10**k
        part.add_product("0.w", A, B)
    np.testing.assert_array_equal(sums["1.w"], np.full((2, 3), 111))
    np.testing.assert_array_equal(sums.vector, [*(4 * A @ B).ravel(), 0, 0, *[111] * 6, 0])
    np.testing.assert_array_equal(sums.vector, [*(4 * A @ B).ravel(), 0, 0, *[111] * 6, 0])


def test_a_part_goes_on_after_it_was_looked_at(sums):
    for total in (1, 2):
        sums.part(1)["1.w"] += 1
        np.testing.assert_array_equal(sums["1.w"], np.full((2, 3), total))


def test_parts_are_apart_until_then(sums):
    first, second = sums.part(0), sums.part(1)
    second["0.b"] += 3
    np.testing.assert_array_equal(first["0.b"], [0, 0])
    np.testing.assert_array_equal(sums.part(1)["0.b"], [3, 3])
    np.testing.assert_array_equal(sums["0.b"], [3, 3])


def test_a_scope_has_parts_of_its_own_place(sums):
    sums.scope("1.").part(1)["w"] += 2
    sums.part(1)["1.scale"] += 5
    np.testing.assert_array_equal(sums.scope("1.").vector, [2] * 6 + [5])
    np.testing.assert_array_equal(sums.vector, [0] * 8 + [2] * 6 + [5])


def test_another_dtype():
    assert Sums(Parameters(SHAPES), np.float64).part(1).vector.dtype == np.float64


def test_arrays_renamed_are_the_same_sums(sums):
    one = sums.renamed({"v": (2, 3), "s": ()}, start=8)
    one.part(1)["v"] += 4
    one.add_product("v", A, B)
    np.testing.assert_array_equal(one["v"], 4 + A @ B)
    np.testing.assert_array_equal(sums.vector, [0] * 8 + [*(4 + A @ B).ravel(), 0])


def test_pieces_of_arrays_renamed_are_right_too(sums):
    sums.part(1)["0.w"] += 1
    sums.renamed({"first": (3,), "second": (3,)})["second"] += 2
    np.testing.assert_array_equal(sums.vector, [1] * 3 + [3] * 3 + [0] * 9)
