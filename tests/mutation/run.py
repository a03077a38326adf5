"""Mutation testing: change the functions of a room, one place at a time, and count for how many changes a test fails.

    python tests/mutation/run.py --room losses --sample 200 --seed 0

A parent process imports everything and collects the tests; each mutant is a fork of it, in which the mutated file's
functions get their changed code and the quick tests that run the changed lines are run, the quickest first, until one
fails. Which tests these are is measured once with coverage.py. A mutant that runs far longer than its tests did is
ended by its limit of processor time, and counted apart. What survives is written as diffs, each as soon as it is known:
the same command goes on where it was interrupted, and `--again` runs those again that were not killed.
"""

import argparse
import gc
import hashlib
import json
import math
import os
import random
import re
import resource
import signal
import sys
import time
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
if __name__ == "__main__":
    sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
    os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MPLBACKEND": "Agg"}

import pytest  # noqa: E402
from mutation.mutants import Live, Mutant, mutants_of  # noqa: E402

QUICK = "not slow and not torch and not interop and not oracles"
ROOMS = {  # the tests of each
    "gradients": [
        "tests/gradients",
        "tests/diagnostics/test_certificate.py",
        *(f"tests/layers/test_{name}.py" for name in ("fixed_point", "learned_start")),
        "rnnbp/gradients",
    ],
    "cells": [
        "tests/cells",
        *(f"tests/kernels/test_{name}.py" for name in ("random_kernels", "kernels_derived")),
        "rnnbp/cells",
    ],
    "losses": ["tests/losses", "rnnbp/losses"],
    "data": ["tests/data", "rnnbp/data"],
    "training": ["tests/training", "rnnbp/training"],
}
COMPILED = ("ctc_compiled.py",)  # whose cache knows a function by its file, not by its code
AT_COLLECTION = -1  # stands for all tests, in the map of lines
LIMITS = [-number for number in (signal.SIGXCPU, signal.SIGKILL, signal.SIGALRM)]  # exit codes of what exceeds its own


def main() -> None:
    arguments = parsed()
    files = [path for path in sorted((ROOT / "rnnbp" / arguments.room).rglob("*.py")) if path.name not in COMPILED]
    mutants = [mutant for path in files if path.stem in (arguments.files or [path.stem]) for mutant in mutants_of(path)]
    mutants = [mutant for mutant in mutants if mutant.path.stem not in arguments.without]
    total = len(mutants)
    if arguments.sample:
        mutants = random.Random(arguments.seed).sample(mutants, min(arguments.sample, total))
    folder = arguments.output
    folder.mkdir(parents=True, exist_ok=True)
    chart = folder / f"{arguments.room}.json"
    if arguments.measure or not chart.exists():
        in_fork(lambda: measure(arguments.room, arguments.measure or ROOMS[arguments.room], arguments.every, chart))
    outcomes = Outcomes(folder / f"{arguments.room}.diff", mutants, again=arguments.again)
    loop = Loop(arguments.room, mutants, json.loads(chart.read_text()), arguments.budget, outcomes)
    tests = sorted({name.split("::")[0] for name, _ in loop.tests})
    try:
        in_fork(lambda: pytest.main(options(tests), plugins=[loop]))
    finally:
        report(arguments.room, len(mutants), total, outcomes.path)


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--room", choices=ROOMS, required=True)
    parser.add_argument("--sample", type=int, help="how many mutants, drawn at random (default: all)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--files", nargs="+", help="only files of these names, as huber")
    parser.add_argument("--without", nargs="+", default=[], help="no files of these names")
    parser.add_argument("--again", action="store_true", help="run those again that an earlier run did not kill")
    parser.add_argument(
        "--measure", nargs="+", metavar="TESTS", help="add new tests to the map of which run which lines"
    )
    parser.add_argument("--every", type=int, default=1, metavar="K", help="map one of K tests only, drawn at random")
    parser.add_argument(
        "--budget", type=float, default=4.0, help="seconds of tests for a mutant: those of a line may be hundreds"
    )
    parser.add_argument("--output", type=Path, default=ROOT / "mutants", help="folder of the map and the survivors")
    return parser.parse_args()


def options(tests: list[str]) -> list[str]:
    os.chdir(ROOT)
    return [*tests, "-m", QUICK, "-p", "no:cacheprovider", "--basetemp", f"/tmp/mutants{os.getpid()}"]


def import_room(room: str) -> None:
    """Import every file of a room."""
    for path in (ROOT / "rnnbp" / room).rglob("*.py"):
        import_module(".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"))


