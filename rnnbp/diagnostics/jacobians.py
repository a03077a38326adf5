"""The Jacobian of a step, J[t] = d state[t] / d state[t - 1], and products of it over time."""

import numpy as np
import pandas as pd

from rnnbp._checks import number
from rnnbp.cells.base import Array, state_jacobian
from rnnbp.contraction import spectral_radius
from rnnbp.diagnostics.trajectory import Trajectory


def jacobians(way: Trajectory) -> Array:
    """J at each step.

    Parameters
    ----------
    way : Trajectory

    Returns
    -------
    ndarray (T, S, S)
        ``J[t, i, j]``: the derivative of state i after step t by state j before it.

    Examples
    --------
    >>> from rnnbp.cells import ElmanCell
    >>> cell = ElmanCell(1, 2, "linear")
    >>> weights = {n: np.zeros(s) for n, s in cell.shapes().items()} | {"w_hh": np.array([[1.0, 2.0], [0.0, 3.0]])}
    >>> jacobians(Trajectory.run(cell, weights, np.ones((4, 1))))[2]
    array([[1., 2.],
           [0., 3.]])
    """
    return state_jacobian(way.cell, way.params, way.states[:-1], way.x)


def spectral_radii(way: Trajectory) -> Array:
    """The largest |eigenvalue| of J at each step.

    Below 1 a step pulls small differences together along its own directions; as directions turn from step to step, only
    `lyapunov_exponents` say what becomes of them in the long run.

    Parameters
    ----------
    way : Trajectory

    Returns
    -------
    ndarray (T,)

    Examples
    --------
    >>> from rnnbp.cells import ElmanCell
    >>> cell = ElmanCell(1, 2, "linear")
    >>> weights = {n: np.zeros(s) for n, s in cell.shapes().items()} | {"w_hh": np.array([[0.5, 2.0], [0.0, -0.75]])}
    >>> spectral_radii(Trajectory.run(cell, weights, np.ones((2, 1))))
    array([0.75, 0.75])
    """
    return spectral_radius(way.cell, way.params, way.states[:-1], way.x)


def singular_values(way: Trajectory, lags: int | None = None) -> pd.DataFrame:
    """Singular values of J[T] J[T-1] ... J[T-k+1], the derivative of the last state by that k steps before.

    An error's way back multiplies it by the transpose: its norm is multiplied by something between the smallest and
    the largest, by `rms` for an error of random direction. Those below 1e-16 of the largest are rounding.

    Parameters
    ----------
    way : Trajectory
    lags : int, optional
        The largest k. Default: T.

    Returns
    -------
    DataFrame
        `lag` k = 0, 1, ...; `largest`, `median`, `smallest`, `rms` (the root of the mean square).

    References
    ----------
    R. Pascanu, T. Mikolov & Y. Bengio (2013), "On the difficulty of training recurrent neural networks", ICML,
    arXiv:1211.5063, section 2

    Examples
    --------
    >>> from rnnbp.cells import ElmanCell
    >>> cell = ElmanCell(1, 2, "linear")
    >>> weights = {n: np.zeros(s) for n, s in cell.shapes().items()} | {"w_hh": np.diag([0.5, 2.0])}
    >>> singular_values(Trajectory.run(cell, weights, np.ones((2, 1))))[["lag", "largest", "smallest"]]
       lag  largest  smallest
    0    0      1.0      1.00
    1    1      2.0      0.50
    2    2      4.0      0.25
    """
    product, rows = np.eye(way.cell.state_size), []
    J = jacobians(way)[::-1]
    for k in range((way.steps if lags is None else min(lags, way.steps)) + 1):
        if k:
            product = product @ J[k - 1]
        s = np.linalg.svd(product, compute_uv=False)
        rows.append((k, s[0], float(np.median(s)), s[-1], float(np.sqrt((s * s).mean()))))
    return pd.DataFrame(rows, columns=["lag", "largest", "median", "smallest", "rms"])


