"""The limit to the threads of NumPy's linear algebra."""

import sys
import threading

import numpy as np
import pytest

from rnnbp.runtime import blas, blas_threads, get_num_threads


class Counted:
    """A library with a number of threads."""

    def __init__(self, n):
        self.n, self.calls = n, 0

    def get_num_threads(self):
        return self.n

    def set_num_threads(self, n):
        self.n, self.calls = n, self.calls + 1


@pytest.fixture
def library(monkeypatch):
    found = Counted(8)
    monkeypatch.setattr(blas, "libraries", lambda: (found,))
    return found


def test_the_library_of_numpy_is_found():
    if "openblas" not in np.show_config(mode="dicts")["Build Dependencies"]["blas"]["name"]:
        pytest.skip("NumPy was built with another library")
    (first, *_) = blas.libraries()
    before = first.get_num_threads()
    with blas_threads(1):
        assert first.get_num_threads() == 1
    assert first.get_num_threads() == before


def test_the_number_is_as_before_after_an_error(library):
    def fail():
        raise ValueError(f"within {library.n}")

    with pytest.raises(ValueError, match="within 1"), blas_threads(1):
        fail()
    assert library.n == 8


def test_of_nested_limits_the_lowest_holds(library):
    with blas_threads(4):
        assert library.n == 4
        with blas_threads(6):
            assert library.n == 4
            with blas_threads(1):
                assert library.n == 1
            assert library.n == 4
    assert library.n == 8


def test_limits_of_threads_end_in_any_order(library):
    inside, outside = threading.Event(), threading.Event()

    def other():
        with blas_threads(1):
            inside.set()
            outside.wait(10)

    thread = threading.Thread(target=other)
    with blas_threads(1):
        thread.start()
        inside.wait(10)
    assert library.n == 1
    outside.set()
    thread.join()
    assert library.n == 8


def test_a_library_of_one_thread_is_left_alone(monkeypatch):
    found = Counted(1)
    monkeypatch.setattr(blas, "libraries", lambda: (found,))
    with blas_threads(1):
        pass
    assert found.calls == 0


def test_the_kernels_threads_are_not_limited_by_our_own_limit(monkeypatch, library):
    monkeypatch.setitem(sys.modules, "threadpoolctl", None)  # as if it had been imported
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    with blas_threads(1):
        assert get_num_threads() == 3
