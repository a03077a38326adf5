"""The number of threads."""

import sys

import pytest

from rnnbp import get_num_threads, set_num_threads
from rnnbp.runtime.threads import MOST


@pytest.fixture(autouse=True)
def _as_before():
    yield
    set_num_threads(None)


def test_the_set_number_of_threads_is_returned(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    set_num_threads(5)
    assert get_num_threads() == 5
    set_num_threads(None)
    assert get_num_threads() == 1


@pytest.mark.parametrize(("value", "expected"), [("3", 3), ("2,1", 2)])
def test_the_environment_gives_the_number_of_threads(monkeypatch, value, expected):
    monkeypatch.delitem(sys.modules, "threadpoolctl", raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", value)
    assert get_num_threads() == expected


@pytest.mark.parametrize("value", ["", "many", "0", "²"])
def test_the_default_is_all_processors(monkeypatch, value):
    monkeypatch.setenv("OMP_NUM_THREADS", value)
    found = get_num_threads()
    monkeypatch.delenv("OMP_NUM_THREADS")
    assert found == get_num_threads() >= 1


def test_threadpoolctls_limit_is_respected(monkeypatch):
    threadpoolctl = pytest.importorskip("threadpoolctl")
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    with threadpoolctl.threadpool_limits(1):
        assert get_num_threads() == 1
        set_num_threads(3)
        assert get_num_threads() == 3


@pytest.mark.parametrize("n", [0, -1, 1.5, "2"])
def test_wrong_numbers_of_threads_are_refused(n):
    with pytest.raises(ValueError, match=r"n must be a positive integer, got"):
        set_num_threads(n)


def test_more_threads_than_any_machine_has_are_refused(monkeypatch):
    before = get_num_threads()
    with pytest.raises(ValueError, match=r"n must be at most \d+, got 1000000000: this process has \d+ processors"):
        set_num_threads(10**9)
    assert get_num_threads() == before
    monkeypatch.setenv("OMP_NUM_THREADS", str(10**9))
    assert get_num_threads() <= MOST
    set_num_threads(MOST)
    assert get_num_threads() == MOST
