"""Training from shards larger than memory: peak memory, and speed relative to the same sequences in memory.

    python tests/benchmarks/bench_shards.py --megabytes 5000 --memory 96

The set is generated into a temporary folder, and deleted. Each training is one epoch in a process of its own, whose
peak resident memory is that of the interpreter, the libraries, the model, the shards and the batches; the one named
'batches' trains on a few of the same batches only, which is what memory takes without data. In memory, as many
sequences are trained on as --in-memory allows. Peak memory is read from /proc (Linux).
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

import rnnbp

STEPS, FEATURES, CLASSES, HIDDEN, BATCH = 200, 40, 10, 128, 64
SEQUENCE_BYTES = 4 * STEPS * FEATURES


def generated(size):
    """Yield sequences whose class is that of their mean."""
    rng = np.random.default_rng(0)
    noise = rng.standard_normal((4096, FEATURES), dtype=np.float32)
    for _ in range(size):
        k, start = int(rng.integers(CLASSES)), int(rng.integers(len(noise) - STEPS))
        yield noise[start : start + STEPS] + np.float32(k / CLASSES), k


def peak_memory():
    """Return the peak resident memory of this process, in megabytes."""
    (line,) = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) / 1000


def train(folder, memory, sequences, in_memory):
    """Train for an epoch and print a row of the table."""
    data = rnnbp.load_shards(folder, memory=memory * 2**20)[:sequences]
    if in_memory:
        data = rnnbp.load_shards(folder, memory=2**40)[:sequences].in_memory()
    model = rnnbp.Sequential(rnnbp.GRU(FEATURES, HIDDEN), rnnbp.Last(), rnnbp.Dense(HIDDEN, CLASSES), dtype=np.float32)
    trainer = rnnbp.Trainer(model, rnnbp.CrossEntropy(), optimizer=rnnbp.Adam(1e-3))
    trainer.fit(data[: 4 * BATCH], epochs=1, batch_size=BATCH, progress=False)  # compiles
    began = time.perf_counter()
    row = trainer.fit(data, epochs=1, batch_size=BATCH, progress=False).iloc[-1]
    seconds = time.perf_counter() - began
    print(json.dumps({"loss": row["loss"], "sequences": len(data), "seconds": seconds, "peak_MB": peak_memory()}))


def run(folder, memory, sequences, in_memory=False):
    """Train in a process of its own and return its row of the table."""
    given = [str(folder), str(memory), str(sequences), str(int(in_memory))]
    output = subprocess.run(
        [sys.executable, __file__, "--train", *given], stdout=subprocess.PIPE, text=True, check=True
    ).stdout
    row = json.loads(output.splitlines()[-1])
    return row | {
        "data_MB": row["sequences"] * SEQUENCE_BYTES / 1e6,
        "sequences_per_s": row["sequences"] / row["seconds"],
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--megabytes", type=int, default=5000, help="of the set (default: 5000)")
    parser.add_argument("--memory", type=int, default=96, help="megabytes for shards (default: 96)")
    parser.add_argument("--in-memory", type=int, default=500, help="megabytes to train on in memory (default: 500)")
    parser.add_argument("--train", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.train is not None:
        folder, memory, sequences, in_memory = options.train
        train(folder, int(memory), int(sequences), in_memory == "1")
        return
    size = int(options.megabytes * 1e6) // SEQUENCE_BYTES
    part = min(size, int(options.in_memory * 1e6) // SEQUENCE_BYTES)
    with tempfile.TemporaryDirectory() as base:
        folder, began = Path(base) / "shards", time.perf_counter()
        rnnbp.write_shards(generated(size), folder)
        files = list(folder.iterdir())
        written = sum(path.stat().st_size for path in files) / 1e6
        print(f"{written:.0f} MB in {len(files) - 1} shards, written in {time.perf_counter() - began:.1f} s")
        rows = {"batches": run(folder, options.memory, 4 * BATCH)}
        rows["in memory"] = run(folder, options.memory, part, in_memory=True)
        rows["shards"] = run(folder, options.memory, size)
        rows["in memory, again"] = run(folder, options.memory, part, in_memory=True)
    table = pd.DataFrame(rows).T
    speed = table["sequences_per_s"]
    table["of_in_memory"] = speed / speed[["in memory", "in memory, again"]].mean()
    print(table[["data_MB", "sequences", "seconds", "sequences_per_s", "of_in_memory", "peak_MB"]].round(3).to_string())


if __name__ == "__main__":
    main()
