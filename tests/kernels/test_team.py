"""The threads that shard a kernel's call: every shard is run once, whatever happens."""

import os
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

pytest.importorskip("numba")

from rnnbp.kernels.compiled.team import FINISHED, STARTED, finish, spin_wait
from rnnbp.kernels.team import _Team, run_shards


def shards_run(n):
    done = []
    run_shards(n, lambda signals, shard, shards: done.append((shard, shards)))
    return sorted(done)


@pytest.mark.parametrize("n", [1, 2, 3, 8])
def test_every_shard_is_run_once(n):
    assert shards_run(n) == [(k, n) for k in range(n)]


def test_nested_and_concurrent_calls_run_every_shard():
    done = []

    def outer(signals, shard, shards):
        run_shards(3, lambda _, *inner: done.append((shard, *inner)))

    callers = [threading.Thread(target=run_shards, args=(4, outer)) for _ in range(5)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert sorted(done) == sorted((k, j, 3) for k in range(4) for j in range(3) for _ in range(5))


def test_an_error_in_any_shard_is_raised_when_all_have_finished():
    done = []

    def fail(signals, shard, shards):
        done.append(shard)
        if shard == 2:
            raise ValueError("in shard 2")

    with pytest.raises(ValueError, match="in shard 2"):
        run_shards(4, fail)
    assert sorted(done) == [0, 1, 2, 3]
    assert len(shards_run(4)) == 4


def test_a_caller_works_alone_for_a_time_after_threads_came_late(monkeypatch):
    team = _Team()
    monkeypatch.setattr("rnnbp.kernels.team._team", team)
    ran = []

    def slow_elsewhere(signals, shard, shards):
        ran.append((shard, threading.get_ident()))
        time.sleep(0.05 if shard and threading.get_ident() != here else 0.01)

    here = threading.get_ident()
    run_shards(2, slow_elsewhere)
    if all(thread == here for _, thread in ran):
        pytest.skip("the other thread did not get a core at all")
    assert team.alone_until > time.perf_counter()
    ran.clear()
    run_shards(3, slow_elsewhere)
    assert ran == [(0, here), (1, here), (2, here)]
    team.alone_until = time.perf_counter()
    ran.clear()
    run_shards(3, slow_elsewhere)
    assert {thread for _, thread in ran} != {here}


def test_a_caller_goes_on_with_threads_that_are_in_time(monkeypatch):
    team = _Team()
    monkeypatch.setattr("rnnbp.kernels.team._team", team)
    run_shards(2, lambda signals, shard, shards: time.sleep(0.2))
    assert team.alone_until == 0


def test_an_error_of_a_caller_alone_is_raised_when_all_have_finished(monkeypatch):
    team, done = _Team(), []
    monkeypatch.setattr("rnnbp.kernels.team._team", team)
    team.alone_until = float("inf")

    def fail(signals, shard, shards):
        done.append(shard)
        if shard == 0:
            raise ValueError("in shard 0")

    with pytest.raises(ValueError, match="in shard 0"):
        run_shards(3, fail)
    assert done == [0, 1, 2]


def test_a_forked_process_has_threads_of_its_own():
    code = """
import os
from rnnbp.kernels.team import run_shards
done = []
run_shards(2, lambda *args: done.append(args))
child = os.fork()
if not child:
    done.clear()
    run_shards(3, lambda *args: done.append(args))
    os._exit(0 if len(done) == 3 else 1)
raise SystemExit(os.waitpid(child, 0)[1])
"""
    assert subprocess.run([sys.executable, "-W", "ignore", "-c", code], timeout=60).returncode == 0


def test_a_spin_wait_ends_when_the_caller_finishes():
    signals = np.zeros(16, np.int64)
    spin_wait(signals, STARTED, -1)
    finish(signals, -1)
    assert signals[FINISHED] == 1
    assert signals[STARTED] == 0


def test_idle_threads_take_new_work():
    for pause in (0, 0.001, 0.05):
        time.sleep(pause)
        assert len(shards_run(3)) == 3


def test_kernels_are_compiled_in_the_calling_thread(tmp_path):
    """Memory of a compilation in another thread would be attributed to what the caller measures meanwhile."""
    code = """
import threading, time
from numba.core import event
import rnnbp.kernels.compiled.team
from rnnbp.kernels.team import run_shards
where = []
class Compiling(event.Listener):
    def on_start(self, event): where.append(threading.current_thread().name)
    def on_end(self, event): pass
with event.install_listener("numba:compile", Compiling()):
    run_shards(2, lambda *shard: time.sleep(0.05))
    time.sleep(1)
assert set(where) == {"MainThread"}, where
"""
    environ = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)}
    subprocess.run([sys.executable, "-c", code], env=environ, timeout=60, check=True)
