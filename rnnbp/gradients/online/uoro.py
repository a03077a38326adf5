"""Unbiased online recurrent optimization: a random rank-one estimate of the influence matrix."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rnnbp.cells.base import Array
from rnnbp.gradients.online.base import InfluenceMatrix
from rnnbp.gradients.online.compiled_products import advance_rank_one
from rnnbp.gradients.online.decomposition import Decomposition
from rnnbp.gradients.online.jacobian_compression import compression_of, entries_of
from rnnbp.gradients.online.jacobian_sparsity import JacobianSparsity, structure_of
from rnnbp.gradients.online.linearized_steps import LinearizedSteps
from rnnbp.gradients.online.sign_estimates import RandomOnline, StepSigns, balanced
from rnnbp.kernels import may_compile


@dataclass(frozen=True)
class UORO(RandomOnline):
    """Compute an unbiased estimate of the gradient of the mean loss by unbiased online recurrent optimization.

    The influence matrix of each sequence is replaced by an outer product s~ outer theta~ whose expectation it is::

        s~     =  rho0 J[t] s~  +  rho1 nu,                rho0 = sqrt(|theta~| / |J[t] s~|)
        theta~ =  theta~ / rho0 +  nu I[t] / rho1,         rho1 = sqrt(|nu I[t]| / |nu|)

    with new random signs nu (S,) at every step; J[t] and I[t] are the recurrent and the immediate
    Jacobian. A step costs little more than a forward step and a VJP, but for a user's cell that is not declared by its
    equation, whose recurrent Jacobian costs S VJPs. S + P numbers are stored for each sequence, and memory does not
    grow with time. The variance does, as each step's signs mix with those before. Every causal cell can
    be used.

    A product that is zero, as the first one is, is left out; the authors' epsilons, which guard against division by
    zero, are not needed.

    Parameters
    ----------
    seed : int or numpy.random.Generator, default 0
        Seed of the signs. Without `rng`, `gradients` draws the same ones at every call; with `rng` (which a Trainer
        passes) they depend on both, and each call draws new ones.
    every : int, optional
        Steps between gradients; the parameters may change with each. Default: one per batch, at constant
        parameters.

    Raises
    ------
    ValueError
        If `seed` is not a natural number or `every` not a positive integer; when used on a model that `RTRL` does not
        take.

    See Also
    --------
    KFRTRL : less variance, for S times the cost.
    RTRL : the exact gradient.

    References
    ----------
    C. Tallec & Y. Ollivier (2018), "Unbiased online recurrent optimization", ICLR, algorithm 1, arXiv:1702.05043

    Examples
    --------
    The mean over many copies of a sequence, each with its own signs, approaches the gradient:

    >>> import rnnbp
    >>> model = rnnbp.Sequential(rnnbp.Elman(2, 3), rnnbp.Last(), rnnbp.Dense(3, 2))
    >>> batch = rnnbp.SequenceDataset([np.ones((5, 2))] * 3000, targets=[1] * 3000).batch()
    >>> (exact,) = rnnbp.BPTT().gradients(model, batch, rnnbp.CrossEntropy())
    >>> (g,) = UORO().gradients(model, batch, rnnbp.CrossEntropy())
    >>> bool(np.linalg.norm(g.vector - exact.vector) < 0.2 * np.linalg.norm(exact.vector))
    True
    """

    def initial_influence(
        self, parts: Decomposition, batch_size: int, rng: np.random.Generator | None
    ) -> InfluenceMatrix:
        dtype = parts.model.dtype
        state, params = (np.zeros((batch_size, size), dtype) for size in (parts.cell.state_size, parts.params.size))
        return RankOneInfluenceMatrix(structure_of(parts.cell), state, params, self.generator(rng))


class RankOneInfluenceMatrix(InfluenceMatrix):
    """A rank-one estimate s~ outer theta~ of the influence matrix.

    Parameters
    ----------
    sparsity : JacobianSparsity
    state : ndarray (B, S)
        s~.
    params : ndarray (B, P)
        theta~.
    rng : numpy.random.Generator
    """

    def __init__(self, sparsity: JacobianSparsity, state: Array, params: Array, rng: np.random.Generator) -> None:
        self.state, self.params, self.signs = state, params, StepSigns(rng)
        self.compression = compression_of(sparsity, state.dtype)

    @property
    def stored(self) -> Sequence[Any]:
        return self.state, self.params

    def advance(self, steps: LinearizedSteps, signal: Array) -> Array:
        signs = self.signs.next(steps.active, steps.state.shape[1], self.state.dtype)
        if self.compression.sparsity.inputs is not None and may_compile():
            return advance_rank_one(self.state, self.params, steps, self.compression, signs, signal)
        jacobian = entries_of(steps, self.compression, self.state.shape[1] ** 2).jacobian()
        new_state, new_params = balanced(signs, steps.immediate_vjp(signs))
        found = np.zeros_like(self.params[0])
        for rows in steps.rows:
            state, params = self.state[: rows.stop - rows.start], self.params[: rows.stop - rows.start]
            moved, scaled = balanced((jacobian[rows] @ state[:, :, None])[:, :, 0], params)
            np.add(moved, new_state[rows], out=state)
            np.add(scaled, new_params[rows], out=params)
            found += (signal[rows] * state).sum(axis=1) @ params
        return found
