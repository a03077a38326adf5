"""Parallel execution of tasks in worker processes."""

import multiprocessing
import os
import re
import signal
import subprocess
import sys
import time
import types
from contextlib import closing

import pytest
from interrupting import interrupt, needs_proc

from rnnbp.runtime import blas, check_sendable, cores
from rnnbp.runtime.processes import completed
from rnnbp.runtime.worker_process import METHOD, THREADS


def seen(name: str) -> tuple[int, str | None]:
    return os.getpid(), os.environ.get(name)


def failing(n: int) -> int:
    raise ValueError(f"task {n}")


def test_one_worker_runs_in_this_process():
    assert list(completed(seen, ["HOME"])) == [(0, (os.getpid(), os.environ.get("HOME")))]


def test_several_workers_are_single_threaded_processes(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    found = dict(completed(seen, THREADS, workers=2))
    assert sorted(found) == list(range(len(THREADS)))
    assert os.getpid() not in {process for process, _ in found.values()}
    assert {threads for _, threads in found.values()} == {"1"}
    assert os.environ["OMP_NUM_THREADS"] == "7"
    assert "MKL_NUM_THREADS" not in os.environ


@pytest.mark.parametrize("workers", [1, 2])
def test_an_error_in_a_task_is_raised(workers):
    with pytest.raises(ValueError, match="task 1"):
        list(completed(failing, [1, 1], workers))


def test_no_tasks_give_no_results():
    assert list(completed(failing, [], workers=2)) == []


def test_an_object_that_cannot_be_pickled_is_named():
    check_sendable("f", failing)
    with pytest.raises(ValueError, match=r"f cannot be sent to another process: .* Define it at the top level"):
        check_sendable("f", lambda: None)


def test_the_number_of_cores_must_be_positive():
    assert 1 <= cores() <= (os.cpu_count() or 1)


def waiting(seconds: float) -> int:
    time.sleep(seconds)
    return os.getpid()


def dying(signum: int) -> None:
    os.kill(os.getpid(), signum)


def unsendable(n: int):
    return lambda: n


def test_the_death_of_a_worker_is_an_error():
    with pytest.raises(ChildProcessError, match="a worker process was killed by signal 9, perhaps for want of memory"):
        list(completed(dying, [signal.SIGKILL] * 2, workers=2))


def test_a_result_that_cannot_be_pickled_is_an_error():
    with pytest.raises(RuntimeError, match="a worker process cannot send what came of its task"):
        list(completed(unsendable, [1, 2], workers=2))


def test_an_error_has_the_traceback_of_the_worker():
    with pytest.raises(ValueError, match="task 1") as caught:
        list(completed(failing, [1, 1], workers=2))
    assert re.search("In a worker process:\n.*in failing", caught.value.__notes__[0], re.DOTALL)


def test_more_tasks_than_workers_are_distributed():
    found = dict(completed(waiting, [0.0] * 9, workers=3))
    assert sorted(found) == list(range(9))
    assert len(set(found.values())) <= 3


def test_an_interrupted_loop_leaves_no_worker():
    with closing(completed(waiting, [0, 60, 60], workers=2)) as done:
        place, _ = next(done)
    assert place == 0
    assert not multiprocessing.active_children()


def test_functions_defined_in_a_notebook_are_refused(monkeypatch):
    def made_in_a_cell():
        pass

    made_in_a_cell.__module__, made_in_a_cell.__qualname__ = "__main__", "made_in_a_cell"
    notebook = types.ModuleType("__main__")
    notebook.made_in_a_cell = made_in_a_cell
    monkeypatch.setitem(sys.modules, "__main__", notebook)
    with pytest.raises(ValueError, match="cannot import what is defined in a notebook"):
        check_sendable("f", made_in_a_cell)


# ---- real processes that are interrupted --------------------------------------------------------

SCRIPT = """
import multiprocessing, os, time
from pathlib import Path
from rnnbp.runtime.processes import in_order

def task(seconds):
    Path(f"began-{os.getpid()}").touch()
    time.sleep(seconds)

if __name__ == "__main__":
    try:
        in_order(task, [60] * 5, workers=2)
    except KeyboardInterrupt as kept:  # as a notebook does
        assert not multiprocessing.active_children()
        print("interrupted")
"""
STARTING = "two processes are being started"
STARTED = "both are at work"


@pytest.fixture
def interrupted(tmp_path):
    """Start the script, and when its workers are `STARTING` or `STARTED`, send a signal to it or to its group."""
    (tmp_path / "script.py").write_text(SCRIPT)

    def ready(found: set[int], moment: str) -> bool:
        # The first child is Python's own resource tracker, on Linux the second one the server that forks the others.
        return (
            len(found) >= (4 if METHOD == "forkserver" else 3)
            if moment == STARTING
            else len(list(tmp_path.glob("began-*"))) == 2
        )

    def run(signum: int, moment: str, *, to_group: bool = False) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "script.py"]
        return interrupt(command, signum, lambda found: ready(found, moment), tmp_path, to_group=to_group)

    return run


@needs_proc
@pytest.mark.parametrize("to_group", [False, True], ids=["alone", "group"])
@pytest.mark.parametrize("moment", [STARTING, STARTED])
def test_an_interrupt_ends_all_workers(interrupted, to_group, moment):
    result = interrupted(signal.SIGINT, moment, to_group=to_group)
    assert result.stdout == "interrupted\n"
    assert "Traceback" not in result.stderr


@needs_proc
@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGKILL])
def test_workers_end_when_their_parent_process_is_killed(interrupted, signum):
    assert interrupted(signum, STARTED).returncode == -signum


def threads_of_products(task: int) -> list[int]:
    return [library.get_num_threads() for library in blas.libraries()]


@pytest.mark.parametrize("workers", [1, 2])
def test_linear_algebra_has_one_thread_in_every_worker(workers):
    for _, counts in completed(threads_of_products, [0, 1], workers):
        assert set(counts) <= {1}


def environment_of(name: str) -> str | None:
    return os.environ.get(name)


def test_workers_have_the_environment_of_their_start(monkeypatch):
    for value in ("first", "second"):
        monkeypatch.setenv("RNNBP_OF_A_TEST", value)
        assert {found for _, found in completed(environment_of, ["RNNBP_OF_A_TEST"] * 2, workers=2)} == {value}
