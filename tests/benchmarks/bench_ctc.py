"""CTC's loss and gradient beside PyTorch's: the fastest call of each, timed in turns.

    PYTHONPATH=. python tests/benchmarks/bench_ctc.py

PyTorch's are `ctc_loss` with `log_softmax` and `backward`. With a ratio below 1 rnnbp is faster.
"""

import numpy as np
import pandas as pd
import torch

import rnnbp
from rnnbp import kernels
from rnnbp.benchmark.measure import TimedCall, best_times
from rnnbp.kernels.compiled import available

SIZES = [(100, 16, 11, 7), (200, 32, 60, 40), (800, 8, 30, 100)]
BACKENDS = ("compiled", "numpy") if available() else ("numpy",)
SECONDS = 6  # for each size


def ours(outputs, labels, steps, backend):
    loss = rnnbp.CTC()

    def run():
        with kernels.using(backend):
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


def use_threads(threads):
    torch.set_num_threads(threads)
    rnnbp.set_num_threads(threads)


def timed(T, B, K, L):
    """Yield a row for each backend and number of threads; NumPy's backend uses one thread."""
    rng = np.random.default_rng(0)
    outputs = rng.standard_normal((T, B, K)).astype(np.float32)
    labels, steps = rnnbp.LabelSequences(rng.integers(1, K, (B, L))), np.full(B, T)
    runs = {name: ours(outputs, labels, steps, name) for name in BACKENDS} | {"PyTorch": theirs(outputs, labels, steps)}
    pairs = [(name, threads) for name in runs for threads in (1, 2) if name != "numpy" or threads == 1]
    best = dict(
        zip(pairs, best_times([TimedCall(runs[name], n) for name, n in pairs], use_threads, SECONDS), strict=True)
    )
    for (name, threads), seconds in best.items():
        if name != "PyTorch":
            pytorch = best["PyTorch", threads]
            yield T, B, K, L, name, threads, 1e3 * seconds, 1e3 * pytorch, seconds / pytorch


def main():
    rows = [row for size in SIZES for row in timed(*size)]
    columns = ["T", "B", "K", "L", "backend", "threads", "ours, ms", "PyTorch, ms", "ratio"]
    print(pd.DataFrame(rows, columns=columns).round(3).to_string(index=False))


if __name__ == "__main__":
    main()
