"""Data-parallel training by MPI: equal to one process, for every algorithm; what ends it ends all ranks."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import rnnbp
from rnnbp.benchmark.ranks import AllReduceModel
from rnnbp.cli.main import main
from rnnbp.data import BatchPart, PartGenerator
from rnnbp.data.part_generator import SIZE_AT
from rnnbp.gradients.base import GradientAlgorithm
from rnnbp.training.parallel import ranks_of, started_ranks, world

HERE = Path(__file__).parent


def mpiexec(ranks, *command):
    """Return the outcome of a program in several ranks."""
    pytest.importorskip("mpi4py")
    if shutil.which("mpiexec") is None:
        pytest.skip("there is no mpiexec")
    given = {"OMP_NUM_THREADS": "1", "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
    given["OMPI_MCA_rmaps_base_oversubscribe"] = given["PRTE_MCA_rmaps_default_mapping_policy"] = ""
    given["OMPI_MCA_rmaps_base_oversubscribe"], given["PRTE_MCA_rmaps_default_mapping_policy"] = "1", ":oversubscribe"
    run = ["mpiexec", "-n", str(ranks), sys.executable, *map(str, command)]
    return subprocess.run(run, capture_output=True, text=True, timeout=300, env=os.environ | given, check=False)


@pytest.mark.cluster
@pytest.mark.parametrize("ranks", [2, 3])
def test_ranks_train_what_one_process_trains(ranks):
    chosen = [] if ranks == 2 else ["TruncatedBPTT", "UORO", "stateful", "fewer sequences than ranks", "ridge, gaps"]
    ran = mpiexec(ranks, HERE / "mpi_cases.py", *chosen)
    lines = [line for line in ran.stdout.splitlines() if not line.startswith("rnnbp compiles")]
    assert not [line for line in lines if not line.endswith(": ok")], ran.stdout
    assert len(lines) == len(chosen) if chosen else len(lines) >= 50, ran.stderr


def subclasses(kind):
    return {kind, *(found for direct in kind.__subclasses__() for found in subclasses(direct))}


@pytest.mark.cluster
def test_every_algorithm_is_compared_or_refused():
    pytest.importorskip("mpi4py")
    from tests.training.mpi_cases import ALGORITHMS

    rnnbp.gradients.__all__  # noqa: B018 - loads them
    public = {name for name in dir(rnnbp.gradients) if name[0].isupper()}
    known = {getattr(rnnbp.gradients, name) for name in public} & subclasses(GradientAlgorithm) - {GradientAlgorithm}
    assert {kind.__name__ for kind in known} == set(ALGORITHMS) | {"AdaptiveTruncation"}


@pytest.mark.cluster
def test_an_error_or_the_death_of_one_rank_ends_all_and_leaves_a_checkpoint(tmp_path):
    checkpoint, began = tmp_path / "run.npz", time.monotonic()
    ran = mpiexec(2, HERE / "mpi_failures.py", checkpoint)
    assert "all errors were raised in all ranks" in ran.stdout, ran.stderr
    assert ran.returncode != 0
    assert time.monotonic() - began < 200
    assert "9" in ran.stdout + ran.stderr  # mpiexec's message: killed by signal 9
    trainer = rnnbp.Trainer(
        rnnbp.Sequential(rnnbp.LSTM(2, 3), rnnbp.Last(), rnnbp.Dense(3, 2), dtype=np.float64),
        rnnbp.CrossEntropy(),
        optimizer=rnnbp.Adam(0.05),
    )
    trainer.resume(checkpoint)  # in one process
    assert len(trainer.rows) == 5


def test_processes_of_mpiexec_are_counted_by_its_environment():
    assert started_ranks({"OMPI_COMM_WORLD_SIZE": "3"}) == 3
    assert world({}) is None
    with pytest.raises(ValueError, match="comm must be a communicator of mpi4py"):
        ranks_of("world")


def test_commands_that_cannot_be_divided_are_refused_under_mpiexec(monkeypatch, capsys):
    monkeypatch.setenv("PMI_SIZE", "2")
    assert main(["datasets"]) == 2
    assert "mpiexec has started 2 processes, of which each would do the same" in capsys.readouterr().err


def test_mpiexec_without_mpi4py_is_an_error(monkeypatch):
    monkeypatch.setitem(sys.modules, "mpi4py", None)
    with pytest.raises(ImportError, match=r"mpiexec has started 4 processes.*pip install 'rnnbp\[mpi\]'"):
        world({"PMI_SIZE": "4"})


@pytest.mark.parametrize("name", SIZE_AT)
def test_a_generator_of_a_part_draws_the_numbers_of_the_whole_batch(name):
    part, parameters = BatchPart.of(np.array([5, 4, 4]), (1, 2)), [3, 4, 5][: SIZE_AT[name]]
    parameters = [0.3] if name in ("geometric", "logseries") else parameters
    parameters = [3, 0.5] if name in ("binomial", "negative_binomial") else parameters
    whole = getattr(np.random.default_rng(0), name)
    own = getattr(PartGenerator(np.random.default_rng(0).bit_generator, part), name)
    for shape in ((5, 3, 2), (3, 2)):
        few = (*shape[:-2], 2, 2)
        assert np.array_equal(whole(*parameters, size=shape)[..., part.columns, :], own(*parameters, size=few))
    assert whole(*parameters) == own(*parameters)


def test_a_generator_of_a_part_refuses_arrays_of_other_axes():
    rng = PartGenerator(np.random.default_rng(0).bit_generator, BatchPart.of(np.array([5, 4, 4]), (1, 2)))
    with pytest.raises(ValueError, match=r"must be \(B, F\) or \(T, B, F\) with B = 2"):
        rng.random(7)
    with pytest.raises(ValueError, match="reset flags"):
        PartGenerator(rng.bit_generator, rng.part, resets=True).random((2, 3))


def test_the_model_of_an_all_reduce_recovers_its_own_latency_and_bandwidth():
    model, sizes = AllReduceModel(2e-6, 3e-10), np.array([2**10, 2**16, 2**22])
    found = AllReduceModel.fitted(4, sizes, [model.seconds(4, size) for size in sizes])
    assert (found.alpha, found.beta) == pytest.approx((2e-6, 3e-10), rel=1e-9)
    assert model.seconds(1, 10**6) == 0


def test_ranks_are_measured_under_mpiexec_only(capsys):
    assert main(["bench", "--mpi"]) == 2
    assert "start it by mpiexec -n 2 rnnbp bench --mpi" in capsys.readouterr().err
