"""Do the thread team and the memory pool pay? A training step with each of them replaced by what Python brings.

    python tests/benchmarks/bench_machinery.py

The team (`rnnbp/kernels/team.py`) against `concurrent.futures.ThreadPoolExecutor`, the pool
(`rnnbp/runtime/memory_pool.py`) against `numpy.empty`, in turns within one process. A ratio above 1 is the time that
the replacement takes more.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import numpy as np
import pandas as pd

import rnnbp
from rnnbp.benchmark.measure import TimedCall, best_times
from rnnbp.kernels import packing
from rnnbp.kernels.compiled import kernel

ROWS = (
    (1, 100, 13, 32),
    (16, 100, 13, 32),
    (16, 100, 13, 64),
    (32, 100, 40, 128),
    (32, 200, 40, 256),
    (64, 100, 128, 512),
)
EXECUTOR = ThreadPoolExecutor(1)


def run_shards_by_futures(shards: int, function: Callable[..., Any]) -> None:
    """Call a function for each shard, the first in this thread and the others by an executor."""
    signals = np.zeros(16, np.int64)
    others = [EXECUTOR.submit(function, signals, shard, shards) for shard in range(1, shards)]
    function(signals, 0, shards)
    for other in others:
        other.result()


def plain_empties(dtype: np.dtype, *shapes: tuple[int, ...]) -> list[np.ndarray]:
    """Return arrays that NumPy allocates."""
    return [np.empty(shape, dtype) for shape in shapes]


@contextmanager
def variant(run_shards: Any, empties: Any, zeros: Any, empty: Any) -> Iterator[None]:
    """Replace what starts threads and what allocates memory; by itself in the case that is compared with."""
    with (
        patch.object(kernel, "run_shards", run_shards),
        patch.object(kernel, "empties", empties),
        patch.object(kernel, "zeros", zeros),
        patch.object(packing, "empty", empty),
    ):
        yield


OURS = (kernel.run_shards, kernel.empties, kernel.zeros, packing.empty)
VARIANTS = (OURS, (run_shards_by_futures, *OURS[1:]), (OURS[0], plain_empties, np.zeros, np.empty))


def training_step(layer: Any, parts: tuple[Any, ...], B: int, T: int, F: int) -> Callable[[], None]:
    """Return a call that runs a layer forward and backward with a part replaced."""
    rng = np.random.default_rng(0)
    params = rnnbp.Parameters(layer.shapes(), dtype=np.float32)
    layer.initialize(params, rng)
    x = rng.standard_normal((T, B, F), dtype=np.float32)
    dy = rng.standard_normal((T, B, layer.hidden_size), dtype=np.float32)
    run, grad = rnnbp.layers.Run(np.full(B, T)), params.zeros()

    def call() -> None:
        with variant(*parts):
            _, residuals, _ = layer.forward(params, x, run)
            layer.backward(params, residuals, dy, grad)

    return call


def main() -> None:
    rows = []
    for cell in (rnnbp.Elman, rnnbp.LSTM, rnnbp.GRU):
        for B, T, F, H in ROWS:
            for threads in (1, 2):
                calls = [TimedCall(training_step(cell(F, H), parts, B, T, F), threads) for parts in VARIANTS]
                ours, by_futures, by_numpy = best_times(calls, rnnbp.set_num_threads, 3.0)
                rows.append((cell.__name__, B, T, F, H, threads, 1e3 * ours, by_futures / ours, by_numpy / ours))
    columns = ["layer", "batch", "steps", "inputs", "hidden", "threads", "ms", "futures / team", "numpy / pool"]
    table = pd.DataFrame(rows, columns=columns).round(3)
    print(table.to_string(index=False))
    print(table.groupby("threads")[columns[-2:]].agg(lambda r: np.exp(np.log(r).mean())).round(3))


if __name__ == "__main__":
    main()
