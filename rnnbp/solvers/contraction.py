"""Contraction of the recurrent map: the spectral radius, and a projection of the weights."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from rnnbp.cells import Cell, state_jacobian
from rnnbp.cells.base import Weights
from rnnbp.core import Parameters
from rnnbp.runtime import did_you_mean, number, of_type, refuses_by_name

Array = np.ndarray


def spectral_radius(cell: Cell, params: Weights, state: Array, x: Array) -> Array:
    """Return the spectral radius of d next_state / d state: if below 1 at a fixed point, iteration converges nearby.

    Parameters
    ----------
    cell : Cell
    params : mapping of str to ndarray
    state : ndarray (..., S)
    x : ndarray (..., F)

    Returns
    -------
    ndarray (...)
        NaN where the Jacobian is not finite.

    Examples
    --------
    >>> from rnnbp.cells import ElmanCell
    >>> params = Parameters(ElmanCell(1, 2).shapes())
    >>> params["w_hh"] = [[0.5, 3], [0, -0.75]]
    >>> float(spectral_radius(ElmanCell(1, 2), params, np.zeros(2), np.zeros(1)))
    0.75
    """
    jacobian = state_jacobian(cell, params, state, x)
    finite = np.isfinite(jacobian).all(axis=(-2, -1))
    eigenvalues = np.linalg.eigvals(np.where(finite[..., None, None], jacobian, 0))
    return np.where(finite, np.abs(eigenvalues).max(axis=-1), np.nan)


def check_names(params: Parameters, names: Sequence[str]) -> None:
    """Check that `names` are matrices among the parameters.

    Raises
    ------
    ValueError
        If one is not; the message names it.

    Examples
    --------
    >>> check_names(Parameters({"0.w_hh": (2, 2)}), ["0.w_h"])
    Traceback (most recent call last):
    ValueError: names must be matrices among the parameters, got '0.w_h'. Did you mean '0.w_hh'?
    """
    for name in names:
        if name not in params or len(params.shapes[name]) != 2:
            raise ValueError(f"names must be matrices among the parameters, got {name!r}.{did_you_mean(name, params)}")


class _HasModel(Protocol):
    @property
    def model(self) -> Any: ...


@dataclass(frozen=True)
class SpectralProjection:
    """Projection that scales matrices to a spectral norm (largest singular value) of at most `radius`.

    An Elman network with tanh units and a recurrent matrix of spectral norm below 1 is a contraction for every input,
    so that it has exactly one fixed point and the iteration converges to it from every state. Scaling does not give
    the nearest matrix of that norm, but preserves the singular vectors. As a callback of a Trainer it is applied after
    each epoch; `project` can be called at any other time, for example after each step of a training loop.

    Parameters
    ----------
    names : sequence of str
        Names of the matrices in `model.params`: ``["0.w_hh"]``.
    radius : float, default 0.95
        Largest spectral norm.

    Raises
    ------
    ValueError
        If `radius` is not positive; when used, if a name is not that of a matrix.

    See Also
    --------
    rnnbp.SpectralPenalty : penalizes the spectral norm in the loss instead.

    References
    ----------
    J. Miller & M. Hardt (2019), "Stable recurrent models", ICLR, arXiv:1805.10369

    Examples
    --------
    >>> params = Parameters({"0.w_hh": (2, 2)})
    >>> params["0.w_hh"] = [[3, 0], [0, 1]]
    >>> SpectralProjection(["0.w_hh"], radius=1.5).project(params)
    >>> params["0.w_hh"]
    array([[1.5, 0. ],
           [0. , 0.5]], dtype=float32)
    """

    names: Sequence[str]
    radius: float = 0.95

    def __post_init__(self) -> None:
        of_type("names", self.names, Sequence[str])
        number("radius", self.radius, 0, open_low=True)

    @refuses_by_name
    def project(self, params: Parameters) -> None:
        """Scale the matrices in place."""
        check_names(params, self.names)
        for name in self.names:
            norm = np.linalg.norm(params[name], 2)
            if norm > self.radius:
                params[name] = params[name] * (self.radius / norm)

    @refuses_by_name
    def __call__(self, trainer: _HasModel, row: dict[str, float]) -> None:
        """Project the parameters of the trainer's model, after an epoch."""
        of_type("row", row, dict[str, float])
        self.project(trainer.model.params)
