"""The front of the compiled kernels of declared cells: their memory, packed weights and threads."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from types import ModuleType
from typing import NamedTuple

import numpy as np

from rnnbp.cells.base import Weights
from rnnbp.cells.declared import DeclaredCell
from rnnbp.cells.declared.compiled_plan import Plan, plan_of
from rnnbp.core import Parameters
from rnnbp.kernels.base import Array, Kernel
from rnnbp.kernels.compiled.bookkeeping import Bookkeeping, GradientTerm, bookkeeping_of, invariant_values
from rnnbp.kernels.compiled.compiling import argument
from rnnbp.kernels.compiled.modules import module_of
from rnnbp.kernels.compiled.product import COLUMNS, product_of
from rnnbp.kernels.compiled.shards import Shard, real_steps, split_batch
from rnnbp.kernels.compiled.team import run_shards
from rnnbp.kernels.compiled.vectors import REGISTER_BYTES
from rnnbp.kernels.compiled.weights import (
    DEPTH,
    UNITS,
    outer_sum,
    pack_back,
    pack_side_by_side,
    panels,
    put_back,
    side_by_side,
)
from rnnbp.kernels.packing import padded_steps
from rnnbp.runtime import empties, get_num_threads, zeros

FLOPS_PER_THREAD = 7.5e6  # at least, for each thread: some 75 us of work
CHUNK_BYTES = 1 << 21  # of deltas in a chunk, about: they stay in the cache until they are used


@dataclass
class Residuals:
    """What a thread's forward pass saves for its backward pass; N is the number of steps of its B sequences.

    Attributes
    ----------
    shard : Shard
    inputs : ndarray (N + B, ...)
        The states that weights multiply, and x, of each step; after them, each sequence's last state.
    gates : ndarray (N, ...)
        The stored values.
    extra : ndarray (N + B, ...)
        The other states, in the rows of `inputs`.
    sources : ndarray (N, ...)
        What else weights are multiplied by, as r h in the original GRU.
    """

    shard: Shard
    inputs: Array
    gates: Array
    extra: Array
    sources: Array


class Term(NamedTuple):
    """A term of the parameters' gradient: ``[w_h | w_x] += delta outer inputs``, and either bias the sum of delta.

    delta is the columns of `deltas` from `begin` on, the inputs those of `source` from `start` on. Until the end the
    gradients of both weights are side by side in `sums`; of a single source, the second ones have no columns.
    """

    begin: int
    source: Array
    start: int
    w_h: Array
    w_x: Array
    b_h: Array
    b_x: Array
    sums: Array


def reduce(grad: Parameters, sums: Sequence[Parameters]) -> None:
    """Add the threads' partial sums to the gradient; one of them may be the gradient itself."""
    for partial in sums:
        if partial is not grad:
            grad.vector += partial.vector


