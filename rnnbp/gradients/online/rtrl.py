"""Real-time recurrent learning: the influence matrix, updated forward in time."""

from dataclasses import dataclass

import numpy as np

from rnnbp.gradients.online.base import InfluenceMatrix, Online
from rnnbp.gradients.online.decomposition import Decomposition
from rnnbp.gradients.online.influence import influence_on
from rnnbp.gradients.online.jacobian_sparsity import structure_of


@dataclass(frozen=True)
class RTRL(Online):
    """Compute the gradient of the mean loss by real-time recurrent learning, without a backward pass through time.

    The gradient is exact. The influence matrix M[t] = J[t] M[t-1] + I[t] is updated forward in time, with the recurrent
    Jacobian J and the immediate Jacobian I. It has S numbers for each parameter and sequence, and a step costs S^2 P
    for each sequence, less where units depend on each other elementwise, as an LSTM's on its cell state. Memory does
    not grow with time.

    Where a parameter affects few units within one step (in every cell of the package), only these entries of I[t] are
    computed and added. With Numba, M is updated by compiled code, some of its columns through all steps of a block
    while they are in the cache; without, it is stored twice, before and after a step.

    Parameters
    ----------
    every : int, optional
        Steps between gradients; the parameters may change with each. Default: one per batch, at constant
        parameters.

    Raises
    ------
    ValueError
        If `every` is not a positive integer; when used on a model that is not causal, that is static, or in which a
        layer below the last recurrent one uses several steps of its input.

    References
    ----------
    R. J. Williams & D. Zipser (1989), "A learning algorithm for continually running fully recurrent neural networks",
    Neural Computation 1(2), 270-280, eq. 10-12, doi:10.1162/neco.1989.1.2.270

    Examples
    --------
    >>> import rnnbp
    >>> model = rnnbp.Sequential(rnnbp.Elman(2, 3), rnnbp.Dense(3, 2), dtype=np.float64)
    >>> batch = rnnbp.SequenceDataset([np.ones((5, 2))], targets=[np.zeros(5, int)]).batch()
    >>> (exact,) = rnnbp.BPTT().gradients(model, batch, rnnbp.CrossEntropy())
    >>> found = list(RTRL(every=1).gradients(model, batch, rnnbp.CrossEntropy()))
    >>> len(found), np.allclose(sum(g.vector for g in found), exact.vector, rtol=1e-12)
    (5, True)
    """

    def initial_influence(
        self, parts: Decomposition, batch_size: int, rng: np.random.Generator | None
    ) -> InfluenceMatrix:
        return influence_on(structure_of(parts.cell), None, batch_size, parts.model.dtype)
