"""A contest: one workload, run by this package and by those of its peers that are installed.

A section of the suite is a module with a function ``contests() -> Iterator[Contest]``, which imports peers where it
needs them and checks that all runs of a contest compute the same before it yields it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

Runs = Mapping[str, Callable[[], object]]


@dataclass(frozen=True)
class Contest:
    """One workload, and the libraries that run it.

    Parameters
    ----------
    workload : str
        Its name, a row of the table: ``LSTM 64, B 1, T 100``.
    runs : mapping of str to callable
        By library: each does the whole workload. Names that begin with ``rnnbp`` are this package's, the others peers.
    per : int, default 1
        The number of steps, files or pairs in a run: times are given for one of them.
    one_thread : bool, default True
        Whether all run on one thread. Otherwise each has as many as it takes by itself.

    Examples
    --------
    >>> contest = Contest("sum of 3 numbers", {"rnnbp": lambda: 6, "Python": lambda: sum([1, 2, 3])}, per=3)
    >>> [run() for run in contest.runs.values()]
    [6, 6]
    """

    workload: str
    runs: Runs
    per: int = 1
    one_thread: bool = True
