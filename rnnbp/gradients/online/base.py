"""What every online algorithm does, and what each of them defines.

At step t, with the state s[t] of the model's cell (see `decomposition`) and the loss L[t] of that step::

    dL/dp = sum over t of  dL[t]/ds[t] . M[t],     M[t] = J[t] M[t-1] + I[t],

where M[t] = ds[t]/dp is the influence matrix, J[t] = ds[t]/ds[t-1] the recurrent Jacobian and I[t] the immediate
Jacobian, the derivative of s[t] with respect to the parameters at fixed s[t-1] (Williams & Zipser 1989). The algorithms
differ in how they store or approximate M. Where the parameters are constant over several steps, these are a block:
their states, losses and derivatives are computed together, and M is then updated through them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from rnnbp.cells.base import Array
from rnnbp.data import SequenceBatch, check_batch
from rnnbp.gradients.base import Cost, Gradient, GradientAlgorithm, residual_bytes
from rnnbp.gradients.online.decomposition import Decomposition, decompose
from rnnbp.gradients.online.forward_pass import BlockLoss, ForwardPass, block_steps
from rnnbp.gradients.online.linearized_steps import LinearizedSteps
from rnnbp.gradients.online.random_layers import RandomLayers
from rnnbp.layers.base import State
from rnnbp.losses import Loss
from rnnbp.models import Sequential
from rnnbp.runtime import positive_int


class InfluenceMatrix(Protocol):
    """What an algorithm stores of the influence matrix M[t] = ds[t]/dp, for each sequence of a batch."""

    @property
    def stored(self) -> Sequence[Any]:
        """What is stored from block to block: arrays, or objects that hold them."""
        ...

    def reset(self, rows: Array) -> None:
        """Set M to zero for some sequences (B,) of bool, whose states are set back before the next step.

        Here, where all that is stored are arrays that have a row for each sequence.
        """
        for array in self.stored:
            array[rows[: len(array)]] = 0

    def advance(self, steps: LinearizedSteps, signal: Array) -> Array:
        """Update M through a block of steps, and return the gradient of the block's losses.

        Parameters
        ----------
        steps : LinearizedSteps
        signal : ndarray (N, S)
            dL[t]/ds[t] of each real step.

        Returns
        -------
        ndarray (P,)
            The sum over steps and sequences of dL[t]/ds[t] . M[t].
        """
        ...


@dataclass(frozen=True)
class Online(GradientAlgorithm):
    """Base class of the online algorithms: no backward pass through time; M is updated forward, step by step.

    Parameters
    ----------
    every : int, optional
        Steps between gradients: with 1 the parameters may change at every step, in the middle of a sequence. The
        influence matrix is not recomputed when they do, so that it mixes derivatives at past values of the parameters,
        as in all online learning. Default: one gradient per batch, at constant parameters.

    Raises
    ------
    ValueError
        If `every` is not a positive integer; when used on a model that is not causal, that is static, or in which a
        layer below the last recurrent one uses several steps of its input.
    """

    every: int | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        if self.every is not None:
            positive_int("every", self.every)

    def prepare(self, parts: Decomposition) -> Decomposition:
        """Return the decomposition that the algorithm differentiates: by default, the model's own."""
        return parts

    def initial_influence(
        self, parts: Decomposition, batch_size: int, rng: np.random.Generator | None
    ) -> InfluenceMatrix:
        """Return the influence matrix before the first step, M = 0.

        Parameters
        ----------
        parts : Decomposition
        batch_size : int
        rng : numpy.random.Generator, optional
            The trainer's. The algorithm draws from it before the random layers do.
        """
        raise NotImplementedError(f"{type(self).__name__} does not define initial_influence")

    def block_steps(self, parts: Decomposition, batch_size: int) -> int:
        """Return the number of steps in a block: as many as are computed together in the cache."""
        S, P = parts.cell.state_size, parts.params.size
        return block_steps(batch_size, max(S * S, P))

    def gradients(
        self,
        model: Sequential,
        batch: SequenceBatch,
        loss: Loss,
        state: Sequence[State] | None = None,
        rng: np.random.Generator | None = None,
    ) -> Iterator[Gradient]:
        check_batch(batch)
        random_layers = None if rng is None else RandomLayers(batch.steps, batch.size, batch.x.shape[2:])
        parts = self.prepare(decompose(model, type(self).__name__, random_layers))
        forward_pass = ForwardPass(parts, batch, loss, state, rng)
        influence = self.initial_influence(parts, batch.size, rng)
        if random_layers is not None and rng is not None:
            random_layers.check_resets(batch.reset)
            random_layers.begin(rng)
        every = batch.steps if self.every is None else self.every
        block = self.block_steps(parts, batch.size)
        for start in range(0, batch.steps, every):
            total = GradientSum(model, start, min(start + every, batch.steps))
            peak_bytes = 0
            for reset, steps, block_loss in forward_pass.blocks(total.start, total.stop, block):
                if reset is not None:
                    influence.reset(reset)
                total.add(block_loss, influence.advance(steps, self.learning_signal(block_loss, forward_pass)))
                peak_bytes = max(peak_bytes, residual_bytes(influence.stored, given=forward_pass.x))
            yield total.gradient(forward_pass, peak_bytes)

    def learning_signal(self, block_loss: BlockLoss, forward_pass: ForwardPass) -> Array:
        """Return what multiplies the influence matrix at each real step of a block, (N, S): by default dL[t]/ds[t]."""
        return block_loss.d_state


class GradientSum:
    """The sum of the losses and gradients of the steps `start` to `stop` - 1.

    Parameters
    ----------
    model : Sequential
    start, stop : int
    """

    def __init__(self, model: Sequential, start: int, stop: int) -> None:
        self.start, self.stop, self.per_step = start, stop, model.per_step
        self.vector = np.zeros_like(model.params.vector)
        self.loss: Any = 0.0
        self.outputs: list[Array] = []

    def add(self, block_loss: BlockLoss, d_cell_params: Array) -> None:
        """Add the loss of a block and its gradient with respect to the parameters of cell and readout."""
        self.vector[: len(d_cell_params)] += d_cell_params
        self.vector[len(d_cell_params) :] += block_loss.d_readout
        self.loss += block_loss.loss
        if self.outputs and not self.per_step:  # one output per sequence, at the step of its target
            np.copyto(self.outputs[0], block_loss.outputs, where=block_loss.due[:, None])
        else:
            self.outputs.append(block_loss.outputs)

    def gradient(self, forward_pass: ForwardPass, peak_bytes: int) -> Gradient:
        """Return the sum as a `Gradient`."""
        lengths, parts = forward_pass.batch.lengths, forward_pass.parts
        outputs = np.concatenate(self.outputs)
        steps = int(np.clip(lengths - self.start, 0, self.stop - self.start).sum())
        after = parts.end(forward_pass.preprocessing_states or [], forward_pass.state)
        vector = parts.model.params.trainable(self.vector)
        return Gradient(self.loss, vector, outputs, after, Cost(steps, peak_bytes), (self.start, self.stop))
