"""Part of mpi_program.py: what ends all ranks, one by one; resumption by other numbers of ranks; the death of one."""

import os
import signal

import numpy as np
import pytest

import rnnbp
from rnnbp.runtime import Terminated, terminated_as_interrupted
from rnnbp.training.parallel import ranks_of


def data(load=None, n=20):
    rng = np.random.default_rng(1)
    x = [rng.normal(size=(length, 2)) for length in rng.integers(2, 9, n)]
    given = x if load is None else rnnbp.data.LazySequences(load(x), len(x), memory=0, lengths=[len(s) for s in x])
    return rnnbp.SequenceDataset(given, targets=rng.integers(0, 2, n), dtype=np.float64)


def stream():
    rng = np.random.default_rng(4)
    x, y = rng.normal(size=(60, 2)), rng.integers(0, 2, 60)
    return rnnbp.SequenceDataset.from_stream(x, y, batch_size=4, steps=3, dtype=np.float64)


def trainer(comm, seed=0, above=None, **options):
    above = rnnbp.Last() if above is None else above
    model = rnnbp.Sequential(rnnbp.LSTM(2, 3), above, rnnbp.Dense(3, 2), seed=seed, dtype=np.float64)
    options.setdefault("optimizer", rnnbp.Adam(0.05))
    return rnnbp.Trainer(model, rnnbp.CrossEntropy(), **options, comm=comm)


def of_stream(comm):
    return trainer(comm, above=rnnbp.Dropout(0.2), stateful=True)


def fit(made, train=None, epochs=2, **options):
    made.fit_up_to(epochs, data() if train is None else train, progress=False, batch_size=4, **options)
    return made


def errors_are_raised_in_all(world):
    """Raise unless an error in rank 1 is raised there, and in the others as one that says so."""

    def raises(own, other, message):
        return pytest.raises(own if world.rank == 1 else other, match=message)

    def failing(error):
        def fail(*_):
            if world.rank == 1:
                raise error

        return fail

    def unreadable(x):
        def load(i):
            if world.rank == 1 and i == 9:
                raise OSError("disk failed")
            return x[i]

        return load

    with pytest.raises(ValueError, match="the model's parameters of rank 1 differ from those of rank 0"):
        fit(trainer(world, seed=int(world.rank == 1)))
    with raises(OSError, rnnbp.RankError, "disk failed"):
        fit(trainer(world), data(unreadable))
    with raises(OSError, rnnbp.RankError, "disk failed"):
        trainer(world).evaluate(data(unreadable))
    with raises(MemoryError, rnnbp.RankError, "no more"):
        fit(trainer(world, callbacks=[failing(MemoryError("no more"))]))
    failing_gradient = trainer(world)
    failing_gradient.optimizer.step = failing(ZeroDivisionError("in a step"))  # while the others sum the next one's
    with raises(ZeroDivisionError, rnnbp.RankError, "in a step"):
        fit(failing_gradient)
    broken = trainer(world)
    broken.model.params["2.b"] = np.nan
    with pytest.raises(rnnbp.TrainingDivergedError, match="epoch 1, batch 0"):
        fit(broken)
    with pytest.raises(ValueError, match="AdaptiveTruncation chooses the truncation by the whole batch"):
        fit(trainer(world, gradient=rnnbp.AdaptiveTruncation()))
    with raises(ValueError, rnnbp.RankError, "train must be"):
        fit(trainer(world), [] if world.rank == 1 else None)
    with raises(ValueError, rnnbp.RankError, "epochs must be"):
        trainer(world).fit(data(), epochs=0 if world.rank == 1 else 1)
    stopped = fit(trainer(world, callbacks=[lambda _, row: world.rank == 1]), epochs=4)  # one rank's answer counts
    assert len(stopped.rows) == 1


def any_number_of_ranks_resumes(world, pair, folder):
    """Raise unless a training of 3 ranks, 2 and one process in turn is that of one process, stopped within epochs."""
    ranks = ranks_of(world)
    for name, made, train in (("of_sequences", trainer, data), ("of_stream", of_stream, stream)):
        path = folder / f"{name}.npz"

        def part(comm, epochs, done=None, made=made, train=train, path=path):
            """Train from the checkpoint on; SIGTERM in the last rank at its second batch, `done` epochs being done."""
            trained, last = made(comm), comm is None or comm.rank == comm.size - 1
            given, seen = train(), []
            batches = given.batches

            def interrupted(whole):
                for batch in whole:
                    if done is not None and last and seen == [1]:
                        os.kill(os.getpid(), signal.SIGTERM)
                    seen.append(1)
                    yield batch

            given.batches = lambda *some, **options: interrupted(batches(*some, **options))
            if done is None:
                return fit(trained, given, epochs, checkpoint=path)
            with pytest.raises(Terminated), terminated_as_interrupted():
                fit(trained, given, epochs, checkpoint=path)
            assert len(trained.rows) == done
            return None

        part(world, 3, done=0)  # within the first epoch
        ranks.agreed("two ranks", lambda part=part: world.rank < 2 and part(pair, 3, done=0))  # in its last batch
        ranks.from_first("one process", lambda part=part: part(None, 3, done=1))
        found = part(world, 4)

        def alone(found=found, made=made, train=train):
            whole = fit(made(None), train(), 4)
            np.testing.assert_allclose(found.model.params.vector, whole.model.params.vector, rtol=1e-9)
            for name in ("loss", "accuracy", "gradient_norm", "steps"):
                np.testing.assert_allclose(found.history[name], whole.history[name], rtol=1e-9)

        ranks.from_first("the comparison", alone)


def main(world, pair, checkpoint):
    """Write a line for what was held; then the last rank dies within an epoch, and mpiexec ends the others."""
    errors_are_raised_in_all(world)
    any_number_of_ranks_resumes(world, pair, checkpoint.parent)
    if world.rank == 0:
        print("all errors were raised in all ranks, and any number of them resumed", flush=True)

    def dies(trainer, row):
        if world.rank == world.size - 1 and row["epoch"] == 6:
            os.kill(os.getpid(), signal.SIGKILL)

    fit(trainer(world, callbacks=[dies]), epochs=1000, checkpoint=checkpoint)
