"""Processes that are sent signals while they run."""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from rnnbp.runtime import cores

needs_proc = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processes are counted in /proc")


def children(pid: int) -> set[int]:
    """Return all descendants of a process."""
    parents = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            name, _, rest = path.read_text().rpartition(")")
            parents[int(name.split()[0])] = int(rest.split()[1])
    found = {pid}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found - {pid}


def alive(pids: set[int]) -> set[int]:
    """Those processes that there are, and that are not merely waiting to be counted by whoever began them."""
    found = set()
    for pid in pids:
        with suppress(OSError):
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z":
                found.add(pid)
    return found


def interrupt(
    command: list[str], signum: int, ready: Callable[[set[int]], bool], folder: Path, *, to_group: bool = False
) -> subprocess.CompletedProcess[str]:
    """Start a command in a folder and send a signal to it, or to its group, when `ready(children)` says so.

    Within two seconds it must have ended, and all its children with it; on a machine with more to do than it has cores,
    within so much longer as everything takes there.
    """
    slowness = max(1, os.getloadavg()[0] / cores())
    limit = 2 * slowness
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True, cwd=folder
    )
    try:
        until = time.monotonic() + 60 * slowness
        while not ready(found := children(process.pid)):
            assert process.poll() is None, process.communicate()[1]
            assert time.monotonic() < until, "never ready"
            time.sleep(0.05)
        (os.killpg if to_group else os.kill)(process.pid, signum)
        until = time.monotonic() + limit
        out, err = process.communicate(timeout=limit)
        while alive(found) and time.monotonic() < until:
            time.sleep(0.05)
        assert not alive(found)
        return subprocess.CompletedProcess(command, process.returncode, out, err)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
