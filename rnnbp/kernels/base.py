"""The base of kernels: a cell's forward and backward pass over whole sequences, one call each."""

from abc import ABC, abstractmethod
from typing import Any

import numpy as np

from rnnbp.cells.base import Weights
from rnnbp.core import Parameters

Array = np.ndarray
Prepared = Any  # parameters as a kernel reads them; only the same kernel reads it
Residuals = Any  # what a kernel's forward pass saves for its backward pass; only the same kernel reads it


class Kernel(ABC):
    """One cell over time, as `rnnbp.kernels.loop` defines it.

    Sequences are sorted longest first, so the active ones at step t are the first ``active[t]``, which is
    non-increasing. A kernel is made for one cell and one dtype, stores nothing between calls that changes a result,
    and changes none of its arguments but `grad`. A sequence run in segments, from state to state, gives the outputs,
    states and input gradients of one run to the last bit, and the parameters' gradient to rounding.
    """

    def prepare(self, params: Weights) -> Prepared:
        """Return the parameters as `run` reads them, for any number of calls; by default as they are."""
        return params

    def forward(self, params: Weights, x: Array, active: Array, state: Array) -> tuple[Array, Residuals, Array]:
        """Run the cell over time, once with these parameters."""
        return self.run(self.prepare(params), x, active, state)

    @abstractmethod
    def run(self, prepared: Prepared, x: Array, active: Array, state: Array) -> tuple[Array, Residuals, Array]:
        """Run the cell over time.

        Parameters
        ----------
        prepared
            As `prepare` returned it; unchanged, so that several threads may use it.
        x : ndarray (T, B, F)
            Of any strides; ignored past a sequence's end.
        active : ndarray (T,) of int
        state : ndarray (B, S)
            Before the first step.

        Returns
        -------
        outputs : ndarray (T, B, O)
            Zero past a sequence's end.
        residuals
            For the backward pass.
        state : ndarray (B, S)
            After each sequence's own last step.
        """

    def evaluate(self, prepared: Prepared, x: Array, active: Array, state: Array) -> tuple[Array, Array]:
        """Run the cell over time as `run` does, where no backward pass follows: return the outputs and the state."""
        outputs, _, final = self.run(prepared, x, active, state)
        return outputs, final

    @abstractmethod
    def previous_states(self, residuals: Residuals) -> Array:
        """Return the state before each real step (N, S), step after step, from the residuals of `forward`."""

    @abstractmethod
    def backward(
        self, params: Weights, residuals: Residuals, d_outputs: Array, grad: Parameters, d_state: Array
    ) -> tuple[Array, Array]:
        """Backpropagate through what `forward` did.

        Parameters
        ----------
        params, residuals
            As `forward` was given and returned them.
        d_outputs : ndarray (T, B, O)
            The gradient with respect to the outputs; ignored past a sequence's end.
        grad : Parameters
            The parameters' gradient is added to it.
        d_state : ndarray (B, S)
            The gradient with respect to the final state.

        Returns
        -------
        dx : ndarray (T, B, F)
            Zero past a sequence's end.
        d_state : ndarray (B, S)
            With respect to the state before the first step.
        """

    def backward_params(
        self, params: Weights, residuals: Residuals, d_outputs: Array, grad: Parameters, d_state: Array
    ) -> Array:
        """Backpropagate without the input's gradient, which a model's first layer has no use for; return `d_state`."""
        return self.backward(params, residuals, d_outputs, grad, d_state)[1]
