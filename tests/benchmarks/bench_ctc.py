"""CTC's loss and gradient beside PyTorch's: the median of paired ratios, timed in turns.

    PYTHONPATH=. python tests/benchmarks/bench_ctc.py

Each pair is one call of ours and one of PyTorch's `ctc_loss` with `log_softmax` and `backward`, in alternating order,
both on as many threads. A ratio below 1 is ours ahead.
"""

import time

import numpy as np
import pandas as pd
import torch

import rnnbp
from rnnbp import kernels
from rnnbp.kernels.compiled import installed

SIZES = [(100, 16, 11, 7), (200, 32, 60, 40), (800, 8, 30, 100)]
SECONDS = 1.5  # for each ratio
LEAST = 15  # pairs


def ours(outputs, labels, steps, kind):
    loss = rnnbp.CTC()

    def run():
        with kernels.using(kind):
            loss(outputs, labels, steps)

    return run


def theirs(outputs, labels, steps):
    x = torch.tensor(outputs, requires_grad=True)
    flat, counts, lengths = (torch.tensor(a) for a in (np.concatenate(labels.labels), labels.lengths, steps))

    def run():
        x.grad = None
        loss = torch.nn.functional.ctc_loss(x.log_softmax(-1), flat, lengths, counts, reduction="sum")
        (loss / len(labels)).backward()

    return run


def seconds(run):
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


def paired(first, second):
    """Milliseconds of both, medians, and the median of the ratios with its quartiles."""
    for _ in range(3):
        first(), second()
    pairs, began = [], time.perf_counter()
    while len(pairs) < LEAST or time.perf_counter() - began < SECONDS:
        if len(pairs) % 2:
            pairs.append((seconds(first), seconds(second)))
        else:
            pairs.append((seconds(second), seconds(first))[::-1])
    a, b = np.array(pairs).T
    return 1e3 * np.median(a), 1e3 * np.median(b), *np.quantile(a / b, [0.5, 0.25, 0.75])


def main():
    rng, rows = np.random.default_rng(0), []
    for threads in (1, 2):
        torch.set_num_threads(threads)
        rnnbp.set_num_threads(threads)
        for T, B, K, L in SIZES:
            outputs = rng.standard_normal((T, B, K)).astype(np.float32)
            labels = rnnbp.LabelSequences(rng.integers(1, K, (B, L)))
            steps = np.full(B, T)
            for kind in ("compiled", "numpy") if installed() else ("numpy",):
                if kind == "compiled" or threads == 1:
                    rows.append(
                        (
                            threads,
                            kind,
                            T,
                            B,
                            K,
                            L,
                            *paired(ours(outputs, labels, steps, kind), theirs(outputs, labels, steps)),
                        )
                    )
    columns = ["threads", "kind", "T", "B", "K", "L", "ours, ms", "PyTorch, ms", "ratio", "quartile", "quartile"]
    print(pd.DataFrame(rows, columns=columns).round(3).to_string(index=False))


if __name__ == "__main__":
    main()
