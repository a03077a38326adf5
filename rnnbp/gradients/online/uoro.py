"""Unbiased online recurrent optimization: the influence as one random outer product."""

from dataclasses import dataclass

import numpy as np

from rnnbp.cells.base import Array
from rnnbp.gradients.online.base import Influence
from rnnbp.gradients.online.chain import Chain
from rnnbp.gradients.online.linear import Linear
from rnnbp.gradients.online.signs import RandomOnline, balanced, random_signs


@dataclass(frozen=True)
class UORO(RandomOnline):
    """The influence of the parameters on the state, held as one outer product s~ outer theta~ of each sequence, right
    on the average::

        s~     =  rho0 J[t] s~  +  rho1 nu,                rho0 = sqrt(|theta~| / |J[t] s~|)
        theta~ =  theta~ / rho0 +  nu I[t] / rho1,         rho1 = sqrt(|nu I[t]| / |nu|)

    with new random signs nu (S,) at every step; J[t] and I[t] are the Jacobian and the parameters' direct action. A
    step costs little more than one forwards and one back, S + P numbers a sequence are held, and memory does not grow
    with time. The noise does: steadily, as each step's signs mix with those before. Takes every causal cell.

    Where a product is zero, as the first one is, it is left out; the authors' epsilons, which guard against that, are
    not needed.

    Parameters
    ----------
    seed : int or numpy.random.Generator, default 0
        Of the signs. Without a generator `gradients` draws the same ones at every call; with one (which a Trainer
        gives) they depend on both, and each call draws new ones.
    every : int, optional
        Steps between gradients; the parameters may change with each. Default: one a batch, the parameters being still.

    Raises
    ------
    ValueError
        If `seed` is not a natural number or `every` not a positive integer; when used on a model that looks ahead in
        time, that is static, or whose layers below the last recurrent one look at several steps.

    See Also
    --------
    KFRTRL : less noise, for S times the cost.
    RTRL : none.

    References
    ----------
    C. Tallec & Y. Ollivier (2018), "Unbiased online recurrent optimization", ICLR, algorithm 1, arXiv:1702.05043

    Examples
    --------
    Over many copies of a sequence, each with signs of its own, the noise averages out:

    >>> import rnnbp
    >>> model = rnnbp.Sequential(rnnbp.Elman(2, 3), rnnbp.Last(), rnnbp.Dense(3, 2))
    >>> batch = rnnbp.SequenceDataset([np.ones((5, 2))] * 3000, targets=[1] * 3000).batch()
    >>> (exact,) = rnnbp.BPTT().gradients(model, batch, rnnbp.CrossEntropy())
    >>> (g,) = UORO().gradients(model, batch, rnnbp.CrossEntropy())
    >>> bool(np.linalg.norm(g.vector - exact.vector) < 0.2 * np.linalg.norm(exact.vector))
    True
    """

    def influence(self, parts: Chain, batch_size: int, rng: np.random.Generator | None) -> Influence:
        """Nothing has acted yet."""
        dtype = parts.model.dtype
        state, params = (np.zeros((batch_size, size), dtype) for size in (parts.cell.state_size, parts.params.size))
        return OuterInfluence(state, params, self.generator(rng))


class OuterInfluence:
    """s~ outer theta~.

    Parameters
    ----------
    state : ndarray (B, S)
        s~.
    params : ndarray (B, P)
        theta~.
    rng : numpy.random.Generator
    """

    def __init__(self, state: Array, params: Array, rng: np.random.Generator) -> None:
        self.state, self.params, self.rng = state, params, rng

    def advance(self, step: Linear) -> None:
        """What was, moved on by the Jacobian, and what is new, along random signs."""
        n = step.size
        signs = random_signs(self.rng, step.state.shape, self.state.dtype)
        old_state, old_params = balanced(step.pushed(self.state[:n]), self.params[:n])
        new_state, new_params = balanced(signs, step.pulled(signs))
        self.state[:n] = old_state + new_state
        self.params[:n] = old_params + new_params

    def gradient(self, d_state: Array) -> Array:
        """(dL/ds . s~) theta~, summed over the sequences."""
        n = len(d_state)
        return (d_state * self.state[:n]).sum(axis=1) @ self.params[:n]
