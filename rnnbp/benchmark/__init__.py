"""How fast this package is, beside others on the same machine: what `rnnbp bench` runs."""

from rnnbp.benchmark.report import Benchmark
from rnnbp.benchmark.run import run_benchmark
from rnnbp.benchmark.workloads import GRID, GROWTH, MLPS, QUICK, Epoch, Sequences, Static, growing

__all__ = ["GRID", "GROWTH", "MLPS", "QUICK", "Benchmark", "Epoch", "Sequences", "Static", "growing", "run_benchmark"]
