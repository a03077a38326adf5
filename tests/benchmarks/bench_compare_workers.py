"""How much faster is `rnnbp compare` with two workers than with one? The whole command, in alternating order.

    python tests/benchmarks/bench_compare_workers.py [--repeats 3] [arguments of rnnbp compare]

Prints the seconds of every run and the ratio of the best times; on two idle cores it should be 1.85 or more.
"""

import argparse
import os
import subprocess
import sys
import time

DEFAULT = "japanese-vowels"


def seconds(workers: int, arguments: list[str]) -> float:
    """Return the time that the command takes in a new process."""
    command = [sys.executable, "-m", "rnnbp", "compare", *arguments, "--workers", str(workers), "--quiet"]
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def main() -> None:
    """Measure one and two workers in turns, and print the ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3, help="of each (default: 3)")
    options, arguments = parser.parse_known_args()
    arguments = arguments or [DEFAULT]
    times: dict[int, list[float]] = {1: [], 2: []}
    for repeat in range(options.repeats):
        for workers in (1, 2) if repeat % 2 == 0 else (2, 1):
            times[workers].append(seconds(workers, arguments))
            load = os.getloadavg()[0]
            print(f"{workers} worker{'s' * (workers > 1)}: {times[workers][-1]:.2f} s (load {load:.1f})", flush=True)
    one, two = (min(times[workers]) for workers in (1, 2))
    print(
        f"rnnbp compare {' '.join(arguments)}: {one:.2f} s with one worker, {two:.2f} s with two: {one / two:.2f} times"
    )


if __name__ == "__main__":
    main()
