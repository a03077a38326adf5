"""A contest: one workload run by this package and by the peers that are installed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

Runs = Mapping[str, Callable[[], object]]


@dataclass(frozen=True)
class Contest:
    """One workload and who runs it.

    Parameters
    ----------
    workload : str
        Its name, a row of the table: ``LSTM 64, B 1, T 100``.
    runs : mapping of str to callable
        Each does the whole workload. The names that begin with ``rnnbp`` are this package's, the others are peers.
    per : int, default 1
        The number of steps, files or pairs in a run: times are given for one of them.
    one_thread : bool, default True
        Whether all run on one thread. Otherwise each has as many as it takes by itself.
    """

    workload: str
    runs: Runs
    per: int = 1
    one_thread: bool = True
