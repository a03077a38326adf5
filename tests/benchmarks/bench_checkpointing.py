"""What checkpoints cost and save: time, forward evaluations and memory of BPTT over 1,000 steps, by what is held.

    env -u OPENBLAS_CORETYPE -u OPENBLAS_L2_SIZE python tests/benchmarks/bench_checkpointing.py

Evaluations are steps that were run, for each step of the sequences; beside them what the schedule's closed form says
(for a budget, one more step was run to measure it). Time is relative to plain BPTT, in turns with it, on one thread.
Memory is the share of plain BPTT's that is held for the way back, as counted and as tracemalloc sees all that is
allocated meanwhile.
"""

import tracemalloc
from dataclasses import replace

import numpy as np
import pandas as pd

import rnnbp
from rnnbp.benchmark.measure import TimedCall, best_times, blas_threads
from rnnbp.gradients.checkpointing.schedules import residuals_evaluations

T, B, F, H = 1000, 32, 40, 128
SECONDS = 3.0  # for each row


def task():
    """An LSTM with a label for each sequence."""
    rng = np.random.default_rng(0)
    model = rnnbp.Sequential(rnnbp.LSTM(F, H), rnnbp.Last(), rnnbp.Dense(H, 10))
    batch = rnnbp.SequenceBatch.from_array(rng.standard_normal((T, B, F), dtype=np.float32), np.full(B, T))
    return model, replace(batch, targets=rng.integers(10, size=B))


def allocated(run):
    """The most bytes at once."""
    tracemalloc.start()
    run()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def closed_form(algorithm):
    """Evaluations a unit, where the algorithm says how many slots there are."""
    if algorithm.slots is None:
        return np.nan
    units = -(-T // (algorithm.block or 16))
    return residuals_evaluations(units, algorithm.slots) / units


def main():
    model, batch = task()

    def gradient_by(algorithm):
        return lambda: next(algorithm.gradients(model, batch, rnnbp.CrossEntropy()))

    plain = gradient_by(rnnbp.BPTT())
    whole, all_bytes = plain().cost, allocated(plain)
    budgets = [int(share * whole.peak_bytes) for share in (0.09, 0.12, 0.25, 0.5, 0.75)]
    algorithms = [
        *(rnnbp.BPTT(slots=slots, block=1) for slots in (5, 10, 20, 50, 100)),
        *(rnnbp.BPTT(slots=slots) for slots in (1, 3, 6, 12, 63)),
        *(rnnbp.BPTT(memory=budget) for budget in budgets),
    ]
    rows = []
    with blas_threads() as limit:
        for algorithm in algorithms:
            run = gradient_by(algorithm)
            cost = run().cost
            less, more = best_times([TimedCall(run, 1), TimedCall(plain, 1)], limit, SECONDS)
            rows.append(
                {
                    "algorithm": repr(algorithm),
                    "evaluations a step": cost.steps / whole.steps,
                    "closed form": closed_form(algorithm),
                    "time": less / more,
                    "memory held": cost.peak_bytes / whole.peak_bytes,
                    "memory allocated": allocated(run) / all_bytes,
                }
            )
    with pd.option_context("display.width", 160):
        print(pd.DataFrame(rows).round(3).to_string(index=False))


if __name__ == "__main__":
    main()
