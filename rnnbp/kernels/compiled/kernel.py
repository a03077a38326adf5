"""Compiled kernel of a declared cell: memory, packed weights and threads around the generated functions."""

from collections.abc import Sequence
from functools import cached_property
from itertools import islice
from types import ModuleType

import numpy as np

from rnnbp.cells.base import Weights
from rnnbp.cells.declared import DeclaredCell
from rnnbp.cells.declared.compiled_plan import Plan, plan_of
from rnnbp.core import Parameters
from rnnbp.kernels.base import Array, Kernel
from rnnbp.kernels.compiled.bookkeeping import Bookkeeping, bookkeeping_of
from rnnbp.kernels.compiled.compiling import argument
from rnnbp.kernels.compiled.gradient_terms import add_partial_sums, terms_of
from rnnbp.kernels.compiled.modules import module_of
from rnnbp.kernels.compiled.packing import Packing
from rnnbp.kernels.compiled.prepared import Prepared
from rnnbp.kernels.compiled.product import COLUMNS, product_of
from rnnbp.kernels.compiled.residuals import Residuals
from rnnbp.kernels.compiled.shards import Shard, real_steps, split_batch
from rnnbp.kernels.compiled.vectors import REGISTER_BYTES
from rnnbp.kernels.compiled.weights import DEPTH, UNITS, outer_sum, put_back
from rnnbp.kernels.packing import pack, padded_steps, unpack
from rnnbp.kernels.team import run_shards
from rnnbp.runtime import empties, threads_for, zeros

SHORT = 256  # steps of all sequences, up to which a run's memory is reused
CHUNK_BYTES = 1 << 21  # of deltas in a chunk, about: they stay in the cache until they are used


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
        self.packing = Packing(cell, self.plan, self.rows, dtype)
        states = list(cell.derivation.program.equation.states.values())
        places = {s: (True, slice(k * self.H, (k + 1) * self.H)) for k, s in enumerate(self.plan.in_row)}
        places |= {s: (False, slice(k * self.P, k * self.P + self.H)) for k, s in enumerate(self.plan.extra)}
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
        arrays = iter(empties(self.dtype, *shapes))
        return [self._residuals(shard, *islice(arrays, 4)) for shard in shards]

    def _residuals(self, shard: Shard, inputs: Array, gates: Array, extra: Array, sources: Array) -> Residuals:
        states, n = [], shard.active[0]
        for part, in_row, columns in self.state_places:
            stored = (inputs if in_row else extra)[:, columns]
            last = stored[shard.rows :]
            states.append((part, stored[:n], last[n:], last))
        return Residuals(shard, inputs, gates, extra, sources, states)

    def threads(self, rows: int, batch_size: int) -> int:
        """Return the number of threads that pays for a number of real steps."""
        flops = 2.0 * rows * max(1, len(self.plan.sums)) * self.H * (self.H + self.F)
        return threads_for(flops, batch_size)

    # ---- passes ---------------------------------------------------------------------------------------------

    def prepare(self, params: Weights) -> Prepared:
        """Return the weights packed for the forward pass, and the values that are the same at all steps."""
        return Prepared(self.packing.forward(params), self.packing.vectors(params))

    def run(self, prepared: Prepared, x: Array, active: Array, state: Array) -> tuple[Array, list[Residuals], Array]:
        """Run the cell over time, each thread its own sequences."""
        residuals = self.allocate(active, len(state))
        outputs, final = self._run(prepared, residuals, x, state)
        return outputs, residuals, final

    def evaluate(self, prepared: Prepared, x: Array, active: Array, state: Array) -> tuple[Array, Array]:
        """Run the cell over time; a short run writes its residuals where the one before it wrote them."""
        if active.size * len(state) > SHORT:
            return self._run(prepared, self.allocate(active, len(state)), x, state)
        key = active.tobytes(), len(state)
        residuals = prepared.borrow(key, lambda: self.allocate(active, len(state)))
        found = self._run(prepared, residuals, x, state)
        prepared.give_back(key, residuals)
        return found

    def allocate(self, active: Array, batch_size: int) -> list[Residuals]:
        """Allocate the residuals of the threads that a run is worth."""
        most = CHUNK_BYTES // (max(1, self.columns) * self.H * self.dtype.itemsize)
        shards = split_batch(active, self.threads(real_steps(active), batch_size), most)
        return self.empty_residuals(shards, batch_size)

    def _run(self, prepared: Prepared, residuals: list[Residuals], x: Array, state: Array) -> tuple[Array, Array]:
        """Run the cell over time and fill in the residuals; return the outputs and the final state."""
        for saved in residuals:
            own = state[saved.shard.sequences]
            for part, first, ended, _ in saved.states:
                first[...] = own[: len(first), part]
                if len(ended):
                    ended[...] = own[len(first) :, part]
        outputs = padded_steps(sum([saved.shard.rows for saved in residuals]), (*x.shape[:2], self.H), self.dtype)
        x = argument(x, self.dtype)

        def run(signals: Array, number: int, count: int) -> None:
            saved = residuals[number]
            self.module.forward(
                signals, self.product, (self.H, self.P), self.cell.constants, prepared.vectors, x, saved.shard.active,
                prepared.weights, saved.inputs, saved.gates, saved.extra, saved.sources, outputs, number, count
            )  # fmt: skip

        run_shards(len(residuals), run)
        final = np.empty_like(state, self.dtype)
        for saved in residuals:
            own = final[saved.shard.sequences]
            for part, _, _, last in saved.states:
                own[:, part] = last
        return outputs, final

    def previous_states(self, residuals: list[Residuals]) -> Array:
        """Return the state before each step, from the rows that each thread saved."""
        if len(residuals) == 1:
            return self._states(residuals[0])
        steps, size = len(residuals[0].shard.active) - 1, sum(saved.shard.active[0] for saved in residuals)
        found = np.empty((steps, size, self.cell.state_size), self.dtype)
        for saved in residuals:
            own, active = found[:, saved.shard.sequences], saved.shard.active[:-1]
            own[...] = unpack(self._states(saved), active, own.shape[1])
        return pack(found, np.sum([saved.shard.active[:-1] for saved in residuals], axis=0))

    def _states(self, saved: Residuals) -> Array:
        """Return the states of one thread's sequences."""
        found = np.empty((saved.shard.rows, self.cell.state_size), self.dtype)
        for part, in_row, columns in self.state_places:
            found[:, part] = (saved.inputs if in_row else saved.extra)[: saved.shard.rows, columns]
        return found

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
        weights = self.packing.backward(params, dx.shape[2] > 0)
        vectors = self.packing.vectors(params)
        d_outputs = argument(d_outputs, self.dtype)
        sums = self._partial_sums(grad, len(residuals))

        def run(signals: Array, number: int, count: int) -> None:
            saved, (deltas, d, work, scratch) = residuals[number], memory[number]
            terms, shard = terms_of(self.rows.terms, saved, sums[number], self.none), saved.shard
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
        add_partial_sums(grad, sums)
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
