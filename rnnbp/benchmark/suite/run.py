"""Run of the suite: the contests of each section, their runs in alternating turns, as a table of times."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import pandas as pd

from rnnbp.benchmark.measure import TimedCall, best_times, blas_threads
from rnnbp.benchmark.suite.base import Contest
from rnnbp.runtime import choice, set_num_threads, threads_as_before
from rnnbp.runtime.tables import write_tables

SECTIONS = ("latency", "online", "fixed_points", "readers", "static", "busy")


@dataclass(frozen=True)
class SuiteResults:
    """Run times of contests.

    Attributes
    ----------
    times : DataFrame
        A row for each run of a contest: section, workload, library, us (of one step, file or pair, as the workload
        says). Libraries whose name begins with ``rnnbp`` are this package, with its defaults or as named.

    Examples
    --------
    >>> rows = [("online", "RTRL", "rnnbp", 50.0), ("online", "RTRL", "JAX", 100.0)]
    >>> results = SuiteResults(pd.DataFrame(rows, columns=["section", "workload", "library", "us"]))
    >>> results.table()["ratio"].tolist()
    [2.0]
    """

    times: pd.DataFrame

    def table(self) -> pd.DataFrame:
        """Return a row for each workload: the package's best time, the best peer and its time relative to it.

        Columns are section, workload, rnnbp_us, peer, peer_us and ratio, peer_us / rnnbp_us: above 1 the package is
        faster.
        """
        rows: list[dict[str, Any]] = []
        for (section, workload), group in self.times.groupby(["section", "workload"], sort=False):
            ours = group["library"].str.startswith("rnnbp")
            row: dict[str, Any] = {"section": section, "workload": workload, "rnnbp_us": group.loc[ours, "us"].min()}
            peers = group[~ours]
            if len(peers):
                best = peers.iloc[int(peers["us"].argmin())]
                row |= {"peer": best["library"], "peer_us": best["us"], "ratio": best["us"] / row["rnnbp_us"]}
            rows.append(row)
        return pd.DataFrame(rows, columns=["section", "workload", "rnnbp_us", "peer", "peer_us", "ratio"])

    def __str__(self) -> str:
        return _text(self.times) + "\n\n" + _text(self.table())

    def write(self, folder: str | Path) -> None:
        """Write suite.csv, all times, and suite_table.csv, a row for each workload.

        Parameters
        ----------
        folder : str or Path
            Created if it does not exist.
        """
        write_tables(folder, {"suite": self.times, "suite_table": self.table()}, digits=4)


def _text(table: pd.DataFrame) -> str:
    return table.to_string(index=False, float_format=lambda value: f"{value:.3g}", na_rep="-")


def run_suite(
    sections: Sequence[str] = SECTIONS,
    seconds: float = 2.0,
    progress: Callable[[str], Any] = lambda line: None,
) -> SuiteResults:
    """Time the contests of some sections, on one thread but where a contest is about threads.

    Parameters
    ----------
    sections : sequence of {'latency', 'online', 'fixed_points', 'readers', 'static', 'busy'}
    seconds : float, default 2
        For each contest, all its runs together; slow ones take longer, as each is repeated at least four times.
    progress : callable, optional
        Called with a line of text after each contest.

    Returns
    -------
    SuiteResults

    Raises
    ------
    ImportError
        Without the `bench` extra.
    ValueError
        If there is no such section.
    """
    rows: list[dict[str, Any]] = []
    for section in [choice("section", section, SECTIONS) for section in sections]:
        contests = import_module(f"rnnbp.benchmark.suite.{section}").contests()
        with threads_as_before(), blas_threads() as limit:
            for contest in contests:
                rows += [{"section": section} | row for row in timed(contest, limit, seconds)]
                progress(f"{section}: {contest.workload}")
    return SuiteResults(pd.DataFrame(rows, columns=["section", "workload", "library", "us"]))


def timed(contest: Contest, limit: Callable[[int], None], seconds: float) -> list[dict[str, Any]]:
    """Return the shortest time of each run of a contest [us].

    Parameters
    ----------
    contest : Contest
    limit : callable
        Sets the number of BLAS threads.
    seconds : float
    """

    def use_threads(count: int) -> None:
        if contest.one_thread:
            limit(count)
        set_num_threads(count if contest.one_thread else None)

    times = best_times([TimedCall(run, 1) for run in contest.runs.values()], use_threads, seconds)
    return [
        {"workload": contest.workload, "library": name, "us": 1e6 * best / contest.per}
        for name, best in zip(contest.runs, times, strict=True)
    ]
