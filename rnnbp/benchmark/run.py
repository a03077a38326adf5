"""All contestants through all workloads."""

import importlib.util
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from rnnbp import kernels
from rnnbp.benchmark.jax_rival import Jax
from rnnbp.benchmark.keras_rival import Keras
from rnnbp.benchmark.measure import Racer, linear_algebra, peak_memory, race, sgemm_peak
from rnnbp.benchmark.ours import Ours
from rnnbp.benchmark.report import Benchmark
from rnnbp.benchmark.torch_rival import Torch
from rnnbp.benchmark.workloads import Contestant, Sequences, Workload
from rnnbp.threads import threads_as_before

RIVALS: dict[str, Callable[[], Contestant]] = {"torch": Torch, "jax": Jax, "keras": Keras}


def installed(names: Iterable[str] = RIVALS) -> list[str]:
    """Which of the rivals are.

    Examples
    --------
    >>> installed(["no_such_library"])
    []
    """
    return [name for name in names if importlib.util.find_spec(name) is not None]


def run_benchmark(
    workloads: Sequence[Workload],
    growth: Mapping[str, Sequence[Sequences]] | None = None,
    *,
    against: Iterable[str] = (),
    threads: Sequence[int] = (1, 2),
    seconds: float = 1.0,
    memory: bool = True,
    progress: Callable[[str], Any] = lambda line: None,
) -> Benchmark:
    """Time every workload with every number of threads, all contestants in turns.

    Parameters
    ----------
    workloads : sequence of Workload
    growth : mapping of str to sequences of Sequences, optional
        Workloads that differ in the size of that name, for fitting how time grows with it; on one thread.
    against : iterable of {'torch', 'jax', 'keras'}, default none
    threads : sequence of int, default (1, 2)
    seconds : float, default 1
        For each workload, all contestants together; what is slow takes longer, as each runs four times.
    memory : bool, default True
        Measure peak memory too.
    progress : callable, optional
        Told a line for each workload.

    Returns
    -------
    Benchmark

    Raises
    ------
    ImportError
        Without the `bench` extra, or if a rival is not installed.

    Examples
    --------
    >>> found = run_benchmark([Sequences("rnn", 2, 5, 3, 4)], threads=[1], seconds=0)
    >>> sorted(found.table["pass"].unique().tolist())
    ['forward', 'training']
    """
    with threads_as_before(), linear_algebra() as limit:
        contestants: list[Contestant] = [Ours(kind) for kind in kernels.BACKENDS]
        contestants += [RIVALS[name]() for name in against]

        def use_threads(count: int) -> None:
            limit(count)
            for contestant in contestants:
                contestant.use_threads(count)

        course = _Course(contestants, use_threads, seconds)
        peaks = {count: sgemm_peak(limit, count) for count in threads}
        rows = []
        for work in workloads:
            rows += course.rows(work, threads, memory)
            progress(f"{work.label} {tuple(work.sizes.values())}")
        grown = []
        for size, works in (growth or {}).items():
            for work in works:
                grown += [row | {"grows": size} for row in course.rows(work, threads[:1], False)]
            progress(f"growth with {size}")
        # A second look, when all is warm: a machine that is shared may have been slow at the first.
        peaks = {count: max(peak, sgemm_peak(limit, count)) for count, peak in peaks.items()}
        return Benchmark.of(pd.DataFrame(rows), pd.DataFrame(grown), peaks)


class _Course:
    """Contestants, and how they are timed."""

    def __init__(self, contestants: Sequence[Contestant], use_threads: Callable[[int], None], seconds: float) -> None:
        self.contestants, self.use_threads, self.seconds = contestants, use_threads, seconds

    def rows(self, work: Workload, threads: Sequence[int], memory: bool) -> list[dict[str, Any]]:
        """A row for each contestant, pass and number of threads."""
        entries = [
            (contestant, name, run, count)
            for contestant in self.contestants
            for name, run in work.passes(contestant).items()
            for count in (threads if contestant.limited else threads[-1:])
        ]
        times = race([Racer(run, count) for _, _, run, count in entries], self.use_threads, self.seconds)
        return [
            {
                "workload": work.label,
                **work.sizes,
                "pass": name,
                "library": contestant.name,
                "threads": count,
                "ms": 1e3 * seconds,
                "gflops": 1e-9 * work.operations(name) / seconds,
                "peak_mib": peak_memory(run) / 2**20 if memory and name != "forward" else None,
            }
            for (contestant, name, run, count), seconds in zip(entries, times, strict=True)
        ]
