"""State Jacobians J[t] = d state[t] / d state[t - 1], their spectra, and their products over time."""

import numpy as np
import pandas as pd

from rnnbp.cells import state_jacobian
from rnnbp.cells.base import Array
from rnnbp.diagnostics.state_trajectory import Trajectory, check_trajectory
from rnnbp.runtime import natural_int, number, refuses_by_name
from rnnbp.solvers.contraction import spectral_radius


def jacobians(trajectory: Trajectory) -> Array:
    """Compute the state Jacobian at each step.

    Parameters
    ----------
    trajectory : Trajectory

    Returns
    -------
    ndarray (T, S, S)
        ``J[t, i, j]`` is the derivative of state i after step t with respect to state j before it.

    Examples
    --------
    >>> from rnnbp.cells import ElmanCell
    >>> cell = ElmanCell(1, 2, "linear")
    >>> weights = {n: np.zeros(s) for n, s in cell.shapes().items()} | {"w_hh": np.array([[1.0, 2.0], [0.0, 3.0]])}
    >>> jacobians(Trajectory.run(cell, weights, np.ones((4, 1))))[2]
    array([[1., 2.],
           [0., 3.]])
    """
    check_trajectory(trajectory)
    return state_jacobian(trajectory.cell, trajectory.params, trajectory.states[:-1], trajectory.x)


def spectral_radii(trajectory: Trajectory) -> Array:
    """Compute the spectral radius (largest eigenvalue modulus) of J at each step.

    It describes a single step. As the eigenvectors change from step to step, the asymptotic growth or decay of
    perturbations is given by `lyapunov_exponents` only.

    Parameters
    ----------
    trajectory : Trajectory

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
    check_trajectory(trajectory)
    return spectral_radius(trajectory.cell, trajectory.params, trajectory.states[:-1], trajectory.x)


@refuses_by_name
def singular_values(trajectory: Trajectory, lags: int | None = None) -> pd.DataFrame:
    """Compute the singular values of J[T] J[T-1] ... J[T-k+1], the derivative of the last state k steps back.

    The backward pass multiplies a cotangent by the transpose of this product: its norm changes by a factor between the
    smallest and the largest singular value, and by `rms` in root mean square over random directions. Values below
    1e-16 of the largest are rounding errors.

    Parameters
    ----------
    trajectory : Trajectory
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
    check_trajectory(trajectory)
    product, rows = np.eye(trajectory.cell.state_size), []
    J = jacobians(trajectory)[::-1]
    for k in range((trajectory.steps if lags is None else min(lags, trajectory.steps)) + 1):
        if k:
            product = product @ J[k - 1]
        s = np.linalg.svd(product, compute_uv=False)
        rows.append((k, s[0], float(np.median(s)), s[-1], float(np.sqrt((s * s).mean()))))
    return pd.DataFrame(rows, columns=["lag", "largest", "median", "smallest", "rms"])


@refuses_by_name
def lyapunov_curve(trajectory: Trajectory, transient: int = 0) -> Array:
    """Compute the convergence of the Lyapunov exponents: the mean growth rate per step up to each step.

    Parameters
    ----------
    trajectory : Trajectory
    transient : int, default 0
        Number of initial steps that align the directions but are not counted.

    Returns
    -------
    ndarray (T - transient, S)
        The last row, sorted, is what `lyapunov_exponents` returns.

    Raises
    ------
    ValueError
        If `transient` is negative or leaves no step.

    Examples
    --------
    >>> from rnnbp.cells import ElmanCell
    >>> cell = ElmanCell(1, 2, "linear")
    >>> weights = {n: np.zeros(s) for n, s in cell.shapes().items()} | {"w_hh": np.diag([0.5, 2.0])}
    >>> lyapunov_curve(Trajectory.run(cell, weights, np.ones((9, 1))), transient=2).shape
    (7, 2)
    """
    check_trajectory(trajectory)
    if natural_int("transient", transient) >= trajectory.steps:
        raise ValueError(
            f"transient must be from 0 to {trajectory.steps - 1}, one less than the steps, got {transient!r}"
        )
    Q, growth = np.eye(trajectory.cell.state_size), []
    for J in jacobians(trajectory):
        Q, R = np.linalg.qr(J @ Q)
        with np.errstate(divide="ignore"):
            growth.append(np.log(np.abs(np.diag(R))))
    counted = np.array(growth[transient:])
    return counted.cumsum(axis=0) / np.arange(1, len(counted) + 1)[:, None]


def lyapunov_exponents(trajectory: Trajectory, transient: int = 0) -> Array:
    """Compute the Lyapunov exponents: the asymptotic growth rates of perturbations of the state, per step.

    By the QR method: Q R = J[t] Q propagates an orthogonal frame, and the exponents are the means of ``log |diag R|``.
    If the largest is above 0, the dynamics are chaotic and gradients explode; if all are far below 0, the state forgets
    and gradients vanish. The error falls as 1 / T.

    Parameters
    ----------
    trajectory : Trajectory
        Of many steps.
    transient : int, default 0
        Number of initial steps that align the frame but are not counted.

    Returns
    -------
    ndarray (S,)
        In descending order; minus infinity for a direction in which J is singular.

    Raises
    ------
    ValueError
        If `transient` is negative or leaves no step.

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
    return np.sort(lyapunov_curve(trajectory, transient)[-1])[::-1]


def effective_memory(trajectory: Trajectory, level: float = float(np.exp(-1))) -> float:
    """Compute the number of steps in which a random perturbation of the state decays to 1 / e.

    This is the first lag at which `rms` of `singular_values` falls to `level`, with linear interpolation of its
    logarithm. For a leaky unit h[t] = a h[t-1] + ... it is the time constant -1 / log(a).

    Parameters
    ----------
    trajectory : Trajectory
    level : float in (0, 1), default 1 / e

    Returns
    -------
    float
        Number of steps; infinity if the sequence is shorter.

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
    check_trajectory(trajectory)
    if number("level", level, 0, 1, open_low=True) == 1:
        raise ValueError("level must be below 1, got 1")
    with np.errstate(divide="ignore"):
        logs = np.log(singular_values(trajectory)["rms"].to_numpy())
    below = np.flatnonzero(logs <= np.log(level))
    if not len(below):
        return float("inf")
    k = int(below[0])
    if np.isneginf(logs[k]):
        return float(k)
    return float(k - 1 + (logs[k - 1] - np.log(level)) / (logs[k - 1] - logs[k]))
