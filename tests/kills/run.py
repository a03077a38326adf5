"""Kill trainings at random moments and resume them until they end: ``python tests/kills/run.py --kills 1000``.

Each training is a process of its own, forked from this one, which has imported everything and has one thread. It is
killed by SIGKILL after a random time, and resumed; after the last of its kills it trains to the end. Its last
checkpoint must then have the bits of that of the training that was never stopped. A checkpoint that is damaged, a
temporary file that is left and any warning count as a difference.
"""

import os

os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}  # before NumPy reads it: a process that forks

import argparse
import random
import signal
import sys
import tempfile
import time
import traceback
import warnings
from dataclasses import dataclass, field
from pathlib import Path

from runs import Run, final_state, runs

from rnnbp import kernels
from rnnbp.training.rotation import existing

PATIENCE = 60.0  # seconds for a training that is not killed


@dataclass
class Result:
    """What became of one training."""

    run: Run
    kills: int = 0
    resumed: int = 0
    faults: list[str] = field(default_factory=list)


def started(run: Run, path: Path) -> int:
    """Start a training in a new process and return its id."""
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        warnings.simplefilter("error")
        run.train(path)
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)


def killed_after(pid: int, seconds: float) -> int | None:
    """Kill a process after a number of seconds; return its exit status if it ended before, else None."""
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        time.sleep(min(left, 0.002))
    os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    code = os.waitstatus_to_exitcode(status)
    return None if code == -signal.SIGKILL else code


def unharmed(run: Run, folder: Path) -> tuple[bytes, float]:
    """Return the final state of a training that is never stopped, and its seconds."""
    began = time.monotonic()
    if killed_after(started(run, folder / "whole.npz"), PATIENCE) != 0:
        raise RuntimeError(f"the training {run} failed without being killed")
    return final_state(folder / "whole.npz"), time.monotonic() - began


def killed(run: Run, kills: int, rng: random.Random, folder: Path) -> Result:
    """Kill a training a number of times, again from its beginning when it has ended, and compare its final states."""
    result = Result(run)
    expected, seconds = unharmed(run, folder)
    path = folder / "run.npz"
    while result.kills < kills:
        for file in folder.glob("*run.npz*"):
            file.unlink()
        status = None
        while status is None:
            resumed = bool(existing(path))
            last = result.kills >= kills
            status = killed_after(started(run, path), PATIENCE if last else rng.uniform(0.0, seconds))
            result.resumed += resumed
            if status is None:
                result.kills += 1
                if last:
                    result.faults.append("not finished")
                    return result
        if status != 0:
            result.faults.append(f"status {status}")
            return result
        if final_state(path) != expected:
            result.faults.append("different bits")
        if left := sorted(file.name for file in folder.glob(".*")):
            result.faults.append(f"left {left}")
    return result


def table(kills: int, seed: int, chosen: list[Run] | None = None) -> list[Result]:
    """Kill the trainings, each about as often, a total number of times; print a line for each."""
    rng, results = random.Random(seed), []
    chosen = runs() if chosen is None else chosen
    with kernels.using("numpy"), tempfile.TemporaryDirectory() as folder:
        for number, run in enumerate(chosen):
            own = Path(folder) / str(number)
            own.mkdir()
            result = killed(run, (kills * (number + 1)) // len(chosen) - (kills * number) // len(chosen), rng, own)
            results.append(result)
            verdict = "; ".join(result.faults) or "same bits"
            print(f"{result.kills:4d} kills, {result.resumed:4d} resumed | {run} | {verdict}", flush=True)
    lost = sum(bool(result.faults) for result in results)
    kills, resumed = sum(result.kills for result in results), sum(result.resumed for result in results)
    print(f"{kills} kills of {len(results)} trainings, {resumed} resumed, {lost} lost or different (seed {seed})")
    return results


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=1000, metavar="N", help="in all (default: 1000)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the moments of the kills (default: 0)")
    parser.add_argument("--only", default="", metavar="TEXT", help="trainings whose line has this text")
    options = parser.parse_args()
    chosen = [run for run in runs() if options.only in str(run)]
    if not chosen:
        parser.error(f"--only: no training has {options.only!r} in its line")
    return int(any(result.faults for result in table(options.kills, options.seed, chosen)))


if __name__ == "__main__":
    sys.exit(main())
