"""Echo-state networks beside reservoirpy: error and time on Mackey-Glass, NARMA-10 and memory capacity, in one run.

Both libraries get the same weights, data, washout, ridge penalty and number of threads; a third row has this package's
default penalty, by generalized cross-validation.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from rnnbp.benchmark.measure import blas_threads
from rnnbp.data import SequenceDataset
from rnnbp.datasets import mackey_glass_series, narma
from rnnbp.losses import MeanSquaredError
from rnnbp.models import Sequential
from rnnbp.optimizers import Ridge
from rnnbp.reservoirs import echo_state_network
from rnnbp.reservoirs.memory import squared_correlations
from rnnbp.training import Trainer

Array = np.ndarray
STEPS, WASHOUT, PENALTY, UNITS = 2000, 200, 1e-8, 300
COLUMNS = ["task", "library", "seed", "score", "seconds"]


@dataclass(frozen=True)
class Task:
    """A series to learn, and the reservoir for it.

    Parameters
    ----------
    name : str
    make : callable
        ``make(seed)`` returns inputs (N, 1) and targets (N, K): the first half is for training.
    score : callable
        ``score(outputs, targets)``.
    options : dict
        Arguments of `rnnbp.echo_state_network`.
    """

    name: str
    make: Callable[[int], tuple[Array, Array]]
    score: Callable[[Array, Array], float]
    options: dict[str, Any]


def nrmse(outputs: Array, targets: Array) -> float:
    """Return the root mean squared error relative to the standard deviation of the targets.

    Examples
    --------
    >>> nrmse(np.array([[1.0], [3.0]]), np.array([[1.0], [1.0]])) > 1e3
    True
    """
    return float(np.sqrt(((outputs - targets) ** 2).mean()) / max(targets.std(), 1e-12))


def capacity(outputs: Array, targets: Array) -> float:
    """Return the memory capacity: the sum of the squared correlations of outputs and targets.

    Examples
    --------
    >>> round(capacity(np.array([[1.0], [2.0], [4.0]]), np.array([[2.0], [4.0], [8.0]])), 12)
    1.0
    """
    return float(squared_correlations(outputs, targets).sum())


def _mackey_glass(ahead: int) -> Callable[[int], tuple[Array, Array]]:
    def make(seed: int) -> tuple[Array, Array]:
        series = np.tanh(mackey_glass_series(2 * STEPS + ahead, seed=seed) - 1)[:, None]  # as Jaeger & Haas (2004)
        return series[: 2 * STEPS], series[ahead:]

    return make


def _narma(seed: int) -> tuple[Array, Array]:
    data = narma(1, 2 * STEPS, seed=seed)
    return np.asarray(data.sequences[0]), np.asarray(data.targets)[0]


def _delays(seed: int) -> tuple[Array, Array]:
    delays = 100
    x = np.random.default_rng(seed).uniform(-0.5, 0.5, 2 * STEPS + delays)
    past = np.lib.stride_tricks.sliding_window_view(x, delays + 1)[:, -2::-1]
    return x[delays:, None], np.ascontiguousarray(past)


SMOOTH = {"spectral_radius": 0.9, "leak": 0.5, "input_scaling": 1.0}
TASKS = (
    Task("Mackey-Glass, 1 step ahead, NRMSE", _mackey_glass(1), nrmse, SMOOTH),
    Task("Mackey-Glass, 84 steps ahead, NRMSE", _mackey_glass(84), nrmse, SMOOTH),
    Task("NARMA-10, NRMSE", _narma, nrmse, {"spectral_radius": 0.9, "input_scaling": 0.5}),
    Task("memory capacity", _delays, capacity, {"spectral_radius": 0.95, "input_scaling": 0.1}),
)


@dataclass(frozen=True)
class ReservoirResults:
    """Scores and times of both libraries.

    Attributes
    ----------
    runs : DataFrame
        A row a run: task, library, seed, score, seconds (of the fit and the outputs for training and test series).

    Examples
    --------
    >>> rows = [("NARMA-10, NRMSE", library, 0, 0.2, s) for library, s in (("rnnbp", 0.1), ("reservoirpy", 0.3))]
    >>> results = ReservoirResults(pd.DataFrame(rows, columns=COLUMNS))
    >>> results.table()["seconds"].tolist()
    [0.1, 0.3]
    """

    runs: pd.DataFrame

    def table(self) -> pd.DataFrame:
        """Return a row for each task and library: mean and standard deviation of the score, the least seconds."""
        groups = self.runs.groupby(["task", "library"], sort=False)
        table = groups.agg(score=("score", "mean"), deviation=("score", "std"), seconds=("seconds", "min"))
        return table.reset_index()

    def __str__(self) -> str:
        return self.table().to_string(index=False, float_format=lambda value: f"{value:.4g}", na_rep="-")


def run_reservoirs(
    seeds: Sequence[int] = (0, 1, 2, 3, 4), units: int = UNITS, progress: Callable[[str], Any] = lambda line: None
) -> ReservoirResults:
    """Run the tasks in both libraries on one thread, for several seeds of weights and data.

    Parameters
    ----------
    seeds : sequence of int, default 0 to 4
    units : int, default 300
        Size of the reservoirs.
    progress : callable, optional
        Called with a line of text after each task and seed.

    Returns
    -------
    ReservoirResults
        Without reservoirpy the rows of this package alone.
    """
    rows: list[tuple[Any, ...]] = []
    with blas_threads() as limit:
        limit(1)
        for task in TASKS:
            for seed in seeds:
                rows += [(task.name, library, seed, *found) for library, found in _runs(task, seed, units)]
                progress(f"{task.name}: seed {seed}")
    return ReservoirResults(pd.DataFrame(rows, columns=COLUMNS))


def _runs(task: Task, seed: int, units: int) -> Iterator[tuple[str, tuple[float, float]]]:
    """Yield each library's name with its score on the test half of a series, and the seconds that it took."""
    x, y = task.make(seed)
    fits: dict[str, Callable[[Sequential, Array, Array], Array]] = {"rnnbp": _with(PENALTY), "rnnbp, GCV": _with(None)}
    if has_reservoirpy():
        fits["reservoirpy"] = reservoirpy_outputs
    for library, fit in fits.items():
        model = echo_state_network(1, units, y.shape[1], seed=seed, dtype=np.float64, **task.options)
        fit(model, x[:300], y[:300])  # compiles, where there is something to compile
        began = time.perf_counter()
        outputs = fit(model, x, y)
        yield library, (task.score(outputs[STEPS:], y[STEPS:]), time.perf_counter() - began)


