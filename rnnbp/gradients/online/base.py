"""The online algorithms' forward pass through time, and what each algorithm defines.

At step t, with the state s[t] of the model's cell (see `decomposition`) and the loss L[t] of that step,

    dL/dp = sum over t of  dL[t]/ds[t] . M[t],     M[t] = J[t] M[t-1] + I[t],

where M[t] = ds[t]/dp is the influence matrix, J[t] = ds[t]/ds[t-1] the recurrent Jacobian and I[t] the immediate
Jacobian, the derivative of s[t] with respect to the parameters at fixed s[t-1] (Williams & Zipser 1989). The algorithms
differ in how they store or approximate M.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from rnnbp.cells.base import Array
from rnnbp.data import SequenceBatch, check_batch
from rnnbp.gradients.base import Cost, Gradient, GradientAlgorithm, check_targets, residual_bytes, total_weight
from rnnbp.gradients.online.decomposition import Decomposition, decompose
from rnnbp.gradients.online.layer_cells import AffineCell
from rnnbp.gradients.online.linearized_step import LinearizedStep
from rnnbp.gradients.online.random_layers import RandomLayers
from rnnbp.layers import Last, Run
from rnnbp.layers.base import State
from rnnbp.losses import Loss
from rnnbp.models import Sequential
from rnnbp.runtime import positive_int


class InfluenceMatrix(Protocol):
    """What an algorithm stores of the influence matrix M[t] = ds[t]/dp, for each sequence of a batch."""

    def advance(self, step: LinearizedStep) -> None:
        """Update M[t-1] to M[t]; the active sequences are the first ``step.size``."""
        ...

    def gradient(self, d_state: Array) -> Array:
        """Return dL/ds . M (P,), summed over the active sequences, from dL/ds (n, S)."""
        ...


@dataclass(frozen=True)
class Online(GradientAlgorithm):
    """Base of the online algorithms, which have no backward pass through time: M is updated forward, step by step.

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
            random_layers.begin(rng)
        every = batch.steps if self.every is None else self.every
        for start in range(0, batch.steps, every):
            total = GradientSum(model, start, min(start + every, batch.steps))
            peak_bytes = self.accumulate(total, forward_pass, influence)
            yield total.gradient(forward_pass, peak_bytes)

    def accumulate(self, total: "GradientSum", forward_pass: "ForwardPass", influence: InfluenceMatrix) -> int:
        """Add the gradient of each step of a span of time to `total`; return the peak of the bytes stored."""
        for t, step in forward_pass.steps(total.start, total.stop):
            influence.advance(step)
            step_loss = forward_pass.loss_at(t)
            total.add(step_loss, influence.gradient(self.learning_signal(step_loss, forward_pass)))
        return residual_bytes(influence)

    def learning_signal(self, step_loss: "StepLoss", forward_pass: "ForwardPass") -> Array:
        """Return what multiplies the influence matrix at a step, (n, S): by default dL[t]/ds[t]."""
        return step_loss.d_state


@dataclass(frozen=True)
class StepLoss:
    """The loss L[t] of one step and its derivatives.

    Attributes
    ----------
    loss : float
    due : ndarray of bool (1, B) or (B,)
        The sequences that have a target at this step.
    outputs : ndarray (1, B, K) or (B, K)
    d_outputs : ndarray, of the shape of the outputs
        The gradient with respect to the outputs.
    d_state : ndarray (n, S)
        The gradient with respect to the state of the active sequences.
    d_readout : ndarray
        The gradient with respect to the parameters of the readout.
    """

    loss: float
    due: Array
    outputs: Array
    d_outputs: Array
    d_state: Array
    d_readout: Array


