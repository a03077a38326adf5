"""A busy machine: default threads beside one thread, while another process uses one of the cores."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np

from rnnbp.benchmark.suite.base import Contest
from rnnbp.data import SequenceDataset
from rnnbp.datasets import load_japanese_vowels
from rnnbp.features import MFCC
from rnnbp.gradients import BPTT, Backprop
from rnnbp.layers import LSTM, Dense, Flatten, Last, Layer
from rnnbp.losses import CrossEntropy
from rnnbp.models import Sequential
from rnnbp.optimizers import Adam, ClipNorm
from rnnbp.runtime import blas_threads, set_num_threads, threads_as_before
from rnnbp.training import Trainer

SAMPLES = 640  # of 784 features
REPEATS = 5  # in a run, within which the other process is started
BUSY = "import os\nwhile os.getppid() == {parent}: pass"  # it ends with its parent


def contests() -> Iterator[Contest]:
    """Yield contests of an epoch of an LSTM, one of a static network, and of features, each with a core taken."""
    train, _ = load_japanese_vowels()
    recurrent = _epoch([LSTM(12, 64), Last(), Dense(64, 9)], train, BPTT())
    rng = np.random.default_rng(0)
    images = rng.standard_normal((SAMPLES, 1, 784), np.float32)
    data = SequenceDataset(list(images), targets=rng.integers(0, 10, SAMPLES))
    static = _epoch([Flatten(1), Dense(784, 512, "relu"), Dense(512, 10)], data, Backprop(), batch_size=64)
    signals, mfcc = rng.standard_normal((20, 16000)), MFCC(sr=16000)
    workloads: dict[str, Callable[[], object]] = {
        "LSTM 64, Japanese Vowels, an epoch": recurrent,
        f"MLP 784-512-10, {SAMPLES} images, an epoch": static,
        f"MFCC of {len(signals)} recordings of a second": lambda: [mfcc(y) for y in signals],
    }
    for name, run in workloads.items():
        runs = {"rnnbp, default threads": _while_busy(run), "one thread": _while_busy(_on_one_thread(run))}
        yield Contest(f"a core is taken: {name}", runs, per=REPEATS, one_thread=False)


def _epoch(
    layers: list[Layer], data: SequenceDataset, gradient: BPTT | Backprop, batch_size: int = 16
) -> Callable[[], object]:
    trainer = Trainer(Sequential(*layers, seed=0), CrossEntropy(), gradient, Adam(0.001), clip=ClipNorm(1.0))
    return lambda: trainer.fit(data, epochs=1, batch_size=batch_size, progress=False)


def _on_one_thread(run: Callable[[], object]) -> Callable[[], object]:
    def limited() -> None:
        with threads_as_before(), blas_threads(1):
            set_num_threads(1)
            run()

    return limited


def _while_busy(run: Callable[[], object]) -> Callable[[], object]:
    def busy() -> None:
        with _core_taken():
            for _ in range(REPEATS):
                run()

    return busy


@contextmanager
def _core_taken() -> Iterator[None]:
    """Context in which another process computes on the last of the cores."""
    process = subprocess.Popen([sys.executable, "-c", BUSY.format(parent=os.getpid())])
    try:
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(process.pid, {max(os.sched_getaffinity(0))})
        yield
    finally:
        process.kill()
        process.wait()
