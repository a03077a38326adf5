"""Tasks performed by workers: outcomes, the data that is sent, lost workers, interrupts and threads."""

import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from interrupting import children, interrupt, needs_proc

from rnnbp.runtime import blas, cores, get_num_threads, job_count, one_thread, outcomes, run_all, set_num_threads
from rnnbp.runtime.packing import packed, unpacked
from rnnbp.runtime.threads import threads_as_before

joblib = pytest.importorskip("joblib")

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS", "NUMBA_NUM_THREADS")


def results(function, tasks, n_jobs=2) -> list:
    found = dict(outcomes(function, tasks, n_jobs))
    assert [outcome.error for outcome in found.values()] == [None] * len(found)
    return [found[place].result for place in range(len(tasks))]


# ---- outcomes -----------------------------------------------------------------------------------


def test_one_worker_is_this_process():
    assert results(lambda _: os.getpid(), [0], n_jobs=1) == [os.getpid()]


def test_several_workers_are_processes_of_one_thread(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    joblib.externals.loky.get_reusable_executor(max_workers=2, reuse=False).shutdown()
    found = results(lambda name: (os.getpid(), os.environ.get(name)), THREADS)
    assert os.getpid() not in {process for process, _ in found}
    assert {threads for _, threads in found} == {"1"}
    assert os.environ["OMP_NUM_THREADS"] == "7"
    assert "MKL_NUM_THREADS" not in os.environ


def threads_of(task: int) -> set[int]:
    return {get_num_threads(), *(library.get_num_threads() for library in blas.libraries())}


@pytest.mark.parametrize("backend", ["here", "threading", "loky"])
def test_kernels_and_linear_algebra_have_one_thread_in_every_worker(backend):
    with threads_as_before():
        set_num_threads(2)
        n_jobs = 1 if backend == "here" else 2
        with joblib.parallel_config(backend="loky" if backend == "here" else backend):
            assert set().union(*results(threads_of, range(4), n_jobs)) == {1}
        assert get_num_threads() == 2
    with one_thread():
        assert get_num_threads() == 1


def failing(n: int) -> int:
    if n == 1:
        raise ValueError(f"task {n}")
    return n


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_task_that_raises_is_an_outcome_and_the_others_go_on(n_jobs):
    found = dict(outcomes(failing, range(4), n_jobs))
    assert [found[place].result for place in range(4)] == [0, None, 2, 3]
    assert found[1].error.startswith("Traceback (most recent call last):")
    assert "in failing" in found[1].error
    assert found[1].reason == "ValueError: task 1"
    assert isinstance(found[1].exception, ValueError)
    assert found[0].error is None


def exiting(n: int) -> int:
    if n == 1:
        sys.exit("no data")
    return n


def test_a_task_that_exits_in_a_worker_is_a_failure_and_the_others_go_on():
    found = dict(outcomes(exiting, range(3), 2))
    assert [found[place].result for place in range(3)] == [0, None, 2]
    assert found[1].reason == "RuntimeError: the task called sys.exit('no data')"
    assert "in exiting" in found[1].error


class UnsendableError(Exception):
    """Exception that cannot be made again from what is pickled of it."""

    def __init__(self, one: int, two: int) -> None:
        super().__init__("one message")


def raising_unsendable(n: int) -> None:
    raise UnsendableError(1, 2)


def test_results_and_exceptions_that_cannot_be_sent_are_failures_that_say_so():
    (_, lock), (_, error) = sorted(outcomes(lambda n: threading.Lock(), range(2), 2))[0], (0, None)
    assert lock.reason.startswith("TypeError: the result cannot be sent by its worker process: cannot pickle")
    error = dict(outcomes(raising_unsendable, range(2), 2))[0]
    assert "in raising_unsendable" in error.error
    assert error.reason.endswith("UnsendableError: one message")


def test_what_cannot_be_sent_to_a_worker_is_refused():
    lock = threading.Lock()
    with pytest.raises(
        ValueError, match=r"a task cannot be sent to a worker: cannot pickle '_thread.lock' .* n_jobs=1"
    ):
        list(outcomes(lambda n: lock, range(2), 2))


def test_no_tasks_give_no_outcomes():
    assert list(outcomes(failing, [], 2)) == []


@pytest.mark.parametrize("n_jobs", [0, -2, 1.5, "all", True])
def test_a_wrong_number_of_jobs_is_refused_at_the_call(n_jobs):
    with pytest.raises(ValueError, match=f"n_jobs must be a positive integer, or -1 for all cores, got {n_jobs!r}"):
        outcomes(failing, [1], n_jobs)


def thread_that_waits(_: int) -> int:
    time.sleep(0.5)
    return threading.get_ident()


def test_minus_one_is_a_worker_for_every_core():
    assert job_count(-1) == -1
    with joblib.parallel_config(backend="threading"):
        assert len(set(results(thread_that_waits, range(cores()), -1))) == cores()


def test_without_joblib_several_workers_name_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "joblib", None)
    with pytest.raises(
        ImportError, match=r'this needs joblib, which is not installed: pip install "rnnbp\[parallel\]"'
    ):
        outcomes(failing, [1, 2], 2)
    assert results(failing, [0], 1) == [0]


