"""The cost of padding: time per real frame of batches that are half padding, relative to batches without padding.

    env -u OPENBLAS_CORETYPE -u OPENBLAS_L2_SIZE python tests/benchmarks/bench_padding.py

Both have the same number of real frames: B sequences of T steps, and 2 B sequences of lengths spread evenly from 1
to T.
"""

import numpy as np
import pandas as pd

from rnnbp import kernels
from rnnbp.benchmark.measure import TimedCall, best_times, blas_threads
from rnnbp.benchmark.rnnbp_kernels import CELLS
from rnnbp.core import Parameters
from rnnbp.layers import Run


def training(kernel, lengths, inputs):
    """Return a function that runs the forward and the backward pass of sequences of these lengths, longest first."""
    rng, cell = np.random.default_rng(0), kernel.cell
    params, (T, B) = Parameters(cell.shapes()), (max(lengths), len(lengths))
    cell.initialize(params, rng)
    weights, grad = dict(params.items()), params.zeros()
    x = rng.standard_normal((T, B, inputs), dtype=np.float32)
    dy = rng.standard_normal((T, B, cell.output_size), dtype=np.float32)
    active, state = Run(np.asarray(lengths)).active(T), np.zeros((B, cell.state_size), np.float32)

    def run():
        _, residuals, _ = kernel.forward(weights, x, active, state)
        kernel.backward_params(weights, residuals, dy, grad, state)

    return run


def main():
    rows = []
    with blas_threads() as limit:
        for backend in [name for name in kernels.BACKENDS if name != "loop"]:
            for name in ("rnn", "lstm", "gru", "original gru"):
                for B, T, F, H in ((16, 100, 13, 64), (32, 100, 40, 128), (32, 200, 40, 256)):
                    kernel = kernels.BACKENDS[backend](CELLS[name](F, H), np.dtype(np.float32))
                    if kernel is None:
                        continue
                    spread = np.linspace(T, 1, 2 * B).round().astype(int)
                    calls = [TimedCall(training(kernel, lengths, F), 1) for lengths in ([T] * B, spread)]
                    equal, padded = best_times(calls, limit, 1.0)
                    ratio = padded / spread.sum() / (equal / (B * T))
                    padding = 1 - spread.sum() / (2 * B * T)
                    rows.append((backend, name, B, T, F, H, round(padding, 3), round(ratio, 3)))
    columns = ["kernels", "cell", "batch", "steps", "inputs", "hidden", "padding", "time per frame, of equal lengths'"]
    print(pd.DataFrame(rows, columns=columns).to_string(index=False))


if __name__ == "__main__":
    main()
