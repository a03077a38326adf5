"""What keeps a net contracting, so that it has one fixed point and iteration finds it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from rnnbp._checks import did_you_mean, number
from rnnbp.cells.base import Cell, Weights, state_jacobian
from rnnbp.params import Parameters

Array = np.ndarray


def spectral_radius(cell: Cell, params: Weights, state: Array, x: Array) -> Array:
    """The largest |eigenvalue| of d next_state / d state: below 1, iterating the step settles near here.

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
    sound = np.isfinite(jacobian).all(axis=(-2, -1))
    eigenvalues = np.linalg.eigvals(np.where(sound[..., None, None], jacobian, 0))
    return np.where(sound, np.abs(eigenvalues).max(axis=-1), np.nan)


def check_names(params: Parameters, names: Sequence[str]) -> None:
    """Raise unless `names` are matrices among the parameters.

    Raises
    ------
    ValueError
        Naming the one that is not.

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
    """Scales matrices down to a spectral norm (largest singular value) of at most `radius`.

    With tanh units and a recurrent matrix of spectral norm below 1 an Elman net contracts whatever its input,
    so it has one fixed point and reaches it from everywhere. Of the matrices of that norm the scaled one is
    not the nearest but keeps the directions. As a Trainer's callback it works after each epoch;
    `project` does it at any time, after each step of a loop of your own, say.

    Parameters
    ----------
    names : sequence of str
        Of the matrices, as in `model.params`: ``["0.w_hh"]``.
    radius : float, default 0.95

    Raises
    ------
    ValueError
        If `radius` is not positive; when used, if a name is not a matrix's.

    See Also
    --------
    rnnbp.SpectralPenalty : pulls the norm down by the gradient instead.

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
        number("radius", self.radius, 0, open_low=True)

    def project(self, params: Parameters) -> None:
        """Scale the matrices down, in place."""
        check_names(params, self.names)
        for name in self.names:
            norm = np.linalg.norm(params[name], 2)
            if norm > self.radius:
                params[name] = params[name] * (self.radius / norm)

    def __call__(self, trainer: _HasModel, row: dict[str, float]) -> None:
        """After an epoch, as a Trainer calls it."""
        self.project(trainer.model.params)
