"""Real-time recurrent learning: the whole influence of the parameters, carried forwards."""

from dataclasses import dataclass

import numpy as np

from rnnbp.cells.base import Array
from rnnbp.cells.outer import side_by_side
from rnnbp.gradients.online.base import Influence, Online
from rnnbp.gradients.online.chain import Chain
from rnnbp.gradients.online.linear import ByColumns, Linear


@dataclass(frozen=True)
class RTRL(Online):
    """The exact gradient without a way back through time: M[t] = J[t] M[t-1] + I[t] is carried whole, S numbers for
    each parameter and sequence, and costs S^2 P a step and sequence. Memory does not grow with time.

    Where a parameter acts on few units directly (in every cell of the package), only these entries of I[t] are computed
    and added.

    Parameters
    ----------
    every : int, optional
        Steps between gradients; the parameters may change with each. Default: one a batch, the parameters being still.

    Raises
    ------
    ValueError
        If `every` is not a positive integer; when used on a model that looks ahead in time, that is static, or whose
        layers below the last recurrent one look at several steps.

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

    def influence(self, parts: Chain, batch_size: int, rng: np.random.Generator | None) -> Influence:
        """Nothing has acted yet."""
        return WholeInfluence(np.zeros((batch_size, parts.cell.state_size, parts.params.size), parts.model.dtype))


class WholeInfluence:
    """M (B, S, P).

    Parameters
    ----------
    influence : ndarray (B, S, P)
    """

    def __init__(self, influence: Array) -> None:
        self.influence = influence

    def advance(self, step: Linear) -> None:
        """M = J M + I."""
        moved = step.jacobian @ self.influence[: step.size]
        add_action(moved, step)
        self.influence[: step.size] = moved

    def gradient(self, d_state: Array) -> Array:
        """dL/ds . M, summed over the sequences."""
        n, S = d_state.shape
        return d_state.reshape(n * S) @ self.influence[:n].reshape(n * S, -1)


def add_action(influence: Array, step: Linear) -> None:
    """Add the parameters' direct action to an influence (n, S, P): only where it is not zero."""
    action = step.action
    if not isinstance(action, ByColumns):
        influence += np.moveaxis(action.rows(step.deltas), 0, 1)
        return
    acts = (side_by_side(step.deltas) != 0).any(axis=1)  # (S, K)
    units, parameters = np.nonzero(acts[:, action.columns])
    influence[:, units, parameters] += action.entries(step.deltas, units, parameters)
