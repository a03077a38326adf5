"""Fixtures and settings of all tests."""

import os

if "PYTEST_XDIST_WORKER" in os.environ:  # one thread for each of several processes, before NumPy reads it
    os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}

import numpy as np
import pytest
from hypothesis import settings

collect_ignore = ["benchmarks"]  # programs, which import what they are compared with

# The same examples at every run, and no limit on time for a machine that does other things as well.
settings.register_profile("rnnbp", derandomize=True, deadline=None)
settings.load_profile("rnnbp")


@pytest.fixture
def rng() -> np.random.Generator:
    """A generator with the same seed in every test."""
    return np.random.default_rng(0)
