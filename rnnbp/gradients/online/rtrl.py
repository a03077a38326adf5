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
    each parameter and sequence, and costs S^2 P a step and sequence. Memory does not grow with time; it holds M twice,
    with room for the next step's.

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
        self.influence, self._next = influence, np.zeros_like(influence)  # as it is, and room for what it will be
        self._acts = np.zeros((influence.shape[1], 1), bool)
        self._places = np.zeros((2, 0), int)  # pairs of a unit and a parameter that acts on it: none has yet

    def advance(self, step: Linear) -> None:
        """M = J M + I."""
        self._move(step.jacobian)
        self._add_action(step)

    def _move(self, jacobian: Array) -> None:
        """M = J M, of the first n sequences: J is (n, S, S)."""
        n = len(jacobian)
        np.matmul(jacobian, self.influence[:n], out=self._next[:n])
        self.influence, self._next = self._next, self.influence

    def _add_action(self, step: Linear) -> None:
        """M = M + I: only where I is not zero at this step or was not at an earlier one."""
        action, influence = step.action, self.influence[: step.size]
        if not isinstance(action, ByColumns):
            influence += np.moveaxis(action.rows(step.deltas), 0, 1)
            return
        acts = (side_by_side(step.deltas) != 0).any(axis=1)  # (S, K)
        if (acts > self._acts).any():
            self._acts = acts | self._acts
            self._places = np.array(np.nonzero(self._acts[:, action.columns]))
        units, parameters = self._places
        influence[:, units, parameters] += action.entries(step.deltas, units, parameters)

    def gradient(self, d_state: Array) -> Array:
        """dL/ds . M, summed over the sequences."""
        n, S = d_state.shape
        return d_state.reshape(n * S) @ self.influence[:n].reshape(n * S, -1)
