"""Fixtures and settings of all tests."""

import os

os.environ.setdefault("KERAS_BACKEND", "torch")  # before Keras is imported, whose own default is TensorFlow
if "PYTEST_XDIST_WORKER" in os.environ:  # one thread for each of several processes, before NumPy reads it
    os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}

import re
from collections.abc import Iterator
from importlib.util import find_spec

import numpy as np
import pytest
from hypothesis import settings

from rnnbp import kernels

collect_ignore = ["benchmarks", "mutation"]  # programs

# Packages that examples in docstrings import, and that an environment need not have.
OPTIONAL = (
    *("aeon", "dask", "joblib", "keras", "mpi4py", "onnx", "onnxruntime", "optuna", "pyarrow", "ray", "safetensors"),
    *("sktime", "sphinx", "torch", "tslearn"),
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the examples of docstrings that import an optional package, and skip them where it is not installed."""
    absent = {package for package in OPTIONAL if find_spec(package) is None}
    imports = re.compile(rf"^(?:import|from) .*\b({'|'.join(OPTIONAL)})\b")
    for item in items:
        if isinstance(item, pytest.DoctestItem):
            wanted = {found[1] for one in item.dtest.examples if (found := imports.search(one.source))}
            if wanted:
                item.add_marker("interop")
            if wanted & absent:
                item.add_marker(pytest.mark.skip(reason=f"this example needs {', '.join(sorted(wanted & absent))}"))


# The same examples at every run, and no limit on time for a machine that does other things as well.
settings.register_profile("rnnbp", derandomize=True, deadline=None)
settings.load_profile("rnnbp")


@pytest.fixture
def rng() -> np.random.Generator:
    """A generator with the same seed in every test."""
    return np.random.default_rng(0)


BY_NUMPY = (
    "arguments",
    "cells",
    "core",
    "diagnostics",
    "estimators",
    "gradients",
    "layers",
    "models",
    "optimizers",
    "training",
)


@pytest.fixture(autouse=True)
def kernels_of_the_test(request: pytest.FixtureRequest) -> Iterator[None]:
    """Run the quick tests of rooms with a table of all cells by NumPy kernels, and all others by what is fastest.

    Compiling takes seconds for each cell and dtype, and the tests of kernels hold that both compute the same.
    """
    quick = not any(map(request.node.get_closest_marker, ("slow", "torch")))
    with kernels.using("numpy" if quick and request.path.parent.name in BY_NUMPY else "compiled"):
        yield
