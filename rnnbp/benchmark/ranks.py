"""Data-parallel training by MPI: steps per second, the time of an all-reduce, and a model of more ranks."""

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from rnnbp.data import SequenceDataset
from rnnbp.layers import LSTM, Dense, Last
from rnnbp.losses import CrossEntropy
from rnnbp.models import Sequential
from rnnbp.training import Trainer

SIZES = (2**10, 2**14, 2**18, 2**22, 2**24)  # bytes


@dataclass(frozen=True)
class AllReduceModel:
    """The alpha-beta model of an all-reduce: alpha log2(N) + beta bytes 2 (N - 1) / N seconds for N ranks.

    The first term is that of recursive doubling, for latency, the second that of reduce-scatter and all-gather, for
    bandwidth.

    Parameters
    ----------
    alpha : float [s]
    beta : float [s per byte]

    References
    ----------
    R. Thakur, R. Rabenseifner & W. Gropp (2005), "Optimization of collective communication operations in MPICH",
    International Journal of High Performance Computing Applications 19(1), 49-66, doi:10.1177/1094342005051521

    Examples
    --------
    >>> AllReduceModel(2.0**-20, 2.0**-30).seconds(4, 1024) == 2 * 2.0**-20 + 1.5 * 2.0**-20
    True
    """

    alpha: float
    beta: float

    @classmethod
    def fitted(cls, ranks: int, sizes: Any, seconds: Any) -> "AllReduceModel":
        """Return the model with the least relative errors of times measured on a number of ranks."""
        seconds = np.asarray(seconds, float)
        terms = np.column_stack([np.full(len(seconds), np.log2(ranks)), 2 * (ranks - 1) / ranks * np.asarray(sizes)])
        alpha, beta = np.linalg.lstsq(terms / seconds[:, None], np.ones(len(seconds)), rcond=None)[0]
        return cls(max(float(alpha), 0.0), max(float(beta), 0.0))

    def seconds(self, ranks: int, size: int) -> float:
        """Return the time of an all-reduce of `size` bytes."""
        return float(self.alpha * np.log2(ranks) + self.beta * size * 2 * (ranks - 1) / ranks)


def all_reduce_times(comm: Any, sizes: Any = SIZES, repeats: int = 20) -> pd.DataFrame:
    """Return the median time of an all-reduce by its size: columns bytes and seconds."""
    from mpi4py import MPI

    rows = []
    for size in sizes:
        buffer, times = np.zeros(size // 8), []
        for _ in range(repeats):
            comm.Barrier()
            began = time.perf_counter()
            comm.Allreduce(MPI.IN_PLACE, buffer)
            times.append(time.perf_counter() - began)
        rows.append({"bytes": size, "seconds": comm.bcast(float(np.median(times[1:])))})
    return pd.DataFrame(rows)


def seconds_a_step(comm: Any, hidden_size: int, batch_size: int, steps: int = 50, epochs: int = 3) -> float:
    """Return the shortest mean time of a training step of an LSTM, over epochs of 10 batches."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(10 * batch_size, steps, 16))
    data = SequenceDataset(list(x), targets=rng.integers(0, 10, len(x)))
    model = Sequential(LSTM(16, hidden_size), Last(), Dense(hidden_size, 10))
    trainer = Trainer(model, CrossEntropy(), comm=comm)
    history = trainer.fit(data, epochs=epochs, batch_size=batch_size, progress=False)
    return float(history["seconds"].min()) / 10


def measured_and_predicted(comm: Any, hidden_size: int, batch_size: int, most: int = 64) -> pd.DataFrame:
    """Return steps per second measured on 1 to n ranks, and those that the model predicts for more.

    Parameters
    ----------
    comm : mpi4py.MPI.Intracomm
    hidden_size, batch_size : int
    most : int, default 64
        Ranks of the last prediction.

    Returns
    -------
    DataFrame
        Columns ranks, steps_per_second, efficiency, and by: 'measured' or 'model'.
    """
    from mpi4py import MPI

    found = {}
    for ranks in range(1, comm.size + 1):
        part = comm.Split(0 if comm.rank < ranks else MPI.UNDEFINED, comm.rank)
        own = seconds_a_step(part, hidden_size, batch_size) if part != MPI.COMM_NULL else 0.0
        found[ranks] = comm.bcast(own)
    times = all_reduce_times(comm)
    size = 8 * sum(int(np.prod(s)) for s in Sequential(LSTM(16, hidden_size)).params.shapes.values())
    rows = [(ranks, 1 / s, found[1] / ranks / s, "measured") for ranks, s in found.items()]
    if comm.size > 1:
        fit = AllReduceModel.fitted(comm.size, times["bytes"], times["seconds"])
        for ranks in (2**k for k in range(1, 11) if comm.size < 2**k <= most):
            s = found[1] / ranks + fit.seconds(ranks, size)
            rows.append((ranks, 1 / s, found[1] / ranks / s, "model"))
    return pd.DataFrame(rows, columns=["ranks", "steps_per_second", "efficiency", "by"])
