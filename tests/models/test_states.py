"""States of a model in use: copied, set back, selected, put side by side, saved."""

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

import rnnbp
from rnnbp.models import copy_state, join_states, take_rows
from rnnbp.runtime import write_archive

MODEL = rnnbp.Sequential(rnnbp.Window(1, 0), rnnbp.LSTM(6, 4, num_layers=2), rnnbp.GRU(4, 3), rnnbp.Dense(3, 2))
X = np.random.default_rng(0).normal(size=(6, 4, 3)).astype(np.float32)


def state_after(steps: int, rows: slice = slice(None)) -> list:
    state = MODEL.start(len(X[0, rows]))
    for t in range(steps):
        _, state = MODEL.step(X[t, rows], state)
    return state


def arrays_of(state: object) -> list[np.ndarray]:
    return (
        [a for part in state for a in arrays_of(part)] if isinstance(state, list) else [] if state is None else [state]
    )


def assert_same(one: object, other: object) -> None:
    assert len(arrays_of(one)) == len(arrays_of(other)) == 4
    for a, b in zip(arrays_of(one), arrays_of(other), strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)


def test_a_copy_shares_no_memory() -> None:
    state = state_after(2)
    copied = copy_state(state)
    assert_same(copied, state)
    assert not any(np.shares_memory(a, b) for a, b in zip(arrays_of(state), arrays_of(copied), strict=True))


def test_a_saved_state_continues_with_the_same_bits(tmp_path: Path) -> None:
    state = state_after(3)
    rnnbp.save_state(tmp_path / "state.npz", state)
    loaded = rnnbp.load_state(tmp_path / "state.npz")
    assert_same(loaded, state)
    np.testing.assert_array_equal(MODEL.step(X[3], loaded)[0], MODEL.step(X[3], state)[0])


def test_reset_rows_are_those_of_start_and_others_unchanged() -> None:
    state = state_after(3)
    found = MODEL.reset_state(state, [True, False, False, True])
    assert_same(take_rows(found, [0, 3]), MODEL.start(2))
    assert_same(take_rows(found, [1, 2]), take_rows(state, [1, 2]))
    np.testing.assert_array_equal(
        MODEL.step(X[3], found)[0], MODEL.step(X[3], state, reset=[True, False, False, True])[0]
    )


def test_rows_of_a_state_are_the_states_of_those_sequences() -> None:
    state = state_after(3)
    assert_same(take_rows(state, [2, 2, 0]), join_states([take_rows(state, [2]), take_rows(state, [2, 0])]))
    assert_same(take_rows(state, [False, True, True, False]), take_rows(state, [1, 2]))
    y, _ = MODEL.step(X[3, [2, 0]], take_rows(state, [2, 0]))
    np.testing.assert_allclose(y, MODEL.step(X[3], state)[0][[2, 0]], rtol=0, atol=1e-6)


def test_joined_states_are_that_of_one_run() -> None:
    joined = join_states([state_after(2, slice(1)), state_after(2, slice(1, None))])
    for a, b in zip(arrays_of(joined), arrays_of(state_after(2)), strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-6)


def test_a_static_model_has_nothing_to_reset() -> None:
    model = rnnbp.Sequential(rnnbp.Dense(3, 2))
    assert model.reset_state(model.start(2), [True, False]) == [None]


def test_states_of_different_models_are_not_joined() -> None:
    other = rnnbp.Sequential(rnnbp.LSTM(3, 5)).start(2)
    with pytest.raises(ValueError, match=r"state 1 is \[\(10,\)\], and state 0 is \[\(8,\)\]"):
        join_states([rnnbp.Sequential(rnnbp.LSTM(3, 4)).start(2), other])
    with pytest.raises(ValueError, match="states must be at least one state, got none"):
        join_states([])


def test_rows_that_are_not_there_are_refused() -> None:
    with pytest.raises(ValueError, match=r"rows must be among the 4 sequences of the state, got \[4\]"):
        take_rows(state_after(1), [4])
    with pytest.raises(ValueError, match=r"rows must have shape \(B,\) = \(4,\), got \(2,\)"):
        MODEL.reset_state(state_after(1), [True, False])


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ({"state": [0]}, "it has no array of numbers 0"),
        ({"state": 0}, "it has no list of layers"),
        ({}, "it has no list of layers"),
        ({"state": json.loads("[" * 40 + "null" + "]" * 40)}, "it is nested too deeply"),
        ({"state": ["../a"]}, "it has no array of numbers '../a'"),
    ],
)
def test_a_damaged_file_is_refused(tmp_path: Path, header: dict, message: str) -> None:
    write_archive(tmp_path / "s.npz", "rnnbp state", header, {"other": np.ones(1)})
    with pytest.raises(ValueError, match=message):
        rnnbp.load_state(tmp_path / "s.npz")


def test_a_model_is_no_state(tmp_path: Path) -> None:
    MODEL.save(tmp_path / "model.npz")
    with pytest.raises(ValueError, match="must be a file of 'rnnbp state'; it is 'rnnbp model'"):
        rnnbp.load_state(tmp_path / "model.npz")
    with zipfile.ZipFile(tmp_path / "empty.npz", "w"):
        pass
    with pytest.raises(ValueError, match="is not a file of 'rnnbp state'"):
        rnnbp.load_state(tmp_path / "empty.npz")
