"""Run of a benchmark: every workload with every library and number of threads."""

import importlib.util
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from rnnbp import kernels
from rnnbp.benchmark.jax_baseline import Jax
from rnnbp.benchmark.keras_baseline import Keras
from rnnbp.benchmark.measure import TimedCall, best_times, blas_threads, peak_memory, sgemm_peak
from rnnbp.benchmark.report import Benchmark
from rnnbp.benchmark.rnnbp_kernels import RnnbpKernels
from rnnbp.benchmark.torch_baseline import Torch
from rnnbp.benchmark.workloads import Library, Sequences, Workload
from rnnbp.runtime import threads_as_before

BASELINES: dict[str, Callable[[], Library]] = {"torch": Torch, "jax": Jax, "keras": Keras}


def installed(names: Iterable[str] = BASELINES) -> list[str]:
    """Return the baselines that are installed, of those named.

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
    """Time every workload with every library and number of threads.

    Parameters
    ----------
    workloads : sequence of Workload
    growth : mapping of str to sequences of Sequences, optional
        For a size's name, workloads that differ in that size, to fit the growth of run time with it, on one thread.
    against : iterable of {'torch', 'jax', 'keras'}, default none
        Baselines to compare with.
    threads : sequence of int, default (1, 2)
    seconds : float, default 1
        For each workload, all libraries together; slow ones take longer, as each runs at least four times.
    memory : bool, default True
        Whether to measure peak memory.
    progress : callable, optional
        Called with a line of text after each workload.

    Returns
    -------
    Benchmark

    Raises
    ------
    ImportError
        Without the `bench` extra, or if a baseline is not installed.

    Examples
    --------
    >>> found = run_benchmark([Sequences("rnn", 2, 5, 3, 4)], threads=[1], seconds=0)
    >>> sorted(found.table["pass"].unique().tolist())
    ['forward', 'training']
    """
    with threads_as_before(), blas_threads() as limit:
        libraries: list[Library] = [RnnbpKernels(backend) for backend in kernels.BACKENDS]
        libraries += [BASELINES[name]() for name in against]

        def use_threads(count: int) -> None:
            limit(count)
            for library in libraries:
                library.use_threads(count)

        timer = _Timer(libraries, use_threads, seconds)
        peaks = {count: sgemm_peak(limit, count) for count in threads}
        rows = []
        for work in workloads:
            rows += timer.rows(work, threads, memory)
            progress(f"{work.label} {tuple(work.sizes.values())}")
        grown = []
        for size, works in (growth or {}).items():
            for work in works:
                grown += [row | {"grows": size} for row in timer.rows(work, threads[:1], False)]
            progress(f"growth with {size}")
        # Measured again when the machine is warm: the first time another process may have slowed it.
        peaks = {count: max(peak, sgemm_peak(limit, count)) for count, peak in peaks.items()}
        return Benchmark.of(pd.DataFrame(rows), pd.DataFrame(grown), peaks)


class _Timer:
    """Libraries, and the time to spend on each workload."""

    def __init__(self, libraries: Sequence[Library], use_threads: Callable[[int], None], seconds: float) -> None:
        self.libraries, self.use_threads, self.seconds = libraries, use_threads, seconds

    def rows(self, work: Workload, threads: Sequence[int], memory: bool) -> list[dict[str, Any]]:
        """Time a workload: a row for each library, pass and number of threads."""
        entries = [
            (library, name, run, count)
            for library in self.libraries
            for name, run in work.passes(library).items()
            for count in (threads if library.limited else threads[-1:])
        ]
        times = best_times([TimedCall(run, count) for _, _, run, count in entries], self.use_threads, self.seconds)
        return [
            {
                "workload": work.label,
                **work.sizes,
                "pass": name,
                "library": library.name,
                "threads": count,
                "ms": 1e3 * seconds,
                "gflops": 1e-9 * work.operations(name) / seconds,
                "peak_mib": peak_memory(run) / 2**20 if memory and name != "forward" else None,
            }
            for (library, name, run, count), seconds in zip(entries, times, strict=True)
        ]
