"""Parameters: one vector with named views."""

import copy

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnbp.core import Parameters

SHAPES = {"w": (2, 3), "b": (2,), "scale": ()}


@pytest.fixture
def params() -> Parameters:
    return Parameters(SHAPES, np.arange(9.0))


def test_names_are_in_the_vector_in_their_order(params):
    np.testing.assert_array_equal(params["w"], [[0, 1, 2], [3, 4, 5]])
    np.testing.assert_array_equal(params["b"], [6, 7])
    assert params["scale"] == 8
    assert list(params) == list(params.keys()) == ["w", "b", "scale"]
    assert len(params) == 3
    assert params.size == 9
    assert params.place("b") == slice(6, 8)
    assert "w" in params
    assert "v" not in params


def test_default_is_float32_zeros():
    params = Parameters(SHAPES)
    assert params.vector.dtype == np.float32
    np.testing.assert_array_equal(params.vector, np.zeros(9))


def test_a_given_vector_is_used_not_copied():
    vector = np.zeros(9)
    Parameters(SHAPES, vector)["b"] = [1, 2]
    np.testing.assert_array_equal(vector, [0, 0, 0, 0, 0, 0, 1, 2, 0])


def test_views_write_through(params):
    params["w"][1, 2] = -1
    params["scale"][...] = 5
    assert params.vector[5] == -1
    assert params.vector[8] == 5
    params["b"] += 1
    np.testing.assert_array_equal(params.vector[6:8], [7, 8])


def test_assignment_copies_into_place(params):
    vector, value = params.vector, np.ones((2, 3))
    params["w"] = value
    value[:] = 7
    assert params.vector is vector
    np.testing.assert_array_equal(params["w"], np.ones((2, 3)))
    params["b"] = 0
    np.testing.assert_array_equal(params["b"], [0, 0])


def test_assignment_preserves_the_dtype():
    params = Parameters({"b": (2,)})
    params["b"] = np.array([0.1, 0.2])
    assert params["b"].dtype == np.float32


@pytest.mark.parametrize("duplicate", [copy.deepcopy, copy.copy, Parameters.copy], ids=["deepcopy", "copy", ".copy()"])
def test_views_of_a_copy_belong_to_the_copy(params, duplicate):
    other = duplicate(params)
    other["w"] = 9
    np.testing.assert_array_equal(other.vector[:6], np.full(6, 9))
    assert other["w"].base is not None


@pytest.mark.parametrize("duplicate", [copy.deepcopy, Parameters.copy], ids=["deepcopy", ".copy()"])
def test_a_deep_copy_has_its_own_vector(params, duplicate):
    duplicate(params).vector[:] = 0
    assert params["w"][0, 1] == 1


def test_like_takes_another_vector_of_any_dtype(params):
    vector = np.arange(9) * 1j
    other = params.like(vector)
    assert other.vector is vector
    assert other["b"][1] == 7j


def test_zeros_and_astype(params):
    assert params.zeros().vector.dtype == params.vector.dtype
    np.testing.assert_array_equal(params.zeros().vector, np.zeros(9))
    single = params.astype(np.float32)
    assert single.vector.dtype == np.float32
    single["w"] = 0
    assert params["w"][0, 1] == 1


def test_a_scope_is_a_view_with_prefix_and_suffix_removed():
    params = Parameters({"0.w": (2,), "1.w": (3,), "1.b": (1,), "10.w": (1,)})
    inner = params.scope("1.")
    inner["w"] = [1, 2, 3]
    assert list(inner.shapes.items()) == [("w", (3,)), ("b", (1,))]
    np.testing.assert_array_equal(params["1.w"], [1, 2, 3])
    reverse = Parameters({"w": (1,), "w_reverse": (2,), "b_reverse": (1,)}, np.arange(4.0)).scope(suffix="_reverse")
    np.testing.assert_array_equal(reverse["b"], [3])
    assert params.scope("2.").size == 0


def test_scopes_nest():
    params = Parameters({"0.0.w": (1,), "0.1.w": (1,), "1.w": (1,)}, np.arange(3.0))
    assert params.scope("0.").scope("1.")["w"] == 1


def test_equality_is_of_names_shapes_and_numbers(params):
    assert params == params.copy()
    assert params == params.astype(np.float32)
    assert params != params.zeros()
    assert params != Parameters({"v": (9,)}, np.arange(9.0))
    assert params != Parameters({"b": (2,), "w": (2, 3), "scale": ()}, np.arange(9.0))
    with pytest.raises(TypeError, match="unhashable"):
        hash(params)


def test_repr_lists_names_and_shapes(params):
    assert repr(params) == "Parameters: 9 float64 numbers\n  w: (2, 3)\n  b: (2,)\n  scale: ()"


def test_a_wrong_vector_is_refused():
    with pytest.raises(ValueError, match=r"vector must have shape \(P,\) = \(9,\), got \(8,\)"):
        Parameters(SHAPES, np.zeros(8))
    with pytest.raises(ValueError, match=r"vector must have shape \(P,\) = \(9,\), got \(3, 3\)"):
        Parameters(SHAPES, np.zeros((3, 3)))


def test_a_wrong_shape_is_refused(params):
    with pytest.raises(ValueError, match=r"parameter 'w' has shape \(2, 3\), got \(3, 2\)"):
        params["w"] = np.zeros((3, 2))


def test_a_scope_that_is_not_contiguous_is_refused():
    params = Parameters({"w_l0": (2,), "v_l0_reverse": (1,), "w_l1": (3,), "v_l1_reverse": (1,)})
    with pytest.raises(ValueError, match=r"w_\.\.\. are not contiguous in the vector: w_l0, w_l1"):
        params.scope("w_")
    with pytest.raises(
        ValueError, match=r"the parameters \.\.\._reverse are not contiguous in the vector: v_l0_reverse, "
    ):
        params.scope(suffix="_reverse")


def test_an_unknown_name_is_refused(params):
    with pytest.raises(KeyError, match=r"no parameter 'scal'\. Did you mean 'scale'\?"):
        params["scal"]
    with pytest.raises(KeyError, match=r"no parameter 'q'\."):
        params["q"] = 1
    with pytest.raises(KeyError, match=r"no parameter 'q'\."):
        params.place("q")


@given(st.lists(st.lists(st.integers(0, 4), max_size=3).map(tuple), max_size=5))
def test_any_shapes_fill_the_vector_without_gap_or_overlap(shapes):
    params = Parameters({f"p{k}": shape for k, shape in enumerate(shapes)})
    for k, name in enumerate(params):
        params[name] = k
    sizes = [int(np.prod(shape)) for shape in shapes]
    np.testing.assert_array_equal(params.vector, np.repeat(np.arange(len(shapes)), sizes))
    assert all(view.shape == params.shapes[name] for name, view in params.items())


def test_arrays_renamed_share_the_memory(params):
    other = params.renamed({"bias": (2,), "gain": ()}, start=6)
    other["bias"] += 1
    other["gain"] = -1
    np.testing.assert_array_equal(params.vector[6:], [7, 8, -1])
    with pytest.raises(ValueError, match="from 8 on there are 1 numbers, but shapes need 2"):
        params.renamed({"bias": (2,)}, start=8)