class ForwardPass:
    """A batch run forward step by step, each step with the current values of the parameters.

    Parameters
    ----------
    parts : Decomposition
    batch, loss, state, rng
        See `GradientAlgorithm.gradients`.
    """

    def __init__(
        self,
        parts: Decomposition,
        batch: SequenceBatch,
        loss: Loss,
        state: Sequence[State] | None,
        rng: np.random.Generator | None,
    ) -> None:
        self.parts, self.batch, self.loss, self.rng = parts, batch, loss, rng
        self.targets = check_targets(batch)
        self.x = parts.model.cast(batch.x)
        self.preprocessing_states: Sequence[State] | None = None if state is None else state[: parts.first]
        self.cell, self.params, self.readout = parts.cell, parts.params, parts.readout
        self.affine_cells = [cell for cell in self.cell.cells if isinstance(cell, AffineCell)]
        self.state = parts.begin(state, batch.size).copy()
        self.active = Run(batch.lengths).active(batch.steps)
        self.per_step = parts.model.per_step
        self.total = total_weight(loss, batch, self.per_step)

    def active_at(self, t: int) -> int:
        """Return the number of sequences that have a step t."""
        return int(self.active[t]) if t < len(self.active) else 0

    def steps(self, start: int, stop: int) -> Iterator[tuple[int, LinearizedStep]]:
        """Run steps `start` to `stop` - 1, yielding each step's number and its linearization."""
        preprocessing = self.parts.preprocessing
        run = Run(np.clip(self.batch.lengths - start, 0, stop - start), self.rng)
        x, _, self.preprocessing_states = preprocessing.unroll(
            preprocessing.params, self.x[start:stop], run, self.preprocessing_states
        )
        for t in range(start, stop):
            n = self.active[t]
            for cell in self.affine_cells:
                cell.draw(self.batch.size, self.state.dtype)
            inputs = x[t - start, :n] if x.ndim == 3 else x[t - start, :n, None]  # tokens have no feature axis
            step = LinearizedStep(self.cell, self.params, self.state[:n].copy(), inputs.copy())
            self.state[:n] = step.next_state
            yield t, step

    def loss_at(self, t: int) -> StepLoss:
        """Return the loss of step t, from the state after it.

        Raises
        ------
        ValueError
            If a layer of the readout has a state.
        """
        n, readout = self.active[t], self.readout
        cell_outputs = self.state[None, :, : self.cell.output_size]
        lengths = np.minimum(np.maximum(self.batch.lengths - t, 0), 1)
        outputs, residuals, after = readout.unroll(readout.params, cell_outputs, Run(lengths, self.rng))
        for layer, layer_state in zip(readout.layers, after, strict=True):
            if layer_state is not None and not isinstance(layer, Last):
                raise ValueError(
                    f"an online algorithm takes layers without a state on top of the recurrent ones, got "
                    f"{type(layer).__name__}"
                )
        targets = self.targets[t : t + 1] if self.per_step else self.targets
        due = self.batch.due(t, t + 1, self.per_step)
        value, d_outputs = self.loss.masked(outputs, targets, due, self.total)
        grad = readout.params.zeros()
        d_cell_outputs, _ = readout.backward(readout.params, residuals, d_outputs, grad)
        d_state = np.zeros((n, self.state.shape[1]), self.state.dtype)
        d_state[:, : self.cell.output_size] = d_cell_outputs[0, :n]
        return StepLoss(value, due, outputs, d_outputs, d_state, grad.vector)


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

    def add(self, step_loss: StepLoss, d_cell_params: Array) -> None:
        """Add the loss of a step and its gradient with respect to the parameters of cell and readout."""
        self.vector[: len(d_cell_params)] += d_cell_params
        self.vector[len(d_cell_params) :] += step_loss.d_readout
        self.loss += step_loss.loss
        if self.outputs and not self.per_step:  # one output per sequence, at the step of its target
            np.copyto(self.outputs[0], step_loss.outputs, where=step_loss.due[:, None])
        else:
            self.outputs.append(step_loss.outputs.copy())  # without a readout a view of the state, which will change

    def gradient(self, forward_pass: ForwardPass, peak_bytes: int) -> Gradient:
        """Return the sum as a `Gradient`."""
        lengths, parts = forward_pass.batch.lengths, forward_pass.parts
        outputs = np.concatenate(self.outputs)
        steps = int(np.clip(lengths - self.start, 0, self.stop - self.start).sum())
        after = parts.end(forward_pass.preprocessing_states or [], forward_pass.state)
        vector = parts.model.params.masked(self.vector)
        return Gradient(self.loss, vector, outputs, after, Cost(steps, peak_bytes), (self.start, self.stop))