def test_by_default_joblibs_configuration_is_followed():
    process = threading.get_ident()
    assert results(lambda _: threading.get_ident(), range(2), None) == [process] * 2
    with joblib.parallel_config(backend="threading", n_jobs=2):
        assert process not in results(lambda _: threading.get_ident(), range(2), None)


def test_all_failures_raise_the_first():
    with pytest.raises(ValueError, match="task 1") as caught:
        run_all(failing, [1, 1], 2, progress=False)
    assert "in failing" in caught.value.__notes__[0]


# ---- the data -----------------------------------------------------------------------------------


def test_shared_arrays_are_packed_once_and_every_object_is_restored(rng):
    sequences = [rng.normal(0, 1, (500, 3)) for _ in range(9)]
    folds = [{"fold": [s for i, s in enumerate(sequences) if i % 3 != k], "whole": sequences} for k in range(3)]
    bytes_of_all = packed([*folds, np.asfortranarray(sequences[0]), sequences[1][::2]])
    distinct = sum(s.nbytes for s in sequences) + 1.5 * sequences[0].nbytes
    assert distinct < len(bytes_of_all) < 1.1 * distinct + 5000
    for k in range(3):
        for name, part in unpacked(bytes_of_all, k).items():
            for one, other in zip(part, folds[k][name], strict=True):
                np.testing.assert_array_equal(one, other)
                assert np.shares_memory(one, bytes_of_all)
                assert one.ctypes.data % 64 == bytes_of_all.ctypes.data % 64
    np.testing.assert_array_equal(unpacked(bytes_of_all, 3), sequences[0])
    np.testing.assert_array_equal(unpacked(bytes_of_all, 4), sequences[1][::2])


def mapped_from(task: tuple[np.ndarray, int]) -> tuple[str, int]:
    """Return the file that the task's array is mapped from, and the inode of it."""
    address = task[0].ctypes.data
    for line in Path("/proc/self/maps").read_text().splitlines():
        span, _, _, _, inode, *path = line.split(maxsplit=5)
        start, stop = (int(one, 16) for one in span.split("-"))
        if start <= address < stop:
            return (path or [""])[0], int(inode)
    raise AssertionError


@needs_proc
def test_the_data_of_all_tasks_is_one_file_that_every_worker_maps():
    data = np.arange(50_000.0)
    found = results(mapped_from, [(data, k) for k in range(6)])
    ((path, inode),) = set(found)
    assert "joblib" in path
    assert inode > 0
    assert not Path(path.removesuffix(" (deleted)")).exists()  # any more


def test_what_is_sent_with_a_task_does_not_depend_on_the_data(monkeypatch):
    from joblib._parallel_backends import LokyBackend

    sent, submit = [], LokyBackend.submit

    def counting(self, function, callback=None):
        arrays = [one for _, arguments, _ in function.items for one in arguments if isinstance(one, np.ndarray)]
        sent.append(
            len(pickle.dumps([a for _, arguments, _ in function.items for a in arguments if a is not arrays[0]]))
        )
        seen.add(id(arrays[0]))
        return submit(self, function, callback)

    seen: set[int] = set()
    monkeypatch.setattr(LokyBackend, "submit", counting)
    data = np.arange(200_000.0)
    assert results(lambda task: float(task[0][task[1]]), [(data, k) for k in range(4)]) == [0, 1, 2, 3]
    assert len(sent) == 4
    assert max(sent) < 200
    assert len(seen) == 1  # the file of which joblib writes once


def test_a_worker_may_write_to_its_arrays_without_changing_those_of_others():
    data = np.zeros(1000)

    def writing(task):
        array, value = task
        before = array.sum()
        array += value
        return before, array.sum()

    assert results(writing, [(data, k) for k in range(4)]) == [(0, 1000 * k) for k in range(4)]
    assert not data.any()


