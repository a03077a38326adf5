"""Program of test_data_parallel.py for mpiexec: what ends all ranks, one by one, and then the death of one."""

import os
import signal
import sys
from pathlib import Path

import numpy as np
import pytest
from mpi4py import MPI

import rnnbp

COMM, CHECKPOINT = MPI.COMM_WORLD, Path(sys.argv[1])


def data(load=None):
    rng = np.random.default_rng(1)
    x = [rng.normal(size=(n, 2)) for n in rng.integers(2, 9, 12)]
    given = x if load is None else rnnbp.data.LazySequences(load(x), len(x), memory=0, lengths=[len(s) for s in x])
    return rnnbp.SequenceDataset(given, targets=rng.integers(0, 2, 12), dtype=np.float64)


def trainer(seed=0, comm=COMM, **options):
    model = rnnbp.Sequential(rnnbp.LSTM(2, 3), rnnbp.Last(), rnnbp.Dense(3, 2), seed=seed, dtype=np.float64)
    options.setdefault("optimizer", rnnbp.Adam(0.05))
    return rnnbp.Trainer(model, rnnbp.CrossEntropy(), **options, comm=comm)


def fit(made, train=None, **options):
    made.fit(data() if train is None else train, progress=False, batch_size=4, **{"epochs": 2, **options})
    return made


def failing_in_rank_1(error):
    """Return the callback that raises an error in one rank."""
    return lambda *_: (_ for _ in ()).throw(error) if COMM.rank == 1 else None


def unreadable(x):
    def load(i):
        if COMM.rank == 1 and i == 9:
            raise OSError("disk failed")
        return x[i]

    return load


def raises(own, other, message):
    """Return the context in which rank 1 raises one error, and the others another that says so."""
    return pytest.raises(own if COMM.rank == 1 else other, match=message)


with pytest.raises(ValueError, match="the model's parameters of rank 1 differ from those of rank 0"):
    fit(trainer(seed=COMM.rank))
with raises(OSError, rnnbp.RankError, "disk failed"):
    fit(trainer(), data(unreadable))
with raises(MemoryError, rnnbp.RankError, "no more"):
    fit(trainer(callbacks=[failing_in_rank_1(MemoryError("no more"))]))
broken = trainer()
broken.model.params["2.b"] = np.nan
with pytest.raises(rnnbp.TrainingDivergedError, match="epoch 1, batch 0"):
    fit(broken)
with pytest.raises(ValueError, match="AdaptiveTruncation chooses the truncation by the whole batch"):
    fit(trainer(gradient=rnnbp.AdaptiveTruncation()))
with raises(ValueError, rnnbp.RankError, "train must be"):
    fit(trainer(), [] if COMM.rank == 1 else None)
stopped = fit(trainer(callbacks=[lambda _, row: COMM.rank == 1]), epochs=4)  # one rank's answer counts
assert len(stopped.rows) == 1

alone = fit(trainer(comm=None), epochs=4) if COMM.rank == 0 else None
half = fit(trainer(), epochs=2, checkpoint=CHECKPOINT)  # resumed by the same ranks, from what rank 0 has written
whole = trainer()
whole.fit_up_to(4, data(), progress=False, batch_size=4, checkpoint=CHECKPOINT)
if alone is not None:
    np.testing.assert_allclose(whole.model.params.vector, alone.model.params.vector, rtol=1e-9)
if COMM.rank == 0:
    print("all errors were raised in all ranks", flush=True)


def dies(trainer, row):
    if COMM.rank == 1 and row["epoch"] == 6:
        os.kill(os.getpid(), signal.SIGKILL)


doomed = trainer(callbacks=[dies])
doomed.fit_up_to(1000, data(), progress=False, batch_size=4, checkpoint=CHECKPOINT)
