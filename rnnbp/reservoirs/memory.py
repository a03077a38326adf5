"""Memory capacity: how well, and from how long ago, a network's state tells its past inputs."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from rnnbp.layers import Run
from rnnbp.models import Sequential
from rnnbp.optimizers import NormalEquations, Ridge
from rnnbp.runtime import natural_int, positive_int, refuses_by_name, seed_int

Array = np.ndarray


@dataclass(frozen=True)
class MemoryCapacity:
    """Memory of a network by delay.

    Attributes
    ----------
    curve : Series
        Squared correlation of the input `delay` steps ago with its best linear readout, by delay from 1.
    total : float
        Their sum, the memory capacity: at most the number of units.
    """

    curve: pd.Series

    @property
    def total(self) -> float:
        """Sum of the squared correlations over all delays."""
        return float(self.curve.sum())


@refuses_by_name
def memory_capacity(
    model: Sequential,
    delays: int | None = None,
    steps: int = 2000,
    washout: int = 200,
    penalty: float | None = None,
    seed: int = 0,
) -> MemoryCapacity:
    """Measure the short-term memory capacity of a network with one input (Jaeger 2001).

    The input is uniform in [-0.5, 0.5]. For every delay a linear readout of the state is fitted to the input of that
    many steps before, on the first half of the steps, and the squared correlation is that on the second half. Of
    independent inputs, the capacity of a linear reservoir is at most its number of units, and a nonlinear one has less.

    Parameters
    ----------
    model : Sequential
        Its last layer, the readout, is not used and may be untrained.
    delays : int, optional
        Greatest delay. Default: twice the number of features that the readout sees.
    steps : int, default 2000
        Number of steps to fit, and as many to test.
    washout : int, default 200
        Number of steps before, which are not used.
    penalty : float, optional
        Of the readouts, as in `rnnbp.Ridge`: by generalized cross-validation where none is given.
    seed : int, default 0
        Of the input.

    Returns
    -------
    MemoryCapacity

    Raises
    ------
    ValueError
        If an argument is out of its range, or the model has no output at every step, or takes other than one feature.

    References
    ----------
    H. Jaeger (2001), "Short term memory in echo state networks", GMD report 152

    Examples
    --------
    >>> import rnnbp
    >>> model = rnnbp.echo_state_network(1, 20, 1, activation="linear", input_scaling=0.1, dtype=np.float64)
    >>> capacity = memory_capacity(model, penalty=0)
    >>> bool(10 < capacity.total <= 20), bool(capacity.curve[1] > 0.999)
    (True, True)
    """
    if not model.per_step or len(model.layers) < 2:
        raise ValueError(f"model must have an output at every step and a layer below the last one, got {model!r}")
    below = model.up_to(len(model.layers) - 1)
    D = int(below.layer_shapes[-1][-1] or 0)
    greatest = 2 * D if delays is None else positive_int("delays", delays)
    skipped, half = max(natural_int("washout", washout), greatest), positive_int("steps", steps)
    x = np.random.default_rng(seed_int("seed", seed)).uniform(-0.5, 0.5, skipped + 2 * half)
    states = below.evaluate(x[:, None, None], Run(np.array([len(x)])))[0][skipped:, 0]
    past = np.lib.stride_tricks.sliding_window_view(x, greatest + 1)[skipped - greatest :, -2::-1]
    equations = NormalEquations(states.shape[1], greatest)
    equations.add(states[:half], past[:half])
    fit = Ridge(penalty).solve(equations, model.dtype)
    curve = squared_correlations(states[half:] @ fit.w.T, past[half:])
    return MemoryCapacity(pd.Series(curve, index=pd.RangeIndex(1, greatest + 1, name="delay"), name="memory"))


def squared_correlations(a: Array, b: Array) -> Array:
    """Return the squared correlation of each column of `a` with that of `b`; 0 where one is constant.

    Parameters
    ----------
    a, b : ndarray (N, K)

    Returns
    -------
    ndarray (K,)

    Examples
    --------
    >>> squared_correlations(np.array([[1.0, 7.0], [2.0, 7.0]]), np.array([[4.0, 1.0], [2.0, 3.0]]))
    array([1., 0.])
    """
    a, b = a - a.mean(0), b - b.mean(0)
    scale = (a * a).sum(0) * (b * b).sum(0)
    return np.divide((a * b).sum(0) ** 2, scale, out=np.zeros_like(scale), where=scale > 0)