# ---- lost workers -------------------------------------------------------------------------------


def dying_at_first(task: tuple[Path, int]) -> int:
    folder, n = task
    with (folder / f"{n}").open("a") as file:
        file.write("x")
    if n == 2 and (folder / "2").read_text() == "x":
        os.kill(os.getpid(), signal.SIGKILL)
    return n


def test_the_run_of_a_killed_worker_is_repeated_and_finished_ones_are_not(tmp_path):
    with pytest.warns(RuntimeWarning, match=r"a worker was lost, with . runs?: TerminatedWorkerError: .*SIGKILL"):
        assert results(dying_at_first, [(tmp_path, n) for n in range(5)]) == list(range(5))
    began = [len((tmp_path / f"{n}").read_text()) for n in range(5)]
    assert began[2] == 2
    assert sum(began) <= 7  # the killed one again, and perhaps the one beside it


def always_dying(n: int) -> int:
    if n == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return n


@pytest.mark.filterwarnings("ignore:a worker was lost:RuntimeWarning")
def test_a_run_that_loses_its_worker_again_and_again_is_given_up():
    found = dict(outcomes(always_dying, range(4), 2))
    assert [found[place].result for place in range(4)] == [0, None, 2, 3]
    assert found[1].reason.startswith("its worker was lost 3 times, at last without another beside it")
    assert found[1].reason.endswith("{SIGKILL(-9)}")
    assert isinstance(found[1].exception, ChildProcessError)


# ---- interrupts ---------------------------------------------------------------------------------


def waiting(seconds: float) -> float:
    time.sleep(seconds)
    return seconds


@needs_proc
def test_a_loop_that_ends_early_leaves_no_worker():
    before = children(os.getpid())
    with closing(outcomes(waiting, [0, 60, 60], 2)) as done:
        place, _ = next(done)
    assert place == 0
    left = children(os.getpid()) - before
    commands = [Path(f"/proc/{pid}/cmdline").read_text() for pid in left if Path(f"/proc/{pid}").exists()]
    assert [command for command in commands if "resource_tracker" not in command] == []


SCRIPT = """
import os, time
from pathlib import Path
import numpy as np
from rnnbp.runtime import outcomes

data = np.arange(10_000.0)

def task(given):
    Path(f"began-{os.getpid()}").write_text("")
    while True:
        sum(range(1000))

try:
    list(outcomes(task, [(data, n) for n in range(5)], 2))
except KeyboardInterrupt:  # as in a notebook
    print("interrupted")
"""
STARTING, STARTED = "two processes are being started", "both are at work"


@pytest.fixture
def interrupted(tmp_path, monkeypatch):
    """Start the script, and when its workers are `STARTING` or `STARTED`, send a signal to it or to its group."""
    (tmp_path / "script.py").write_text(SCRIPT)
    mapped = tmp_path / "mapped"  # its own, as other tests run beside this one
    mapped.mkdir()
    monkeypatch.setenv("JOBLIB_TEMP_FOLDER", str(mapped))

    def ready(found: set[int], moment: str) -> bool:
        # The first two children are the resource trackers of Python and of joblib.
        if moment == STARTING:
            return len(found) >= 4
        return len(list(tmp_path.glob("began-*"))) == 2 and any(mapped.iterdir())

    def run(signum: int, moment: str, *, to_group: bool = False) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "script.py"]
        return interrupt(command, signum, lambda found: ready(found, moment), tmp_path, to_group=to_group)

    yield run
    assert not list(mapped.iterdir())


@needs_proc
@pytest.mark.parametrize(
    ("moment", "to_group"),
    [(STARTED, True), *(pytest.param(*how, marks=pytest.mark.slow) for how in ((STARTED, False), (STARTING, True)))],
)
def test_an_interrupt_ends_all_workers(interrupted, moment, to_group):
    result = interrupted(signal.SIGINT, moment, to_group=to_group)
    assert result.stdout == "interrupted\n"
    assert result.stderr == ""


@needs_proc
@pytest.mark.parametrize("signum", [pytest.param(signal.SIGTERM, marks=pytest.mark.slow), signal.SIGKILL])
def test_workers_end_when_their_parent_process_is_killed(interrupted, signum):
    assert interrupted(signum, STARTED).returncode == -signum
