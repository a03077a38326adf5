"""Data-parallel training by MPI: equal to one process, for every algorithm; what ends it ends all ranks."""

import os
import shutil
import subprocess
import sys
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

ROOT = Path(__file__).parents[2]


def mpiexec(ranks, *command):
    """Return the outcome of a program in several ranks."""
    pytest.importorskip("mpi4py")
    if shutil.which("mpiexec") is None:
        pytest.skip("there is no mpiexec")
    given = {"OMP_NUM_THREADS": "1", "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
    given["OMPI_MCA_rmaps_base_oversubscribe"] = given["PRTE_MCA_rmaps_default_mapping_policy"] = ""
    given["OMPI_MCA_rmaps_base_oversubscribe"], given["PRTE_MCA_rmaps_default_mapping_policy"] = "1", ":oversubscribe"
    run = ["mpiexec", "-n", str(ranks), sys.executable, *map(str, command)]
    return subprocess.run(
        run, capture_output=True, text=True, timeout=300, env=os.environ | given, check=False, cwd=ROOT
    )


@pytest.fixture(scope="module")
def outcome(tmp_path_factory):
    """The program with all that several ranks do, and the checkpoint that it leaves."""
    checkpoint = tmp_path_factory.mktemp("mpi") / "run.npz"
    return mpiexec(3, "-m", "tests.training.mpi_program", checkpoint), checkpoint


@pytest.mark.cluster
@pytest.mark.parametrize("ranks", [2, 3])
def test_ranks_train_what_one_process_trains(outcome, ranks):
    ran, _ = outcome
    lines = [line for line in ran.stdout.splitlines() if line.startswith(f"{ranks} ranks, ")]
    assert [line for line in lines if line.endswith(": ok")] == lines, ran.stdout
    assert len(lines) >= {2: 5, 3: 50}[ranks], ran.stderr


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
def test_an_error_in_one_rank_is_raised_in_all_and_any_number_of_ranks_resumes_within_an_epoch(outcome):
    ran, _ = outcome
    assert "all errors were raised in all ranks, and any number of them resumed" in ran.stdout, ran.stderr


@pytest.mark.cluster
def test_the_death_of_one_rank_ends_all_and_leaves_a_checkpoint(outcome):
    ran, checkpoint = outcome
    assert ran.returncode != 0
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


def test_what_all_ranks_refuse_is_printed_by_the_first_alone(monkeypatch, capsys):
    """And the others end with status 0, as Open MPI ends all at the first other one, before the first has printed."""
    monkeypatch.setenv("PMI_SIZE", "2")
    monkeypatch.setenv("PMI_RANK", "1")
    for arguments in (["datasets"], ["train", "--nope"]):
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        assert ended.value.code == 0
    assert capsys.readouterr() == ("", "")


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
    assert main(["bench", "--mpi", "--seconds", "1"]) == 2
    assert "--seconds and --output are of the other benchmarks" in capsys.readouterr().err
