"""Tasks in several processes at once."""

import os

import pytest

from rnnbp.threads import cores
from rnnbp.workers import THREADS, check_sendable, completed


def seen(name: str) -> tuple[int, str | None]:
    return os.getpid(), os.environ.get(name)


def failing(n: int) -> int:
    raise ValueError(f"task {n}")


def test_one_worker_is_this_process():
    assert list(completed(seen, ["HOME"])) == [(0, (os.getpid(), os.environ.get("HOME")))]


def test_several_are_others_with_one_thread_each(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    found = dict(completed(seen, THREADS, workers=2))
    assert sorted(found) == list(range(len(THREADS)))
    assert os.getpid() not in {process for process, _ in found.values()}
    assert {threads for _, threads in found.values()} == {"1"}
    assert os.environ["OMP_NUM_THREADS"] == "7"
    assert "MKL_NUM_THREADS" not in os.environ


@pytest.mark.parametrize("workers", [1, 2])
def test_an_error_comes_through(workers):
    with pytest.raises(ValueError, match="task 1"):
        list(completed(failing, [1, 1], workers))


def test_no_task_is_no_work():
    assert list(completed(failing, [], workers=2)) == []


def test_what_cannot_be_sent_is_named():
    check_sendable("f", failing)
    with pytest.raises(ValueError, match=r"f cannot be sent to another process: .* Define it at the top level"):
        check_sendable("f", lambda: None)


def test_there_is_a_core():
    assert 1 <= cores() <= (os.cpu_count() or 1)
