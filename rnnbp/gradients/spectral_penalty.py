"""A penalty on the spectral norm of weight matrices, added to any gradient."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from rnnbp.core import Parameters
from rnnbp.data import SequenceBatch
from rnnbp.gradients.base import Gradient, GradientAlgorithm, is_random
from rnnbp.layers.base import Array, State
from rnnbp.losses import Loss
from rnnbp.models import Sequential
from rnnbp.runtime import number, of_type, refuses_by_name
from rnnbp.solvers.contraction import check_names


@dataclass(frozen=True)
class SpectralPenalty(GradientAlgorithm):
    """Compute the gradient of the mean loss plus a penalty on the spectral norms of weight matrices.

    The penalty is weight * sum of max(0, ||W|| - radius)^2 / 2 over the matrices W; the gradient of the spectral norm
    ||W|| is the outer product of the first singular vectors. It is zero below `radius`; above, it pulls the network
    back to where it is a contraction. It is added once per batch, to the first gradient.

    Parameters
    ----------
    gradient : GradientAlgorithm
        The algorithm for the loss, as ``RecurrentBackprop()``.
    names : sequence of str
        Names of the matrices in `model.params`, as ``["0.w_hh"]``.
    weight : float, default 10.0
        Enough to keep the norm near the radius for Adam with a learning rate of 0.003.
    radius : float, default 0.95

    Raises
    ------
    ValueError
        If a number is not positive; when used, if a name is not that of a matrix.

    See Also
    --------
    rnnbp.SpectralProjection : scales the matrices down after each update.

    References
    ----------
    Y. Yoshida & T. Miyato (2017), "Spectral norm regularization for improving the generalizability of deep
    learning", arXiv:1705.10941

    Examples
    --------
    >>> import rnnbp
    >>> model = rnnbp.Sequential(rnnbp.FixedPoint(rnnbp.ElmanCell(2, 3)), rnnbp.Last(), rnnbp.Dense(3, 2))
    >>> batch = rnnbp.SequenceDataset([np.ones((1, 2)), np.zeros((1, 2))], targets=[0, 1]).batch()
    >>> algorithm = SpectralPenalty(rnnbp.RecurrentBackprop(), ["0.w_hh"], weight=0.1)
    >>> (g,) = algorithm.gradients(model, batch, rnnbp.CrossEntropy())
    >>> g.vector.shape == model.params.vector.shape
    True
    """

    gradient: GradientAlgorithm
    names: Sequence[str]
    weight: float = 10.0
    radius: float = 0.95

    def __post_init__(self) -> None:
        of_type("names", self.names, Sequence[str])
        number("weight", self.weight, 0, open_low=True)
        number("radius", self.radius, 0, open_low=True)
        if isinstance(self.gradient, type) or not hasattr(self.gradient, "gradients"):
            raise ValueError(f"gradient must be an object with a method 'gradients', got {self.gradient!r}")

    @property
    def random(self) -> bool:
        """Whether the wrapped algorithm is stochastic."""
        return is_random(self.gradient)

    def gradients(
        self,
        model: Sequential,
        batch: SequenceBatch,
        loss: Loss,
        state: Sequence[State] | None = None,
        rng: np.random.Generator | None = None,
    ) -> Iterator[Gradient]:
        value, vector = self.penalty(model.params)
        for g in self.gradient.gradients(model, batch, loss, state, rng):
            yield replace(g, loss=g.loss + value, vector=g.vector + vector)
            value, vector = 0.0, np.zeros_like(vector)

    @refuses_by_name
    def penalty(self, params: Parameters) -> tuple[float, Array]:
        """Return the penalty and its gradient (P,)."""
        check_names(params, self.names)
        value, grad = 0.0, params.zeros()
        for name in self.names:
            u, sigma, vt = np.linalg.svd(params[name], full_matrices=False)
            excess = max(0.0, float(sigma[0]) - self.radius)
            value += self.weight * excess * excess / 2
            grad[name] += self.weight * excess * np.outer(u[:, 0], vt[0])
        return value, params.trainable(grad.vector)
