"""Kernels of cells whose recurrent weights are a linear function of free ones."""

from dataclasses import dataclass
from typing import Any

from rnnbp.cells.base import Weights
from rnnbp.cells.constrained import ConstrainedCell
from rnnbp.core import Parameters
from rnnbp.kernels.base import Array, Kernel, Prepared
from rnnbp.runtime import blas_threads, threads_for


@dataclass(frozen=True)
class Constrained(Kernel):
    """A constrained cell over time, by the kernel of its equation: once a call, weights and gradient are mapped.

    Parameters
    ----------
    cell : ConstrainedCell
    kernel : Kernel
        Of the equation, in which the recurrent weights are free.
    """

    cell: ConstrainedCell
    kernel: Kernel

    def prepare(self, params: Weights) -> Prepared:
        """Return the constrained weights as the kernel reads them."""
        return self.kernel.prepare(self.weights(params))

    def weights(self, params: Weights) -> Weights:
        """Return the parameters of the equation: the recurrent weights as the free ones make them."""
        with self.threads():
            return self.cell.with_constrained(params)

    def threads(self) -> blas_threads:
        """Return the context in which products of recurrent weights use as many threads as they are worth."""
        H = self.cell.hidden_size
        return blas_threads(threads_for(2.0 * H**3, H))

    def run(self, prepared: Prepared, x: Array, active: Array, state: Array) -> tuple[Array, Any, Array]:
        """Run the cell over time."""
        return self.kernel.run(prepared, x, active, state)

    def evaluate(self, prepared: Prepared, x: Array, active: Array, state: Array) -> tuple[Array, Array]:
        """Run the cell over time, where no backward pass follows."""
        return self.kernel.evaluate(prepared, x, active, state)

    def previous_states(self, residuals: Any) -> Array:
        """Return the state before each real step."""
        return self.kernel.previous_states(residuals)

    def backward(
        self, params: Weights, residuals: Any, d_outputs: Array, grad: Parameters, d_state: Array
    ) -> tuple[Array, Array]:
        """Backpropagate."""
        weights, own = self.weights(params), grad.zeros()
        found = self.kernel.backward(weights, residuals, d_outputs, own, d_state)
        with self.threads():
            self.cell.add_gradient(own, grad)
        return found

    def backward_params(
        self, params: Weights, residuals: Any, d_outputs: Array, grad: Parameters, d_state: Array
    ) -> Array:
        """Backpropagate without the input's gradient."""
        weights, own = self.weights(params), grad.zeros()
        found = self.kernel.backward_params(weights, residuals, d_outputs, own, d_state)
        with self.threads():
            self.cell.add_gradient(own, grad)
        return found
