"""Real-time recurrent learning: the influence matrix, updated forward in time."""

from dataclasses import dataclass

import numpy as np

from rnnbp.cells.base import Array
from rnnbp.cells.outer import side_by_side
from rnnbp.gradients.online.base import InfluenceMatrix, Online
from rnnbp.gradients.online.decomposition import Decomposition
from rnnbp.gradients.online.linearized_step import LinearizedStep, OuterProductJacobian


@dataclass(frozen=True)
class RTRL(Online):
    """Compute the gradient of the mean loss by real-time recurrent learning, without a backward pass through time.

    The gradient is exact. The influence matrix M[t] = J[t] M[t-1] + I[t] is updated forward in time, with the recurrent
    Jacobian J and the immediate Jacobian I. It has S numbers for each parameter and sequence, and a step costs S^2 P
    for each sequence. Memory does not grow with time; M is stored twice, before and after a step.

    Where a parameter affects few units within one step (in every cell of the package), only these entries of I[t] are
    computed and added.

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
        return FullInfluenceMatrix(np.zeros((batch_size, parts.cell.state_size, parts.params.size), parts.model.dtype))


class FullInfluenceMatrix(InfluenceMatrix):
    """The influence matrix M (B, S, P).

    Parameters
    ----------
    matrix : ndarray (B, S, P)
    """

    def __init__(self, matrix: Array) -> None:
        self.matrix, self._buffer = matrix, np.zeros_like(matrix)  # M, and where J M is written to
        self._pattern = np.zeros((matrix.shape[1], 1), bool)  # (S, K): where a step's deltas were nonzero so far
        self._nonzero = np.zeros((2, 0), int)  # the units and parameters of the entries of I that were nonzero so far

    def advance(self, step: LinearizedStep) -> None:
        self._apply(step.jacobian)
        self._add_immediate(step)

    def _apply(self, jacobian: Array) -> None:
        """Set M to J M, for the first n sequences: J is (n, S, S)."""
        n = len(jacobian)
        np.matmul(jacobian, self.matrix[:n], out=self._buffer[:n])
        self.matrix, self._buffer = self._buffer, self.matrix

    def _add_immediate(self, step: LinearizedStep) -> None:
        """Add I to M: the entries that are nonzero at this step or were at an earlier one."""
        immediate, matrix = step.immediate_jacobian, self.matrix[: step.size]
        if not isinstance(immediate, OuterProductJacobian):
            matrix += np.moveaxis(immediate.vjp(step.deltas), 0, 1)
            return
        pattern = (side_by_side(step.deltas) != 0).any(axis=1)  # (S, K)
        if (pattern > self._pattern).any():
            self._pattern = pattern | self._pattern
            self._nonzero = np.array(np.nonzero(self._pattern[:, immediate.columns]))
        units, parameters = self._nonzero
        matrix[:, units, parameters] += immediate.entries(step.deltas, units, parameters)

    def gradient(self, d_state: Array) -> Array:
        n, S = d_state.shape
        return d_state.reshape(n * S) @ self.matrix[:n].reshape(n * S, -1)
