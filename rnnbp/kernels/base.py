"""What a kernel is: a cell's way through a whole sequence and back, in one call each."""

from typing import Any, Protocol

import numpy as np

from rnnbp.cells.base import Weights
from rnnbp.params import Parameters

Array = np.ndarray
Trace = Any  # what a kernel's way back needs of its way there; only the same kernel reads it


class Kernel(Protocol):
    """One cell over time. What it computes is defined by `rnnbp.kernels.loop`; how fast is its own affair.

    Sequences lie longest first, so those still running at step t are the first ``active[t]``, which never
    rises. A kernel is made for one cell and one dtype, keeps nothing from call to call that changes a result,
    and changes none of its arguments but `grad`. What it computes for several steps at once it computes block by
    block, and adds up from the last block to the first (`rnnbp.kernels.blocks`): a sequence run in spans of whole
    blocks gives the same outputs as one run at once, to the last bit, and within `rnnbp.threads.part_of` and with a
    `grad` that is `rnnbp.sums.Sums` the same gradient.
    """

    def forward(self, params: Weights, x: Array, active: Array, state: Array) -> tuple[Array, Trace, Array]:
        """Run the cell over time.

        Parameters
        ----------
        params : mapping of str to ndarray
        x : ndarray (T, B, F)
            Of any strides; what is past a sequence's end is not looked at.
        active : ndarray (T,) of int
        state : ndarray (B, S)
            Before the first step.

        Returns
        -------
        outputs : ndarray (T, B, O)
            What the cell shows; zero past a sequence's end.
        trace
            For the way back.
        state : ndarray (B, S)
            After each sequence's own last step.
        """

    def backward(
        self, params: Weights, trace: Trace, d_outputs: Array, grad: Parameters, d_state: Array
    ) -> tuple[Array, Array]:
        """Backpropagate through what `forward` did.

        Parameters
        ----------
        params, trace
            As `forward` was given and returned them.
        d_outputs : ndarray (T, B, O)
            The loss's derivative by the outputs; not looked at past a sequence's end.
        grad : Parameters
            The parameters' gradient is added to it.
        d_state : ndarray (B, S)
            The loss's derivative by the final state.

        Returns
        -------
        dx : ndarray (T, B, F)
            Zero past a sequence's end.
        d_state : ndarray (B, S)
            By the state before the first step.
        """

    def backward_params(
        self, params: Weights, trace: Trace, d_outputs: Array, grad: Parameters, d_state: Array
    ) -> Array:
        """`backward` without the input's gradient, which a model's first layer has no use for: `d_state`."""
        return self.backward(params, trace, d_outputs, grad, d_state)[1]
