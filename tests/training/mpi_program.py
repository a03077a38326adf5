"""Program of test_data_parallel.py for mpiexec with 3 ranks: all that is held of several ranks, in one start."""

import sys
from pathlib import Path

from mpi4py import MPI

from rnnbp import kernels
from rnnbp.training.parallel import mpi_ranks, ranks_of
from tests.training import mpi_cases, mpi_failures

BOTH = ("TruncatedBPTT", "UORO", "stateful", "plateau, early stopping", "ridge, gaps")  # with 2 ranks too


def main(checkpoint):
    """Compare trainings of 3 and of 2 ranks with those of one process; then fail in every way, at last by a death."""
    world = MPI.COMM_WORLD
    pair = world.Split(0 if world.rank < 2 else MPI.UNDEFINED)
    mpi_cases.main(world)
    ranks_of(world).agreed("the cases of two ranks", lambda: world.rank < 2 and mpi_cases.main(pair, BOTH))
    mpi_failures.main(world, pair, checkpoint)


if __name__ == "__main__":
    mpi_ranks.SPINS = 20  # the ranks have fewer cores than they are: those that wait leave them to the others
    with kernels.using("numpy"):
        main(Path(sys.argv[1]))
