"""Which processes train together: those of a communicator that is given, or of the mpiexec that started this one."""

import os
from collections.abc import Iterable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # `rnnbp --help` imports no numerical library
    from rnnbp.training.parallel.ranks import Ranks

SIZES = ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "PMIX_SIZE", "MV2_COMM_WORLD_SIZE")
RANKS = ("OMPI_COMM_WORLD_RANK", "PMI_RANK", "PMIX_RANK", "MV2_COMM_WORLD_RANK")


def ranks_of(comm: Any) -> "Ranks":
    """Return the processes of an MPI communicator that train together; without one, this process alone.

    Parameters
    ----------
    comm : mpi4py.MPI.Intracomm or None

    Raises
    ------
    ValueError
        If `comm` is no such communicator.
    ImportError
        If mpi4py is not installed.

    Examples
    --------
    >>> ranks_of(None).size
    1
    """
    from rnnbp.training.parallel.ranks import ONE_PROCESS

    if comm is None:
        return ONE_PROCESS
    if not all(hasattr(comm, name) for name in ("Iallreduce", "Iallgather", "Dup", "rank", "size", "Get_attr")):
        raise ValueError(f"comm must be a communicator of mpi4py, such as MPI.COMM_WORLD, got {comm!r}")
    if comm.size == 1:
        return ONE_PROCESS
    key = _key()
    joined: Ranks | None = comm.Get_attr(key)
    if joined is None:
        from rnnbp.training.parallel.mpi_ranks import MPIRanks

        joined = MPIRanks(comm)
        comm.Set_attr(key, joined)  # until the communicator is freed, whose handle another one may have then
    return joined


@cache
def _key() -> int:
    """Return the key of the attribute of a communicator in which its ranks are."""
    from mpi4py import MPI

    return int(MPI.Comm.Create_keyval())


def started_ranks(environment: Mapping[str, str] = os.environ) -> int:
    """Return the number of processes that the mpiexec which started this one has started; 1 without.

    Parameters
    ----------
    environment : mapping of str to str
        Default: that of this process.

    Examples
    --------
    >>> started_ranks({"PMI_SIZE": "4"}), started_ranks({})
    (4, 1)
    """
    return _largest(environment, SIZES, default=1)


def started_rank(environment: Mapping[str, str] = os.environ) -> int:
    """Return the rank of this process among those that mpiexec has started; 0 without.

    Parameters
    ----------
    environment : mapping of str to str
        Default: that of this process.

    Examples
    --------
    >>> started_rank({"PMI_SIZE": "4", "PMI_RANK": "3"}), started_rank({})
    (3, 0)
    """
    return _largest(environment, RANKS, default=0)


def _largest(environment: Mapping[str, str], names: Iterable[str], default: int) -> int:
    """Return the largest number among some variables of the environment."""
    return max((int(environment[name]) for name in names if environment.get(name, "").isdecimal()), default=default)


def world(environment: Mapping[str, str] = os.environ) -> Any:
    """Return the communicator of all processes of the mpiexec that started this one; None without, or of one.

    Parameters
    ----------
    environment : mapping of str to str
        Default: that of this process.

    Raises
    ------
    ImportError
        If this process is one of several, and mpi4py is not installed.
    RuntimeError
        If mpi4py finds other processes than mpiexec has started: it is built for another MPI.

    Examples
    --------
    >>> world({}) is None
    True
    """
    started = started_ranks(environment)
    if started == 1:
        return None
    try:
        from mpi4py import MPI
    except ImportError as error:
        raise ImportError(
            f"mpiexec has started {started} processes, which train together by mpi4py; it is not installed or finds no "
            f"MPI ({error}): pip install 'rnnbp[mpi]' mpich, or start one process"
        ) from error
    if MPI.COMM_WORLD.size != started:
        raise RuntimeError(
            f"mpiexec has started {started} processes, and mpi4py sees {MPI.COMM_WORLD.size}: it uses another MPI, "
            f"{MPI.get_vendor()[0]}, than mpiexec is of"
        )
    return MPI.COMM_WORLD
