"""Comparisons on a Dask cluster and on Ray: the bits of a serial one, though a worker is killed midway."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import pytest

import rnnbp
from rnnbp.runtime import blas, get_num_threads, outcomes

joblib = pytest.importorskip("joblib")
pytestmark = [pytest.mark.cluster, pytest.mark.filterwarnings("ignore")]  # of the clusters' own warnings


@contextmanager
def dask() -> Iterator[None]:
    distributed = pytest.importorskip("distributed")
    options = {"n_workers": 2, "threads_per_worker": 1, "processes": True, "dashboard_address": None}
    with (
        distributed.LocalCluster(**options, silence_logs=50) as cluster,
        distributed.Client(cluster),
        joblib.parallel_config(backend="dask"),
    ):
        yield


@contextmanager
def on_ray() -> Iterator[None]:
    ray = pytest.importorskip("ray")
    register = pytest.importorskip("ray.util.joblib").register_ray
    paths = os.pathsep.join(filter(None, sys.path))
    start = partial(
        ray.init,
        num_cpus=2,
        object_store_memory=80_000_000,
        include_dashboard=False,
        log_to_driver=False,
        runtime_env={"env_vars": {"PYTHONPATH": paths}},
    )
    try:
        start()
    except Exception as error:  # has no type of its own
        if "timed out during startup" not in str(error):
            raise
        ray.shutdown()  # Ray waits 30 seconds, which cannot be set; once more, with its files in memory
        start()
    register()
    try:
        with joblib.parallel_config(backend="ray", n_jobs=2):
            yield
    finally:
        ray.shutdown()


@pytest.fixture(scope="module", params=[dask, pytest.param(on_ray, marks=pytest.mark.slow)])
def cluster(request) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_AUTH_MODE", "disabled")
        with request.param():
            yield


def seen(task: tuple[np.ndarray, int]) -> tuple[int, set[int]]:
    """Return the process and the numbers of threads in it."""
    return os.getpid(), {get_num_threads(), *(one.get_num_threads() for one in blas.libraries())}


def test_the_data_is_given_to_the_cluster_once_and_each_worker_has_one_thread(cluster, monkeypatch):
    owner, name = storing(joblib.parallel.get_active_backend()[0])
    original, stored = getattr(owner, name), []

    def counted(*arguments, **options):
        stored.append(arguments)
        return original(*arguments, **options)

    monkeypatch.setattr(owner, name, counted)
    data = np.arange(50_000.0)
    found = [outcome.result for _, outcome in outcomes(seen, [(data, k) for k in range(8)])]
    assert os.getpid() not in {process for process, _ in found}
    assert set().union(*(threads for _, threads in found)) == {1}
    assert len(stored) == 1


def storing(backend) -> tuple[object, str]:
    """Return where the function is by which data is given to a cluster, and its name."""
    if hasattr(backend, "client"):
        return type(backend.client), "scatter"
    import ray

    return ray, "put"


def classes(seed: int) -> rnnbp.SequenceDataset:
    rng = np.random.default_rng(seed)
    labels = np.arange(24) % 3
    return rnnbp.SequenceDataset([rng.normal(2 * k, 1, (rng.integers(3, 7), 2)) for k in labels], targets=labels)


def recurrent(seed: int) -> rnnbp.Sequential:
    return rnnbp.Sequential(rnnbp.Elman(2, 6), rnnbp.Last(), rnnbp.Dense(6, 3), seed=seed)


def killed_once(folder: Path, parent: int, seed: int) -> rnnbp.Sequential:
    """Make a model; the first worker in which that is tried is killed."""
    if os.getpid() != parent:
        try:
            (folder / "killed").touch(exist_ok=False)
        except FileExistsError:
            pass
        else:
            os.kill(os.getpid(), signal.SIGKILL)
    return recurrent(seed)


def test_a_comparison_has_the_bits_of_a_serial_one_though_a_worker_is_killed(cluster, tmp_path):
    models = {"steady": recurrent, "killed": partial(killed_once, tmp_path, os.getpid())}
    options = {"seeds": 2, "epochs": 2, "folds": 2, "progress": False}
    with rnnbp.kernels.using("numpy"):
        report = rnnbp.compare(models, classes(0), classes(1), **options)
        assert (tmp_path / "killed").exists()
        alone = rnnbp.compare(models, classes(0), classes(1), **options, n_jobs=1)
    assert report.failures.empty
    timed = ["seconds", "inference_ms"]
    assert report.runs.drop(columns=timed).equals(alone.runs.drop(columns=timed))
    assert report.curves.drop(columns="seconds").equals(alone.curves.drop(columns="seconds"))
