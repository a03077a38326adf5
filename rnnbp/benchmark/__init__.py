"""Benchmarks of this package against other libraries on the same machine, as run by `rnnbp bench`."""

from rnnbp.benchmark.report import Benchmark
from rnnbp.benchmark.run import run_benchmark
from rnnbp.benchmark.workloads import GRID, GROWTH, MLPS, QUICK, Epoch, Sequences, Static, growing

__all__ = ["GRID", "GROWTH", "MLPS", "QUICK", "Benchmark", "Epoch", "Sequences", "Static", "growing", "run_benchmark"]
