"""The front of the kernels in NumPy of declared cells: their memory, packed weights and gradients."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np

from rnnbp.cells.base import Weights
from rnnbp.cells.declared import DeclaredCell
from rnnbp.cells.declared.derivation import load
from rnnbp.cells.declared.expressions import Expression
from rnnbp.cells.declared.numpy_module import numpy_source
from rnnbp.cells.declared.numpy_plan import NumpyPlan, numpy_plan_of
from rnnbp.core import Parameters
from rnnbp.kernels.arrays.pieces import Piece, add_gradients, pieces_of, put_weights
from rnnbp.kernels.arrays.rows import Rows
from rnnbp.kernels.base import Array, Kernel
from rnnbp.runtime import blas_threads, empty, threads_for, zeros


@dataclass(frozen=True)
class Residuals:
    """What the forward pass saves for the backward pass.

    Attributes
    ----------
    rows : Rows
    inputs : list of ndarray (N, K)
        For each step what weights are multiplied by: ``[h | 1 | x]``.
    states : list of ndarray (T + 1, B, H)
        Each part of the state before the first and after each step.
    gates : list of ndarray (G, n, H), or None
        The values that each step has stored.
    ahead : ndarray (A, N, H), or None
        The stored values that depend on x alone.
    """

    rows: Rows
    inputs: list[Array]
    states: list[Array]
    gates: list[Array] | None
    ahead: Array | None


@lru_cache(maxsize=64)
def functions_of(plan: NumpyPlan) -> dict[str, Callable[..., Any]]:
    """Return the functions that are generated for a plan, by name."""
    return load(numpy_source(plan), f"<declared {plan.program.equation.graph.owner} over time, {id(plan)}>")


def kernel_for(cell: DeclaredCell, dtype: np.dtype) -> "ArrayKernel":
    """Return the kernel of a declared cell, which is made once for each dtype."""
    key = ArrayKernel, dtype
    if key not in cell.made:
        cell.made[key] = ArrayKernel(cell, dtype)
    return cell.made[key]


@dataclass(frozen=True)
class ArrayKernel(Kernel):
    """A declared cell over time in NumPy.

    Parameters
    ----------
    cell : DeclaredCell
    dtype : dtype
        float32 or float64.
    """

    cell: DeclaredCell
    dtype: np.dtype

    @cached_property
    def plan(self) -> NumpyPlan:
        """The plan by which the functions are generated."""
        return numpy_plan_of(self.cell.derivation.program)

    @cached_property
    def loop(self) -> Callable[..., Any]:
        """The generated forward pass."""
        return functions_of(self.plan)["forward"]

    @cached_property
    def loop_backward(self) -> Callable[..., Any]:
        """The generated backward pass."""
        return functions_of(self.plan)["backward"]

    @cached_property
    def constants(self) -> tuple[Array, ...]:
        """The numbers from the cell's fields, as arrays: NumPy handles them in half the time of Python's numbers."""
        return tuple(np.array(value, self.dtype) for value in self.cell.constants)

    def prepare(self, params: Weights) -> tuple[dict[str, Array], list[Array]]:
        """Return the element-wise parameters, and the weights packed for the forward pass."""
        return self.vectors(params), self.weights(params)

    def run(
        self, prepared: tuple[dict[str, Array], list[Array]], x: Array, active: Array, state: Array
    ) -> tuple[Array, Residuals, Array]:
        """Run the cell over time."""
        vectors, weights = prepared
        rows = Rows(active, len(state), self.cell.hidden_size, self.dtype)
        inputs, states = self.inputs(rows, x), self.state_arrays(rows, len(x), state)
        with self.threads(len(state)):
            gates, ahead = self.loop(rows, vectors, self.constants, weights, inputs, states)
        final = [rows.final(own[1:], own[0]) for own in states]
        return states[0][1:], Residuals(rows, inputs, states, gates, ahead), np.concatenate(final, axis=1)

    def previous_states(self, residuals: Residuals) -> Array:
        """Return the state before each step."""
        return np.concatenate([residuals.rows.pack(own[:-1]) for own in residuals.states], axis=1)

    def backward(
        self, params: Weights, residuals: Residuals, d_outputs: Array, grad: Parameters, d_state: Array
    ) -> tuple[Array, Array]:
        """Backpropagate; the input's gradient is a product a block."""
        d_x = empty((residuals.rows.count, self.cell.input_size), self.dtype)
        if not self.plan.slots_of(self.cell.derivation.program.equation.x):
            d_x[...] = 0
        d_first = self._backward(params, residuals, d_outputs, grad, d_state, d_x)
        return residuals.rows.unpack(d_x), d_first

    def backward_params(
        self, params: Weights, residuals: Residuals, d_outputs: Array, grad: Parameters, d_state: Array
    ) -> Array:
        """Backpropagate without the input's gradient."""
        return self._backward(params, residuals, d_outputs, grad, d_state, None)

    def _backward(
        self,
        params: Weights,
        saved: Residuals,
        d_outputs: Array,
        grad: Parameters,
        d_state: Array,
        d_x: Array | None,
    ) -> Array:
        parts = d_state.reshape(len(d_state), self.cell.state_size // self.cell.hidden_size, self.cell.hidden_size)
        d_states = np.array(parts.swapaxes(0, 1), self.dtype, order="C")
        totals = self.totals()
        with self.threads(len(d_state)):
            self.loop_backward(
                saved.rows, self.vectors(params), self.constants, self.weights_backward(params), saved.inputs,
                saved.states, saved.gates, saved.ahead, d_outputs, d_states, totals, d_x
            )  # fmt: skip
        self.add_totals(grad, totals)
        return d_states.swapaxes(0, 1).reshape(d_state.shape)

    def threads(self, batch_size: int) -> blas_threads:
        """Return the context in which the products of a step use as many threads as they are worth."""
        flops = 2.0 * batch_size * sum([rows * columns for rows, columns in self.shapes])
        return blas_threads(threads_for(flops, batch_size))

    # ---- memory ---------------------------------------------------------------------------------------------

    def width(self, sources: tuple[Expression, ...]) -> int:
        """Return the columns of the inputs with these recurrent sources."""
        of_x = self.cell.input_size if self.plan.has_x(sources) else 0
        return len(sources) * self.cell.hidden_size + 1 + of_x

    def inputs(self, rows: Rows, x: Array) -> list[Array]:
        """Return the arrays [sources | 1 | x] (N, K), with the sources still uninitialized."""
        found = []
        for sources in self.plan.rows:
            of_sources = len(sources) * self.cell.hidden_size
            array = empty((rows.count, self.width(sources)), self.dtype)
            array[:, of_sources] = 1
            if array.shape[1] > of_sources + 1:
                array[:, of_sources + 1 :] = rows.pack(x)
            found.append(array)
        return found

    def state_arrays(self, rows: Rows, steps: int, state: Array) -> list[Array]:
        """Return each part of the state (T + 1, B, H), the first ones filled in; the output is zero past the end."""
        H = self.cell.hidden_size
        found = []
        for k in range(state.shape[1] // H):
            array = rows.padded(steps + 1) if k == 0 else empty((steps + 1, len(state), H), self.dtype)
            array[0] = state[:, k * H : (k + 1) * H]
            found.append(array)
        return found

    # ---- parameters -----------------------------------------------------------------------------------------

    def vectors(self, params: Weights) -> dict[str, Array]:
        """Return the element-wise parameters."""
        names = self.cell.derivation.program.equation.parameters
        return {name: np.asarray(params[name], self.dtype) for name in names}

    @cached_property
    def pieces(self) -> tuple[list[Piece], list[Piece]]:
        """The pieces of the weights of the forward pass, and of the gradients."""
        H = self.cell.hidden_size
        return pieces_of(self.plan, self.plan.products, H), pieces_of(self.plan, self.plan.gradient_products, H)

    def weights(self, params: Weights) -> list[Array]:
        """Return for each product the weights (G, K, H) that map a row of inputs to its slots; (K, H) for a single one.

        Those of a slot of which only the sigmoid is taken are halved, which is exact.
        """
        H, products = self.cell.hidden_size, self.plan.products
        found = [zeros((len(p.slots), self.width(p.sources), H), self.dtype) for p in products]
        put_weights(self.pieces[0], params, found)
        for w, product in zip(found, products, strict=True):
            for slot in self.plan.halved.intersection(product.slots):
                w[slot - product.slots.start] *= 0.5
        return [w if len(w) > 1 else w[0] for w in found]

    @cached_property
    def rows_backward(self) -> list[tuple[str, list[slice]]]:
        """The rows of which parameter are multiplied by in each product of the backward pass."""
        found = []
        for source, slots in self.plan.backward_products:
            blocks = [block for slot in slots if (block := self.plan.sums[slot].block(source))]
            rows: list[slice] = []
            for first in (block.row * self.cell.hidden_size for block in blocks):
                start = rows.pop().start if rows and rows[-1].stop == first else first
                rows.append(slice(start, first + self.cell.hidden_size))
            found.append((f"w_{blocks[0].suffix}", rows))
        return found

    def weights_backward(self, params: Weights) -> list[Array]:
        """Return the weights (G H, K) of each product of the backward pass."""
        return [
            params[name][rows[0]] if len(rows) == 1 else np.concatenate([params[name][own] for own in rows])
            for name, rows in self.rows_backward
        ]

    @cached_property
    def shapes(self) -> list[tuple[int, int]]:
        """The shapes of the products of the gradient."""
        H, F = self.cell.hidden_size, self.cell.input_size
        return [
            (len(p.slots) * H, len(p.sources) * H + 1 + (F if p.with_x else 0)) for p in self.plan.gradient_products
        ]

    def totals(self) -> list[Array]:
        """Return zeros for the sums that the parameters' gradients consist of."""
        of_parameters = [(self.cell.hidden_size,)] * len(self.cell.derivation.program.equation.parameters)
        return [zeros(shape, self.dtype) for shape in (*self.shapes, *of_parameters)]

    def add_totals(self, grad: Parameters, totals: Sequence[Array]) -> None:
        """Add the sums to the gradients of the weights, biases and element-wise parameters."""
        H, count = self.cell.hidden_size, len(self.shapes)
        add_gradients(self.pieces[1], [total.reshape(-1, H, total.shape[1]) for total in totals[:count]], grad)
        for name, total in zip(self.cell.derivation.program.equation.parameters, totals[count:], strict=True):
            grad[name] += total