# ---- which tests run which lines ----------------------------------------------------------------------------


def measure(room: str, files: list[str], every: int, chart: Path) -> None:
    """Add to the map of a room which tests of these files run each line, and their seconds of processor time.

    Of tables of tests that are much alike one of three or so may suffice: what is left out can only make survivors.
    """
    import coverage

    known = json.loads(chart.read_text()) if chart.exists() else {"tests": [], "lines": {}}
    tests = dict(known["tests"])
    lines = coverage.Coverage(data_file=None, config_file=False, include=[str(ROOT / "rnnbp" / room / "*")])

    class Plugin(Failures):
        def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
            draw = random.Random(0)  # every K-th of all would be the same rows of a table in all of its tests
            items[:] = [item for item in items if item.nodeid not in tests and draw.random() * every < 1]
            self.live = Live()

        @pytest.hookimpl(wrapper=True, tryfirst=True)
        def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
            self.live.forget()  # or a test would not run what an earlier one left in a cache
            self.failed, start = False, time.process_time()
            lines.switch_context(item.nodeid)
            done = yield
            lines.switch_context("")
            if not self.failed:
                tests[item.nodeid] = time.process_time() - start
            return done

    lines.start()
    pytest.main(options(files), plugins=[Plugin()])
    lines.stop()
    data, numbers = lines.get_data(), {name: k for k, name in enumerate(tests)}
    for path in data.measured_files():
        of_file = known["lines"].setdefault(path, {})
        for line, contexts in data.contexts_by_lineno(path).items():
            found = {numbers.get(name, AT_COLLECTION) for name in contexts if name in numbers or not name}
            of_file[str(line)] = sorted(found.union(of_file.get(str(line), [])))
    chart.write_text(json.dumps({"tests": list(tests.items()), "lines": known["lines"]}))


# ---- the mutants --------------------------------------------------------------------------------------------


class Outcomes:
    """What has become of the mutants, in a file that an interrupted run leaves and the next one reads."""

    def __init__(self, path: Path, mutants: list[Mutant], again: bool) -> None:
        self.path, self.mutants = path, mutants
        places = [f"{mutant.path.relative_to(ROOT)} {mutant.place} {mutant.number}" for mutant in mutants]
        texts = [file.read_text(encoding="utf-8") for file in sorted({mutant.path for mutant in mutants})]
        head = f"# {hashlib.sha256(json.dumps([places, texts]).encode()).hexdigest()}\n"
        found = outcomes_of(path) if path.exists() and path.read_text().startswith(head) else {}
        self.known = {number: outcome for number, outcome in found.items() if outcome == "killed" or not again}
        path.write_text(head)
        for number, outcome in self.known.items():
            self.add(number, outcome)

    def add(self, number: int, outcome: str) -> None:
        with self.path.open("a") as file:
            file.write(f"## {outcome} {number}\n{'' if outcome == 'killed' else self.mutants[number].diff()}\n")


def outcomes_of(path: Path) -> dict[int, str]:
    """Return the outcome of each mutant in a file, by its number in the sample."""
    found = re.findall(r"^## (\w+) (\d+)$", path.read_text(), re.MULTILINE)
    return {int(number): outcome for outcome, number in found}


class Loop:
    """A plugin of pytest that runs the tests of mutants instead of all tests once."""

    def __init__(
        self, room: str, mutants: list[Mutant], chart: dict[str, Any], budget: float, outcomes: "Outcomes"
    ) -> None:
        self.room, self.mutants, self.budget, self.outcomes = room, mutants, budget, outcomes
        self.lines, self.tests = chart["lines"], [(name, seconds) for name, seconds in chart["tests"]]

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        items = {item.nodeid: item for item in session.items}
        import_room(self.room)
        live = Live()
        gc.freeze()  # so that no fork copies the memory of what its collector would visit
        for number, mutant in enumerate(self.mutants):
            if number not in self.outcomes.known:
                self.outcomes.add(number, self.outcome(mutant, live, items))
        return True

    def outcome(self, mutant: Mutant, live: Live, items: dict[str, pytest.Item]) -> str:
        """Return what becomes of a mutant: killed, ended (by a limit of its resources), survived or unrun."""
        chosen, fresh = self.chosen(mutant)
        tests = [items[name] for name, _ in chosen if name in items]
        seconds = sum(seconds for _, seconds in chosen)
        if not tests:
            return "unrun"
        code = in_fork(lambda: survives(live, mutant, tests), seconds)
        if not code and fresh:  # tests of objects that collecting makes, before the change in the process above
            code = in_fork(lambda: again(live, mutant, chosen), seconds + 10)
        return "survived" if not code else "killed" if code not in LIMITS else "ended"

    def chosen(self, mutant: Mutant) -> tuple[list[tuple[str, float]], bool]:
        """Return the tests that run the mutant's lines, and whether collecting tests runs them."""
        lines = self.lines.get(str(mutant.path), {})
        found = {test for line in mutant.lines for test in lines.get(str(line), [])}
        taken, total = [], 0.0
        for k in sorted(found - {AT_COLLECTION}, key=lambda k: self.tests[k][1]):
            total += self.tests[k][1]
            if total < self.budget and self.tests[k][1] < self.budget / 2:
                taken.append(self.tests[k])
        return taken, AT_COLLECTION in found


