"""Memory pool: reuse of freed arrays."""

import gc
import threading
import tracemalloc

import numpy as np
import pytest

from rnnbp.runtime import empties, empty
from rnnbp.runtime import memory_pool as workspace
from rnnbp.runtime.memory_pool import LARGE

F4 = np.dtype(np.float32)


@pytest.fixture(scope="module", autouse=True)
def _no_arrays_of_other_tests():
    gc.collect()


@pytest.fixture(autouse=True)
def _empty_pool():
    workspace._free.clear()


def place(a):
    return a.__array_interface__["data"][0]


@pytest.mark.parametrize("shape", [(), (0,), (3, 0), (1,), (7, 5), (300, 1000)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
def test_arrays_have_shape_dtype_and_alignment(shape, dtype):
    a = empty(shape, np.dtype(dtype))
    assert a.shape == shape
    assert a.dtype == dtype
    assert a.flags.c_contiguous
    assert a.flags.writeable
    assert place(a) % 64 == 0 or not a.size


def test_memory_returns_to_the_pool_when_no_view_remains():
    a = empty((1000, 100), F4)
    here, view = place(a), a[10:, :3].T
    del a
    other = empty((1000, 100), F4)
    assert place(other) != here
    del view
    assert place(empty((1000, 100), F4)) == here


@pytest.mark.parametrize(("size", "new"), [(100_000, 0), (60_000, 0), (40_000, 1), (200_000, 1)])
@pytest.mark.parametrize("unit", [2, 7])
def test_a_block_is_reused_for_arrays_of_at_least_half_its_size(size, new, unit, monkeypatch):
    empty((100_000 * unit,), F4)
    made = []
    monkeypatch.setattr(workspace, "_new", lambda size, new=workspace._new: made.append(size) or new(size))
    empty((size * unit,), F4)
    assert len(made) == new


def test_the_peak_counts_memory_in_use():
    tracemalloc.start()
    try:
        for size in (1 << 20, 1 << 22, 1 << 24):  # none of which fits the next
            a = empty((size,), np.dtype(np.uint8))
            del a
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < (1 << 24) * 1.13


def test_release_frees_pooled_memory():
    for size in (10, LARGE):
        empty((size,), F4)
    workspace.release(LARGE)
    assert [size for size, blocks in workspace._free.items() if blocks] == [64]
    workspace.release()
    assert not workspace._free


def test_threads_get_different_memory():
    def work():
        for k in range(300):
            a = empty((20_000 + 7 * k,), F4)
            a[...] = own = threading.get_ident() % 1000
            wrong.extend(a[a != own])

    wrong = []
    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_a_small_block_is_reused_for_its_own_size(monkeypatch):
    made = []
    monkeypatch.setattr(workspace, "_new", lambda size, new=workspace._new: made.append(size) or new(size))
    empty((1000,), F4)
    empty((900,), F4)
    empty((1000,), F4)
    assert len(made) == 2


def test_arrays_of_one_block_do_not_overlap_and_are_aligned():
    shapes = [(3, 5), (0, 7), (2,), (1000, 33)]
    arrays = empties(F4, *shapes)
    assert [a.shape for a in arrays] == shapes
    for k, a in enumerate(arrays):
        a[...] = k
    assert [np.unique(a).tolist() for a in arrays] == [[0], [], [2], [3]]
    assert all(place(a) % 64 == 0 for a in arrays if a.size)


def test_a_block_returns_to_the_pool_with_its_last_array():
    a, b = empties(F4, (1000, 100), (1000, 100))
    here = place(a)
    del a
    assert place(empty((2000, 100), F4)) != here
    del b
    assert place(empty((2000, 100), F4)) == here