def lyapunov_curve(way: Trajectory, transient: int = 0) -> Array:
    """Lyapunov exponents as they settle: after each step, the mean growth per step so far.

    Parameters
    ----------
    way : Trajectory
    transient : int, default 0
        So many steps at the beginning turn the directions but do not count.

    Returns
    -------
    ndarray (T - transient, S)
        The last row, sorted, is what `lyapunov_exponents` returns.

    Raises
    ------
    ValueError
        If no step is left to count.
    """
    if not 0 <= transient < way.steps:
        raise ValueError(f"transient must be from 0 to {way.steps - 1}, one less than the steps, got {transient!r}")
    Q, growth = np.eye(way.cell.state_size), []
    for J in jacobians(way):
        Q, R = np.linalg.qr(J @ Q)
        with np.errstate(divide="ignore"):
            growth.append(np.log(np.abs(np.diag(R))))
    counted = np.array(growth[transient:])
    return counted.cumsum(axis=0) / np.arange(1, len(counted) + 1)[:, None]


def lyapunov_exponents(way: Trajectory, transient: int = 0) -> Array:
    """How fast small differences of the state grow in the long run, per step, along each direction: log of the factor.

    By the QR method: Q R = J[t] Q carries an orthogonal frame along, and the mean of log |diag R| is the exponents. The
    largest above 0 is chaos and exploding gradients; all far below 0, forgetting and vanishing ones. They are found to
    an error that falls as 1 / T.

    Parameters
    ----------
    way : Trajectory
        A long one.
    transient : int, default 0
        So many steps at the beginning turn the frame but do not count.

    Returns
    -------
    ndarray (S,)
        The largest first; minus infinity for a direction that is lost at once.

    Raises
    ------
    ValueError
        If no step is left to count.

    References
    ----------
    G. Benettin, L. Galgani, A. Giorgilli & J.-M. Strelcyn (1980), "Lyapunov characteristic exponents for smooth
    dynamical systems and for Hamiltonian systems; a method for computing all of them", Meccanica 15, 9-30,
    doi:10.1007/BF02128236. R. Engelken, F. Wolf & L. F. Abbott (2023), "Lyapunov spectra of chaotic recurrent neural
    networks", Physical Review Research 5, 043044, doi:10.1103/PhysRevResearch.5.043044

    Examples
    --------
    >>> from rnnbp.cells import ElmanCell
    >>> cell = ElmanCell(1, 2, "linear")
    >>> weights = {n: np.zeros(s) for n, s in cell.shapes().items()} | {"w_hh": np.diag([0.5, 2.0])}
    >>> np.exp(lyapunov_exponents(Trajectory.run(cell, weights, np.ones((9, 1)))))
    array([2. , 0.5])
    """
    return np.sort(lyapunov_curve(way, transient)[-1])[::-1]


def effective_memory(way: Trajectory, level: float = float(np.exp(-1))) -> float:
    """After how many steps a random change of the state has shrunk to 1 / e.

    The first lag at which `rms` of `singular_values` is at `level`, with its logarithm interpolated between two lags.
    A leaky unit h[t] = a h[t-1] + ... has -1 / log(a), its time constant.

    Parameters
    ----------
    way : Trajectory
    level : float in (0, 1), default 1 / e

    Returns
    -------
    float
        Steps; infinity where the sequence ends before.

    Raises
    ------
    ValueError
        If `level` is not between 0 and 1.

    Examples
    --------
    >>> from rnnbp.cells import ElmanCell
    >>> cell = ElmanCell(1, 2, "linear")
    >>> weights = {n: np.zeros(s) for n, s in cell.shapes().items()} | {"w_hh": 0.9 * np.eye(2)}
    >>> round(effective_memory(Trajectory.run(cell, weights, np.ones((20, 1)))), 6)
    9.491222
    """
    if number("level", level, 0, 1, open_low=True) == 1:
        raise ValueError("level must be below 1, got 1")
    with np.errstate(divide="ignore"):
        logs = np.log(singular_values(way)["rms"].to_numpy())
    below = np.flatnonzero(logs <= np.log(level))
    if not len(below):
        return float("inf")
    k = int(below[0])
    if np.isneginf(logs[k]):
        return float(k)
    return float(k - 1 + (logs[k - 1] - np.log(level)) / (logs[k - 1] - logs[k]))
