"""Time, forward evaluations and memory of checkpointed BPTT over 1,000 steps, by the number of slots or the budget.

    env -u OPENBLAS_CORETYPE -u OPENBLAS_L2_SIZE python tests/benchmarks/bench_checkpointing.py

Evaluations are forward steps per step of the sequences, beside the closed form of the schedule (with a budget, one more
step is run to measure the sizes). Time is relative to plain BPTT, timed in turns with it, on one thread. Memory is
relative to plain BPTT too: what is stored for the backward pass, and the peak of all allocations by tracemalloc.
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
    """Return an LSTM and a batch with a label for each sequence."""
    rng = np.random.default_rng(0)
    model = rnnbp.Sequential(rnnbp.LSTM(F, H), rnnbp.Last(), rnnbp.Dense(H, 10))
    batch = rnnbp.SequenceBatch.from_array(rng.standard_normal((T, B, F), dtype=np.float32), np.full(B, T))
    return model, replace(batch, targets=rng.integers(10, size=B))


def allocated(run):
    """Return the peak of the allocated bytes."""
    tracemalloc.start()
    run()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def closed_form(algorithm):
    """Return the evaluations per segment by the closed form; NaN if the number of slots is not given."""
    if algorithm.slots is None:
        return np.nan
    segments = -(-T // (algorithm.block or 16))
    return residuals_evaluations(segments, algorithm.slots) / segments


def main():
    model, batch = task()

    def gradient_by(algorithm):
        return lambda: next(algorithm.gradients(model, batch, rnnbp.CrossEntropy()))

    plain = gradient_by(rnnbp.BPTT())
    plain_cost, plain_bytes = plain().cost, allocated(plain)
    budgets = [int(fraction * plain_cost.peak_bytes) for fraction in (0.09, 0.12, 0.25, 0.5, 0.75)]
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
            seconds, plain_seconds = best_times([TimedCall(run, 1), TimedCall(plain, 1)], limit, SECONDS)
            rows.append(
                {
                    "algorithm": repr(algorithm),
                    "evaluations a step": cost.steps / plain_cost.steps,
                    "closed form": closed_form(algorithm),
                    "time": seconds / plain_seconds,
                    "memory stored": cost.peak_bytes / plain_cost.peak_bytes,
                    "memory allocated": allocated(run) / plain_bytes,
                }
            )
    with pd.option_context("display.width", 160):
        print(pd.DataFrame(rows).round(3).to_string(index=False))


if __name__ == "__main__":
    main()
