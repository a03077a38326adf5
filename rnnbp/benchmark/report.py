"""Results of a benchmark, as tables."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from rnnbp.runtime import replacing
from rnnbp.runtime.tables import write_tables

SIZES = ["batch", "steps", "inputs", "hidden"]
OURS = "rnnbp"


@dataclass(frozen=True)
class Benchmark:
    """Results of a benchmark: run times of all workloads, by library, pass and number of threads.

    Attributes
    ----------
    table : DataFrame
        A row for each workload, library, pass and number of threads: workload, batch, steps, inputs, hidden, pass,
        library, threads, ms, gflops, peak_mib, peak_fraction (gflops relative to this machine's sgemm with as many
        threads, in the same run).
    growth : DataFrame
        A row for each workload and library, with the exponents of run time in steps, batch and hidden.
    peaks : dict of int to float
        Floating-point operations per second of this machine's sgemm, by number of threads.
    """

    table: pd.DataFrame
    growth: pd.DataFrame
    peaks: dict[int, float]

    @classmethod
    def of(cls, rows: pd.DataFrame, grown: pd.DataFrame, peaks: Mapping[int, float]) -> "Benchmark":
        """Return the results of measured run times: add the fractions of the peak, and fit the exponents."""
        fraction = 1e9 * rows["gflops"] / rows["threads"].map(peaks)
        table = rows.assign(peak_fraction=fraction.where(rows["gflops"] > 0))
        return cls(table, exponents(grown), dict(peaks))

    def summary(self, name: str = "training") -> pd.DataFrame:
        """Return a row for each workload, with the best over the numbers of threads.

        Columns are the run time of each library [ms], the speedup of this package over each other library, and the
        largest fraction of the peak that it attains.

        Parameters
        ----------
        name : {'training', 'forward', 'epoch'}
            The pass.
        """
        rows = self.table[self.table["pass"] == name]
        keys = ["workload", *SIZES]
        libraries = rows["library"].unique()
        best = rows.pivot_table(index=keys, columns="library", values="ms", aggfunc="min", sort=False)
        best = best.reindex(columns=libraries)
        ours = [library for library in libraries if library.startswith(OURS)]
        baselines = [library for library in libraries if library not in ours]
        for baseline in baselines:
            best[f"times faster than {baseline}"] = best[baseline] / best[ours].min(axis=1)
        own = rows[rows["library"].isin(ours)]
        best["fraction of peak"] = own.groupby(keys, sort=False)["peak_fraction"].max()
        best.columns.name = None
        return best.reset_index()

    def memory(self) -> pd.DataFrame:
        """Return the peak memory of each library's forward and backward pass [MiB]."""
        rows = self.table[self.table["pass"] == "training"].dropna(subset="peak_mib")
        if rows.empty:
            return rows
        table = rows.pivot_table(
            index=["workload", *SIZES], columns="library", values="peak_mib", aggfunc="min", sort=False
        )
        table.columns.name = None
        return table.reset_index()

    def __str__(self) -> str:
        peaks = ", ".join(f"{flops / 1e9:.0f} GFLOP/s on {n} thread{'s' * (n > 1)}" for n, flops in self.peaks.items())
        parts = [f"sgemm of this machine: {peaks}"]
        for name, title in (
            ("training", "forward + backward, the best of the numbers of threads, ms"),
            ("forward", "forward, ms"),
            ("epoch", "an epoch, ms"),
        ):
            if (self.table["pass"] == name).any():
                summary = self.summary(name).dropna(axis=1, how="all")
                parts.append(f"{title}\n{_text(summary)}")
        if not (memory := self.memory()).empty:
            parts.append(f"peak memory of forward + backward, MiB\n{_text(memory)}")
        if not self.growth.empty:
            parts.append(f"growth: time ~ size ^ exponent, on one thread\n{_text(self.growth)}")
        return "\n\n".join(parts)

    def write(self, folder: str | Path) -> None:
        """Write bench.csv, summary.csv, growth.csv and bench.png.

        Parameters
        ----------
        folder : str or Path
            Created if it does not exist.

        Raises
        ------
        ImportError
            Without the `plot` extra.
        """
        from rnnbp.benchmark.plots import plot_benchmark

        folder = Path(folder)
        write_tables(folder, {"bench": self.table, "summary": self.summary(), "growth": self.growth}, digits=4)
        figure = plot_benchmark(self.table)
        with replacing(folder / "bench.png") as beside:
            figure.savefig(beside, format="png", dpi=120)


def _text(table: pd.DataFrame) -> str:
    return table.to_string(index=False, float_format=lambda value: f"{value:.3g}", na_rep="-")


def exponents(grown: pd.DataFrame) -> pd.DataFrame:
    """Fit the slopes of log run time over log size, by least squares: a row for each workload and library.

    Examples
    --------
    >>> grown = pd.DataFrame({"workload": "rnn", "library": "a", "pass": "training", "grows": "steps",
    ...                       "steps": [10, 100], "ms": [1.0, 10.0]})
    >>> exponents(grown)
      workload library  steps
    0      rnn       a    1.0
    """
    if grown.empty:
        return grown
    rows = grown[grown["pass"] == "training"]
    found: dict[tuple[str, str], dict[str, float]] = {}
    for (workload, library, size), group in rows.groupby(["workload", "library", "grows"], sort=False):
        slope = np.polyfit(np.log(group[size].to_numpy(float)), np.log(group["ms"].to_numpy(float)), 1)[0]
        found.setdefault((str(workload), str(library)), {})[str(size)] = float(round(slope, 3))
    return pd.DataFrame([{"workload": w, "library": name} | slopes for (w, name), slopes in found.items()])
