"""Every declared cell without Numba: a training pass by its generated NumPy kernel beside the loop over its step.

    OMP_NUM_THREADS=1 python tests/benchmarks/bench_numpy.py [names of cells]

Forward and backward pass in float32, without the input's gradient; the shortest of interleaved runs.
"""

import inspect
import sys

import numpy as np
import pandas as pd

from rnnbp import cells, kernels
from rnnbp.benchmark.measure import TimedCall, best_times
from rnnbp.cells.declared import DeclaredCell
from rnnbp.core import Parameters

T, B, F, H = 100, 12, 32, 64
SECONDS = 1.0
CELLS = {
    name.removesuffix("Cell"): cls(F, H)
    for name, cls in inspect.getmembers(cells, inspect.isclass)
    if issubclass(cls, DeclaredCell) and cls is not DeclaredCell
}


def training(kernel, cell):
    """Return a function that runs a kernel forward and back."""
    rng, params = np.random.default_rng(0), Parameters(cell.shapes())
    cell.initialize(params, rng)
    x, dy = (rng.standard_normal((T, B, size), dtype=np.float32) for size in (F, cell.output_size))
    weights, active, grad = dict(params.items()), np.full(T, B), params.zeros()
    state = np.zeros((B, cell.state_size), np.float32)

    def run():
        _, residuals, _ = kernel.forward(weights, x, active, state)
        kernel.backward_params(weights, residuals, dy, grad, state)

    return run


def main(names):
    rows = {}
    for name in names or CELLS:
        cell = CELLS[name]
        backends = [kernels.BACKENDS[backend](cell, np.dtype(np.float32)) for backend in ("numpy", "loop")]
        calls = [TimedCall(training(kernel, cell), 1) for kernel in backends if kernel is not None]
        if len(calls) == 2:
            numpy, loop = best_times(calls, lambda threads: None, SECONDS)
            rows[name] = {"NumPy [ms]": 1e3 * numpy, "loop [ms]": 1e3 * loop, "loop / NumPy": loop / numpy}
    print(pd.DataFrame.from_dict(rows, orient="index").to_string(float_format=lambda v: f"{v:.2f}"))


if __name__ == "__main__":
    main(sys.argv[1:])
