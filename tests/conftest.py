"""Fixtures and settings of all tests."""

import os

if "PYTEST_XDIST_WORKER" in os.environ:  # one thread for each of several processes, before NumPy reads it
    os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import settings

from rnnbp import kernels

collect_ignore = ["benchmarks"]  # programs, which import what they are compared with

# The same examples at every run, and no limit on time for a machine that does other things as well.
settings.register_profile("rnnbp", derandomize=True, deadline=None)
settings.load_profile("rnnbp")


@pytest.fixture
def rng() -> np.random.Generator:
    """A generator with the same seed in every test."""
    return np.random.default_rng(0)


BY_NUMPY = ("cells", "core", "diagnostics", "gradients", "layers", "models", "optimizers", "training")


@pytest.fixture(autouse=True)
def kernels_of_the_test(request: pytest.FixtureRequest) -> Iterator[None]:
    """Run the quick tests of rooms with a table of all cells by NumPy kernels, and all others by what is fastest.

    Compiling takes seconds for each cell and dtype, and the tests of kernels hold that both compute the same.
    """
    quick = not any(map(request.node.get_closest_marker, ("slow", "torch")))
    with kernels.using("numpy" if quick and request.path.parent.name in BY_NUMPY else "compiled"):
        yield