class CompiledKernel(Kernel):
    """A declared cell over time, compiled.

    Parameters
    ----------
    cell : DeclaredCell
    dtype : dtype
        float32 or float64.
    """

    def __init__(self, cell: DeclaredCell, dtype: np.dtype) -> None:
        self.cell, self.dtype = cell, dtype
        self.lanes = REGISTER_BYTES // dtype.itemsize
        self.plan: Plan = plan_of(cell.derivation.program)
        self.H, self.F = cell.hidden_size, cell.input_size
        self.P = -(-self.H // self.lanes) * self.lanes
        self.rows: Bookkeeping = bookkeeping_of(self.plan, self.H, self.P)
        states = list(cell.derivation.program.equation.states.values())
        places = {s: ("inputs", slice(k * self.H, (k + 1) * self.H)) for k, s in enumerate(self.plan.in_row)}
        places |= {s: ("extra", slice(k * self.P, k * self.P + self.H)) for k, s in enumerate(self.plan.extra)}
        self.state_places = [(slice(k * self.H, (k + 1) * self.H), *places[s]) for k, s in enumerate(states)]
        self.columns, self.none, self.product = len(self.plan.columns), np.empty(0, dtype), product_of(dtype)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CompiledKernel) and (self.cell, self.dtype) == (other.cell, other.dtype)

    def __hash__(self) -> int:
        return hash((self.cell, self.dtype))

    @cached_property
    def module(self) -> ModuleType:
        """The module that was generated for the plan."""
        return module_of(self.plan)

    # ---- parameters -----------------------------------------------------------------------------------------

    def weights(self, params: Weights) -> tuple[Array, ...]:
        """Return the bias of each slot, and the weights packed for the forward pass."""
        bias, *packed = empties(self.dtype, *self.shapes_of_weights)
        bias.fill(0)
        for slots, rows in self.rows.biases:
            of_slots = bias[slots.start * self.P : slots.stop * self.P]
            if self.P == self.H:
                of_slots += rows.take(params)
            else:
                of_slots.reshape(-1, self.P)[:, : self.H] += rows.take(params).reshape(-1, self.H)
        for out, (parts, of_sources) in zip(packed, self.rows.products, strict=True):
            pack_side_by_side(out, parts, [rows.take(params) for rows in of_sources])
        return bias, *[out.reshape(-1) for out in packed]

    @cached_property
    def shapes_of_weights(self) -> list[tuple[int, ...]]:
        """The shapes of the biases and of the packed weights of the forward pass."""
        shapes, width = self.cell.shapes(), self.plan.slots * self.P + 2 * self.lanes
        depths = [sum(shapes[rows.name][1] for rows in of_sources) for _, of_sources in self.rows.products]
        products = zip(depths, self.rows.products, strict=True)
        return [(width,), *(panels(depth, self.H, parts, self.lanes) for depth, (parts, _) in products)]

    def weights_backward(self, params: Weights, with_input: bool) -> tuple[Array, ...]:
        """Return the weights packed for the backward pass; those of the input are empty without its gradient."""
        taken = [rows.take(params) for rows in self.rows.transposed]
        if with_input:
            taken += [rows.take(params)[:: -1 if reverse else 1] for rows, reverse in self.rows.of_input]
        found = empties(self.dtype, *[panels(len(w), w.shape[1], 1, self.lanes) for w in taken])
        for w, out in zip(taken, found, strict=True):
            pack_back(argument(w, self.dtype), out)
        none = [] if with_input else [self.none] * len(self.rows.of_input)
        return (*[out.reshape(-1) for out in found], *none)

    def vectors(self, params: Weights) -> Array:
        """Return the values that are the same at all steps, in parts padded to the vector width."""
        if not self.plan.invariants:
            return self.none
        found = np.zeros(len(self.plan.invariants) * self.P, self.dtype)
        constants = dict(zip(self.plan.program.constants, self.cell.constants, strict=True))
        for k, value in enumerate(invariant_values(self.plan, params, constants)):
            found[k * self.P : k * self.P + self.H] = value
        return found

    def terms(self, saved: Residuals, grad: Parameters) -> list[Term]:
        """Return the terms of a shard's gradient."""
        return [self._term(t, getattr(saved, t.source), grad) for t in self.rows.terms]

    def _term(self, t: GradientTerm, source: Array, grad: Parameters) -> Term:
        biases = [self.none if rows is None else rows.take(grad) for rows in t.biases]
        weights = [rows.take(grad) for rows in t.weights] or [biases[0].reshape(-1, 1)[:, :0]]
        if len(weights) == 1:
            weights, biases = [*weights, weights[0][:, :0].copy()], [*biases, self.none]
        (w_h, w_x), (b_h, b_x) = weights, biases
        return Term(t.begin, source, t.start, w_h, w_x, b_h, b_x, side_by_side(w_h, w_x))

    # ---- memory ---------------------------------------------------------------------------------------------

    def padded(self, *widths: int) -> list[int]:
        """Return the widths of rows that end with a whole vector."""
        return [-(-width // self.lanes) * self.lanes for width in widths]

    @cached_property
    def saved_widths(self) -> list[int]:
        """The widths of the arrays of `Residuals`; a row of several states has room for the last vector of the last."""
        plan = self.plan
        inputs = len(plan.in_row) * self.H + self.F + (self.lanes if len(plan.in_row) > 1 else 0)
        return self.padded(inputs, plan.slots * self.P, len(plan.extra) * self.P, len(plan.sources) * self.P)

    def empty_residuals(self, shards: Sequence[Shard], batch_size: int) -> list[Residuals]:
        """Allocate each shard's residuals."""
        shapes, (inputs, gates, extra, sources) = [], self.saved_widths
        for shard in shards:
            steps, ends = shard.rows, shard.rows + len(range(batch_size)[shard.sequences])
            shapes += [(ends, inputs), (steps, gates), (ends, extra), (steps, sources)]
        arrays = empties(self.dtype, *shapes)
        return [Residuals(shard, *arrays[4 * k : 4 * k + 4]) for k, shard in enumerate(shards)]

    def threads(self, rows: int, batch_size: int) -> int:
        """Return the number of threads that pays for a number of real steps."""
        flops = 2.0 * rows * max(1, len(self.plan.sums)) * self.H * (self.H + self.F)
        worth = min(batch_size, int(flops / FLOPS_PER_THREAD))
        return min(worth, get_num_threads()) if worth > 1 else 1

    # ---- passes ---------------------------------------------------------------------------------------------

    def forward(self, params: Weights, x: Array, active: Array, state: Array) -> tuple[Array, list[Residuals], Array]:
        """Run the cell over time, each thread its own sequences."""
        T, B, _ = x.shape
        rows = real_steps(active)
        most = CHUNK_BYTES // (max(1, self.columns) * self.H * self.dtype.itemsize)
        shards = split_batch(active, self.threads(rows, B), most)
        residuals = self.empty_residuals(shards, B)
        for saved in residuals:
            own, n = state[saved.shard.sequences], saved.shard.active[0]
            for part, array, columns in self.state_places:
                stored = getattr(saved, array)
                stored[:n, columns] = own[:n, part]
                if n < len(own):
                    stored[saved.shard.rows + n :, columns] = own[n:, part]
        outputs = padded_steps(rows, (T, B, self.H), self.dtype)
        x, weights, vectors = argument(x, self.dtype), self.weights(params), self.vectors(params)

        def run(signals: Array, number: int, count: int) -> None:
            saved = residuals[number]
            self.module.forward(
                signals, self.product, (self.H, self.P), self.cell.constants, vectors, x, saved.shard.active, weights,
                saved.inputs, saved.gates, saved.extra, saved.sources, outputs, number, count
            )  # fmt: skip

        run_shards(len(shards), run)
        final = np.empty_like(state, self.dtype)
        for saved in residuals:
            own = final[saved.shard.sequences]
            for part, array, columns in self.state_places:
                own[:, part] = getattr(saved, array)[saved.shard.rows :, columns]
        return outputs, residuals, final

    def backward(
        self, params: Weights, residuals: list[Residuals], d_outputs: Array, grad: Parameters, d_state: Array
    ) -> tuple[Array, Array]:
        """Backpropagate, each thread through its own sequences."""
        T, B, _ = d_outputs.shape
        dx = padded_steps(sum(saved.shard.rows for saved in residuals), (T, B, self.F), self.dtype)
        if not self.rows.of_input:
            dx[...] = 0
        return dx, self._backward(params, residuals, d_outputs, grad, d_state, dx)

    def backward_params(
        self, params: Weights, residuals: list[Residuals], d_outputs: Array, grad: Parameters, d_state: Array
    ) -> Array:
        """Backpropagate without the input's gradient."""
        dx = np.empty((*d_outputs.shape[:2], 0), self.dtype)
        return self._backward(params, residuals, d_outputs, grad, d_state, dx)

    def _backward(
        self, params: Weights, residuals: list[Residuals], d_outputs: Array, grad: Parameters, d_state: Array, dx: Array
    ) -> Array:
        """Fill `dx`, unless it has no columns; return the gradient with respect to the first state."""
        memory = self._memory_backward(residuals, d_state)
        weights, vectors = self.weights_backward(params, dx.shape[2] > 0), self.vectors(params)
        d_outputs = argument(d_outputs, self.dtype)
        sums = self._partial_sums(grad, len(residuals))

        def run(signals: Array, number: int, count: int) -> None:
            saved, (deltas, d, work, scratch) = residuals[number], memory[number]
            terms, shard = self.terms(saved, sums[number]), saved.shard
            for chunk in reversed(shard.chunks):
                first, end = chunk.rows
                self.module.backward(
                    signals, self.product, (self.H, self.P), self.cell.constants, vectors, chunk.steps, shard.active,
                    weights, saved.inputs, saved.gates, saved.extra, saved.sources, d_outputs, deltas, d, dx, work,
                    end, first, number, count
                )  # fmt: skip
                for t in terms:
                    outer_sum(
                        self.product, deltas, t.begin, t.source, t.start, first, end - first, t.sums, t.b_h, t.b_x,
                        scratch
                    )  # fmt: skip
            for t in terms:
                put_back(t.sums, t.w_h, t.w_x)

        run_shards(len(residuals), run)
        reduce(grad, sums)
        d_first = np.empty_like(d_state, self.dtype)
        for saved, (_, d, *_) in zip(residuals, memory, strict=True):
            own = d_first[saved.shard.sequences]
            for k, (part, _, _) in enumerate(self.state_places):
                own[:, part] = d[:, k * self.P : k * self.P + self.H]
        return d_first

    def _partial_sums(self, grad: Parameters, count: int) -> list[Parameters]:
        """Return a gradient for each thread to add to: `grad` itself for the first, if its dtype is the kernel's."""
        sums = [grad] if grad.dtype == self.dtype else []
        return [*sums, *(grad.like(zeros((grad.size,), self.dtype)) for _ in range(count - len(sums)))]

    @cached_property
    def work_widths(self) -> list[int]:
        """The widths of a chunk's deltas, of the state's gradient, and of memory for the backward pass and for sums."""
        panels = -(-(self.H + self.F + self.lanes) // (COLUMNS * self.lanes)) * COLUMNS * self.lanes
        work = max(self.H, self.F) + self.module.WORK * self.P
        states = len(self.state_places) * self.P
        return self.padded(self.columns * self.H + self.lanes, states, work, UNITS + panels)

    def _memory_backward(self, residuals: Sequence[Residuals], d_state: Array) -> list[list[Array]]:
        """Allocate for each shard a chunk's deltas, the gradient with respect to the state, and memory to work with.

        That is, `work` of the backward pass, and what `outer_sum` overwrites.
        """
        shapes, (deltas, states, room, sums) = [], self.work_widths
        for saved in residuals:
            n = len(saved.inputs) - saved.shard.rows
            shapes += [(saved.shard.longest, deltas), (n, states), (n + 1, room), (DEPTH, sums)]
        arrays = empties(self.dtype, *shapes)
        memory = [arrays[k : k + 4] for k in range(0, len(arrays), 4)]
        for saved, (_, d, work, _) in zip(residuals, memory, strict=True):
            own = d_state[saved.shard.sequences]
            for k, (part, _, _) in enumerate(self.state_places):
                d[:, k * self.P : k * self.P + self.H] = own[:, part]
            work.fill(0)  # also lanes past H, in which old numbers might decay to denormal ones, which are slow
        return memory