def _with(penalty: float | None) -> Callable[[Sequential, Array, Array], Array]:
    """Return this package's fit on the first half of a series, or less; it returns the outputs for all of it."""

    def fit(model: Sequential, x: Array, y: Array) -> Array:
        train = SequenceDataset([x[:STEPS]], [y[:STEPS]], per_step=True, dtype=np.float64)
        trainer = Trainer(model, MeanSquaredError(), optimizer=Ridge(penalty, washout=WASHOUT))
        trainer.fit(train, progress=False)
        return model.forward(x[:, None])[:, 0]

    return fit


def has_reservoirpy() -> bool:
    """Return whether reservoirpy is installed."""
    from importlib.util import find_spec

    return find_spec("reservoirpy") is not None


def reservoirpy_outputs(model: Sequential, x: Array, y: Array, penalty: float = PENALTY) -> Array:
    """Return the outputs (N, K) of reservoirpy with the weights of an echo-state network, fitted on the first half.

    Parameters
    ----------
    model : Sequential
        From `rnnbp.echo_state_network`.
    x, y : ndarray (N, F), (N, K)
        The first 2,000 steps are for training.
    penalty : float
    """
    from reservoirpy.nodes import Reservoir
    from reservoirpy.nodes import Ridge as Readout
    from scipy.sparse import csr_array

    leak = 1 / getattr(model.layers[0], "tau", 1.0)
    w, w_in, bias = csr_array(model.params["0.w_hh"]), model.params["0.w_ih"], model.params["0.b_ih"]
    reservoir = Reservoir(len(bias), lr=leak, W=w, Win=w_in, bias=bias)
    network = reservoir >> Readout(ridge=penalty)
    network.fit(x[:STEPS], y[:STEPS], warmup=WASHOUT)
    reservoir.reset()
    return network.run(x)