class Failures:
    """A plugin of pytest that notices failures."""

    def __init__(self) -> None:
        self.failed = False

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.failed |= report.failed


def survives(live: Live, mutant: Mutant, tests: list[pytest.Item]) -> int:
    """Run collected tests in the mutant's process until one fails."""
    live.apply(mutant)
    failures = Failures()
    tests[0].config.pluginmanager.register(failures)
    for item, following in zip(tests, [*tests[1:], None]):
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        if failures.failed:
            return 1
    return 0


def again(live: Live, mutant: Mutant, tests: list[tuple[str, float]]) -> int:
    """Collect the tests in the mutant's process, and run them."""
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None) or "").startswith(str(ROOT / "tests")) and "mutation" not in name:
            del sys.modules[name]
    live.apply(mutant)
    files = sorted({name.split("::")[0] for name, _ in tests})
    return int(pytest.main([*options(files), "-x"], plugins=[Only([name for name, _ in tests])]))


class Only:
    """A plugin of pytest that runs the tests of these names, in their order: given as arguments they take minutes."""

    def __init__(self, names: list[str]) -> None:
        self.names = names

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        found = {item.nodeid: item for item in items}
        items[:] = [found[name] for name in self.names if name in found]


def in_fork(run: Callable[[], Any], seconds: float | None = None) -> int:
    """Run a function in a fork of this process and return its exit code; not 0 if it raised or took far longer."""
    process = os.fork()
    if not process:
        code = 1
        try:
            if seconds is not None:
                limit(seconds)
            code = int(run() or 0)
        except BaseException:
            if seconds is None:
                import traceback

                traceback.print_exc()
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def limit(seconds: float) -> None:
    """Limit this process's processor time and memory, and end it if it waits forever; leave it without output."""
    os.setpgid(0, 0)
    allowed = 10 + math.ceil(3 * seconds)  # seconds: changed code of a cell may have to be compiled
    resource.setrlimit(resource.RLIMIT_CPU, (allowed, allowed))
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + (2 << 30),) * 2)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(20 + 5 * allowed)
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (1, 2):
        os.dup2(nothing, stream)


# ---- what is found ------------------------------------------------------------------------------------------


def report(room: str, drawn: int, total: int, outcomes: Path) -> None:
    """Print the rate of the mutants that were killed, or ended, among those that were run."""
    found = list(outcomes_of(outcomes).values())
    n, killed = len(found), found.count("killed") + found.count("ended")
    if not n:
        raise SystemExit("no mutant was run: see pytest's messages above")
    low, high = interval(killed, n)
    print(
        f"room {room}: {n} mutants of {drawn} drawn from {total}: {killed} killed (of them {found.count('ended')} by\n"
        f"limits of time or memory), {n - killed} survived (of them {found.count('unrun')} in lines that no mapped\n"
        f"test runs within the budget): {killed / n:.1%}, 95 % interval {low:.1%} to {high:.1%}; see {outcomes}"
    )
    if n < drawn:
        print("the same command runs the rest")


def interval(killed: int, n: int, z: float = 1.96) -> tuple[float, float]:
    """Return Wilson's interval of a rate (E. B. Wilson 1927, doi:10.1080/01621459.1927.10502953)."""
    rate = killed / n
    middle, half = rate + z * z / (2 * n), z * math.sqrt(rate * (1 - rate) / n + (z / (2 * n)) ** 2)
    return (middle - half) / (1 + z * z / n), (middle + half) / (1 + z * z / n)


if __name__ == "__main__":
    main()
