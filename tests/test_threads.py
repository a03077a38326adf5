"""Threads: how many, and that every share of a call is run once, whatever happens."""

import subprocess
import sys
import threading

import pytest

from rnnbp import get_num_threads, set_num_threads
from rnnbp.threads import run_shares


@pytest.fixture(autouse=True)
def _as_before():
    yield
    set_num_threads(None)


def shares_run(n):
    done = []
    run_shares(n, lambda *args: done.append(args), "a")
    return sorted(done)


@pytest.mark.parametrize("n", [1, 2, 3, 8])
def test_every_share_is_run_once(n):
    assert shares_run(n) == [("a", k, n) for k in range(n)]


def test_calls_within_calls_and_side_by_side():
    done = []

    def outer(share, shares):
        run_shares(3, lambda *inner: done.append((share, *inner)))

    callers = [threading.Thread(target=run_shares, args=(4, outer)) for _ in range(5)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert sorted(done) == sorted((k, j, 3) for k in range(4) for j in range(3) for _ in range(5))


def test_an_error_in_any_share_is_raised_when_all_have_ended():
    done = []

    def fail(share, shares):
        done.append(share)
        if share == 2:
            raise ValueError("in share 2")

    with pytest.raises(ValueError, match="in share 2"):
        run_shares(4, fail)
    assert sorted(done) == [0, 1, 2, 3]
    assert len(shares_run(4)) == 4


def test_a_forked_process_has_threads_of_its_own():
    code = """
import os
from rnnbp.threads import run_shares
done = []
run_shares(2, lambda *args: done.append(args))
child = os.fork()
if not child:
    done.clear()
    run_shares(3, lambda *args: done.append(args))
    os._exit(0 if len(done) == 3 else 1)
raise SystemExit(os.waitpid(child, 0)[1])
"""
    assert subprocess.run([sys.executable, "-W", "ignore", "-c", code], timeout=60).returncode == 0


def test_the_number_that_was_set(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    set_num_threads(5)
    assert get_num_threads() == 5
    set_num_threads(None)
    assert get_num_threads() == 1


@pytest.mark.parametrize(("value", "expected"), [("3", 3), ("2,1", 2)])
def test_the_environments_number(monkeypatch, value, expected):
    monkeypatch.delitem(sys.modules, "threadpoolctl", raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", value)
    assert get_num_threads() == expected


@pytest.mark.parametrize("value", ["", "many", "0"])
def test_without_a_number_all_processors(monkeypatch, value):
    monkeypatch.setenv("OMP_NUM_THREADS", value)
    found = get_num_threads()
    monkeypatch.delenv("OMP_NUM_THREADS")
    assert found == get_num_threads() >= 1


def test_threadpoolctls_limit(monkeypatch):
    threadpoolctl = pytest.importorskip("threadpoolctl")
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    with threadpoolctl.threadpool_limits(1):
        assert get_num_threads() == 1
        set_num_threads(3)
        assert get_num_threads() == 3


@pytest.mark.parametrize("n", [0, -1, 1.5, "2"])
def test_a_number_that_is_none(n):
    with pytest.raises(ValueError, match=r"n must be a positive integer, got"):
        set_num_threads(n)
