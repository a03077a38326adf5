"""Fuzz the readers of files from outside: `python tests/fuzzing/run.py --inputs 100000 [--reader wav] [--seed 0]`.

Prints a row for each reader, and writes every input that is a fault to the folder of --output, beside a text that says
what is wrong. Ctrl-C and SIGTERM print what there is, of the readers that are not finished too.
"""

import argparse
import os
import signal
import sys
import tempfile
import time
import traceback
from concurrent.futures import ProcessPoolExecutor, wait
from contextlib import suppress
from functools import partial
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[2])]

from fuzz_harness import Tally, campaign, remove  # noqa: E402
from fuzz_readers import READERS, installed  # noqa: E402

HEAD = f"{'reader':16} {'inputs':>8} {'loaded':>8} {'refused':>8} {'faults':>6} {'slowest':>9} {'memory a byte':>13}"
MOST_FAULTS = 200  # of a reader, after which it is given up


def shown(tally: Tally) -> str:
    """Return a row of the table."""
    return (
        f"{tally.reader:16} {tally.inputs:8} {tally.loaded:8} {tally.refused:8} {len(tally.faults):6} "
        f"{tally.slowest:7.3f} s {tally.most:13.1f}"
    )


def store(tally: Tally, output: Path) -> None:
    """Write the inputs that are faults, one of each kind."""
    seen = set()
    for origin, wrong, data in tally.faults:
        kind = wrong.partition("\n")[2] or wrong[:60]
        if kind in seen:
            continue
        seen.add(kind)
        output.mkdir(parents=True, exist_ok=True)
        name = origin.replace(" ", "-")
        (output / f"{name}.input").write_bytes(data)
        (output / f"{name}.txt").write_text(f"{origin}\n{wrong}\n", encoding="utf-8", errors="replace")


def one(name: str, inputs: int, seed: int, output: Path) -> Tally:
    """Try the inputs of a reader."""
    reader = next(reader for reader in READERS if reader.name == name)
    shared = Path("/dev/shm")
    folder = Path(tempfile.mkdtemp(dir=shared if shared.is_dir() else None))
    interrupted: list[int] = []
    for one_of in (signal.SIGINT, signal.SIGTERM):
        signal.signal(one_of, lambda number, frame: interrupted.append(number))

    def stop(now: Tally) -> bool:
        return bool(interrupted) or len(now.faults) >= MOST_FAULTS

    try:
        tally = campaign(reader, folder, inputs, seed, stop)
    finally:
        remove(folder)
    store(tally, output)
    return tally


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("--inputs", type=int, default=100_000, help="a reader (default 100000)")
    parser.add_argument(
        "--reader", action="append", metavar="NAME", help="one of: " + ", ".join(r.name for r in READERS)
    )
    parser.add_argument("--seed", type=int, default=0, help="of the mutations (default 0)")
    parser.add_argument(
        "--jobs", "--processes", type=int, default=1, help="readers that are tried together (default 1)"
    )
    parser.add_argument("--output", type=Path, default=Path("fuzzing-faults"), help="folder of inputs that are faults")
    options = parser.parse_args()
    names = options.reader or [reader.name for reader in READERS]
    if wrong := [name for name in names if name not in [reader.name for reader in READERS]]:
        parser.error(f"there is no reader {wrong[0]!r}; they are {', '.join(reader.name for reader in READERS)}")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    print(HEAD, flush=True)
    faults, began = 0, time.time()
    run = partial(one, inputs=options.inputs, seed=options.seed, output=options.output)
    with ProcessPoolExecutor(options.jobs, max_tasks_per_child=1) as pool:
        pending, printed = {}, set()
        for name in names:
            if installed(next(reader for reader in READERS if reader.name == name)):
                pending[name] = pool.submit(run, name)
            else:
                print(f"{name:16} not tried: what it needs is not installed", flush=True)
        try:
            for name, future in pending.items():
                try:
                    tally = future.result()
                except Exception:
                    faults += 1
                    print(f"{name:16} the process died: {traceback.format_exc(limit=1).splitlines()[-1]}", flush=True)
                    continue
                faults += len(tally.faults)
                printed.add(future)
                print(shown(tally), flush=True)
        except KeyboardInterrupt:
            for one_of in (signal.SIGINT, signal.SIGTERM):
                signal.signal(one_of, signal.SIG_IGN)
            for future in pending.values():
                future.cancel()
            while wait(pending.values(), timeout=0.5).not_done:  # the next reader may have been handed out already
                for pid in list(pool._processes or {}):  # each returns what it has
                    with suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGINT)
            for future in pending.values():
                if not future.cancelled() and future not in printed and future.exception() is None:
                    faults += len(future.result().faults)
                    print(shown(future.result()), flush=True)
            print("interrupted", flush=True)
    print(f"{faults} faults; {time.time() - began:.0f} s" + (f"; inputs in {options.output}" if faults else ""))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
