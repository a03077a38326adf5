"""The front of the compiled kernels: their memory, the order of their weights, and threads."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from rnnbp.cells.base import Weights
from rnnbp.core import Parameters
from rnnbp.kernels.base import Array, Kernel
from rnnbp.kernels.compiled import elman, gru, lstm, original_gru
from rnnbp.kernels.compiled.shards import Shard, split_batch
from rnnbp.kernels.compiled.team import run_shards
from rnnbp.kernels.compiled.vectors import REGISTER_BYTES
from rnnbp.kernels.compiled.weights import outer_sum, packed, packed_back, put_back, side_by_side
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
        [h | x] of each step; after them, each sequence's last h.
    gates : ndarray (N, ...)
        In the order of the cell's compiled functions.
    extra : ndarray (N + B, ...)
        What else the cell stores: c of an LSTM, in the rows of h; r h of the original GRU.
    """

    shard: Shard
    inputs: Array
    gates: Array
    extra: Array


@dataclass(frozen=True)
class Term:
    """A term of the parameters' gradient: ``[w_h | w_x] += delta outer inputs``, and either bias the sum of delta.

    delta is the columns of `deltas` from `begin` on, the inputs those of `source` from `start` on. Until the end the
    gradients of both weights are side by side in `sums`.
    """

    begin: int
    source: Array
    start: int
    w_h: Array
    w_x: Array
    b_h: Array
    b_x: Array
    sums: Array


def term(begin: int, source: Array, start: int, h: tuple[Array, Array] | None, x: tuple[Array, Array] | None) -> Term:
    """Return the term of weights and biases that h, x or both are multiplied with."""
    if h is None or x is None:
        w, b = h or x  # type: ignore[misc]
        none = w[:, :0].copy(), b[:0]
        h, x = h or none, x or none
    (w_h, b_h), (w_x, b_x) = h, x
    return Term(begin, source, start, w_h, w_x, b_h, b_x, side_by_side(w_h, w_x))


def reduce(grad: Parameters, sums: Sequence[Parameters]) -> None:
    """Add the threads' partial sums to the gradient; one of them may be the gradient itself."""
    for partial in sums:
        if partial is not grad:
            grad.vector += partial.vector


@dataclass(frozen=True)
class CompiledKernel(Kernel):
    """A cell over time, compiled; a subclass knows the order of its weights and deltas.

    Parameters
    ----------
    cell : Cell
    dtype : dtype
        float32 or float64.
    """

    cell: Any
    dtype: np.dtype

    module: ClassVar[Any]
    parts: ClassVar[int]  # blocks of H units in a row of deltas
    gates: ClassVar[int]  # blocks of H units in a row of gates
    stores_extra: ClassVar[bool] = False  # whether the residuals' `extra` is used

    @abstractmethod
    def weights(self, params: Weights) -> tuple[Array, ...]:
        """Return the weights packed for the forward pass."""

    @abstractmethod
    def weights_backward(self, params: Weights) -> tuple[Array, ...]:
        """Return the weights packed for the state's backward pass."""

    def input_weights(self, params: Weights) -> Array:
        """Return the input weights, their rows in the order of the deltas they are multiplied with."""
        return params["w_ih"]

    @abstractmethod
    def terms(self, residuals: Residuals, grad: Parameters) -> Sequence[Term]:
        """Return the terms of a shard's gradient."""

    @property
    def sizes(self) -> tuple[int, ...]:
        """The cell's sizes and options, as the compiled functions take them."""
        return (self.cell.hidden_size,)

    @property
    def lanes(self) -> int:
        """Numbers in a vector register."""
        return REGISTER_BYTES // self.dtype.itemsize

    def state_parts(self, state: Array, shard: Shard) -> list[Array]:
        """Return views (B, H) of a state (..., S): h of a shard's sequences, and the rest where there is one."""
        H, own = self.cell.hidden_size, state[shard.sequences]
        return [own] if own.shape[1] == H else [own[:, :H], own[:, H:]]

    def empty_residuals(self, shards: Sequence[Shard], batch_size: int) -> list[Residuals]:
        """Allocate each shard's residuals, their rows padded to the vector width."""
        H, F = self.cell.hidden_size, self.cell.input_size
        inputs, gates = H + F, self.gates * H + self.lanes if self.gates else 0
        extra, shapes = H if self.stores_extra else 0, []
        for shard in shards:
            steps, ends = shard.rows, shard.rows + len(range(batch_size)[shard.sequences])
            shapes += [(ends, inputs), (steps, gates), (ends, extra)]
        arrays = iter(self.empties(shapes))
        return [Residuals(shard, next(arrays), next(arrays), next(arrays)) for shard in shards]

    def empties(self, shapes: Sequence[tuple[int, int]]) -> list[Array]:
        """Allocate arrays whose rows are padded to the vector width."""
        L = self.lanes
        return empties(self.dtype, *[(rows, -(-width // L) * L) for rows, width in shapes])

    def padded(self, *parts: Array) -> Array:
        """Concatenate vectors, with room for an out-of-bounds lane write."""
        return np.concatenate([*parts, np.zeros(2 * self.lanes, self.dtype)], dtype=self.dtype)

    def threads(self, rows: int, batch_size: int) -> int:
        """Return the number of threads that pays for a number of real steps."""
        H, F = self.cell.hidden_size, self.cell.input_size
        worth = min(batch_size, int(2.0 * rows * self.parts * H * (H + F) / FLOPS_PER_THREAD))
        return min(worth, get_num_threads()) if worth > 1 else 1

    def forward(self, params: Weights, x: Array, active: Array, state: Array) -> tuple[Array, list[Residuals], Array]:
        """Run the cell over time, each thread its own sequences."""
        (T, B, _), H = x.shape, self.cell.hidden_size
        most = CHUNK_BYTES // (self.parts * H * self.dtype.itemsize)
        rows = int(active.sum())
        shards = split_batch(active, self.threads(rows, B), most)
        residuals = self.empty_residuals(shards, B)
        for saved in residuals:
            n, last = saved.shard.active[0], saved.shard.rows + saved.shard.active[0]
            for stored, own in zip((saved.inputs, saved.extra), self.state_parts(state, saved.shard), strict=False):
                stored[:n, :H], stored[last:, :H] = own[:n], own[n:]
        outputs = padded_steps(rows, (T, B, H), self.dtype)
        x, weights = np.ascontiguousarray(x, self.dtype), self.weights(params)

        def run(signals: Array, number: int, count: int) -> None:
            saved = residuals[number]
            self.module.forward(
                signals, self.sizes, x, saved.shard.active, weights, saved.inputs, saved.gates, saved.extra, outputs,
                number, count
            )  # fmt: skip

        run_shards(len(shards), run)
        final = np.empty_like(state, self.dtype)
        for saved in residuals:
            for stored, own in zip((saved.inputs, saved.extra), self.state_parts(final, saved.shard), strict=False):
                own[...] = stored[saved.shard.rows :, :H]
        return outputs, residuals, final

    def backward(
        self, params: Weights, residuals: list[Residuals], d_outputs: Array, grad: Parameters, d_state: Array
    ) -> tuple[Array, Array]:
        """Backpropagate, each thread through its own sequences."""
        (T, B, _), F = d_outputs.shape, self.cell.input_size
        dx = padded_steps(sum(saved.shard.rows for saved in residuals), (T, B, F), self.dtype)
        w_x = packed_back(self.dtype, self.input_weights(params))
        return dx, self._backward(params, residuals, d_outputs, grad, d_state, dx, w_x)

    def backward_params(
        self, params: Weights, residuals: list[Residuals], d_outputs: Array, grad: Parameters, d_state: Array
    ) -> Array:
        """Backpropagate without the input's gradient."""
        dx = np.empty((*d_outputs.shape[:2], 0), self.dtype)
        return self._backward(params, residuals, d_outputs, grad, d_state, dx, np.empty(0, self.dtype))

    def _backward(
        self, params: Weights, residuals: list[Residuals], d_outputs: Array, grad: Parameters, d_state: Array,
        dx: Array, w_x: Array
    ) -> Array:  # fmt: skip
        """Fill `dx`, unless `w_x` is empty; return the gradient with respect to the first state."""
        H, memory = self.cell.hidden_size, self._memory_backward(residuals, d_state)
        weights = (*self.weights_backward(params), w_x)
        d_outputs = np.ascontiguousarray(d_outputs, self.dtype)
        sums = self._partial_sums(grad, len(residuals))

        def run(signals: Array, number: int, count: int) -> None:
            saved, (deltas, d_h, d_extra) = residuals[number], memory[number]
            terms, shard = self.terms(saved, sums[number]), saved.shard
            for chunk in reversed(shard.chunks):
                first, end = chunk.rows
                self.module.backward(
                    signals, self.sizes, chunk.steps, shard.active, weights, saved.inputs, saved.gates, saved.extra,
                    d_outputs, deltas, d_h, d_extra, dx, end, first, number, count
                )  # fmt: skip
                for t in terms:
                    outer_sum(deltas, t.begin, t.source, t.start, first, end - first, t.sums, t.b_h, t.b_x)
            for t in terms:
                put_back(t.sums, t.w_h, t.w_x)

        run_shards(len(residuals), run)
        reduce(grad, sums)
        d_first = np.empty_like(d_state, self.dtype)
        for saved, (_, *d_parts) in zip(residuals, memory, strict=True):
            for d, own in zip(d_parts, self.state_parts(d_first, saved.shard), strict=False):
                own[...] = d[:, :H]
        return d_first

    def _partial_sums(self, grad: Parameters, count: int) -> list[Parameters]:
        """Return a gradient for each thread to add to: `grad` itself for the first, if its dtype is the kernel's."""
        sums = [grad] if grad.dtype == self.dtype else []
        return [*sums, *(grad.like(zeros((grad.size,), self.dtype)) for _ in range(count - len(sums)))]

    def _memory_backward(self, residuals: Sequence[Residuals], d_state: Array) -> list[list[Array]]:
        """Allocate for each shard a chunk's deltas, and the gradients with respect to h and the rest of the state."""
        H, shapes = self.cell.hidden_size, []
        for saved in residuals:
            n = len(saved.inputs) - saved.shard.rows
            shapes += [(saved.shard.longest, self.parts * H + self.lanes), (n, H), (n, H)]
        arrays = self.empties(shapes)
        memory = [arrays[k : k + 3] for k in range(0, len(arrays), 3)]
        for saved, (_, *d_parts) in zip(residuals, memory, strict=True):
            for d, own in zip(d_parts, self.state_parts(d_state, saved.shard), strict=False):
                d[:, :H] = own
        return memory


@dataclass(frozen=True)
class CompiledLSTM(CompiledKernel):
    """Long short-term memory; gates i, f, g, o."""

    module: ClassVar[Any] = lstm
    parts: ClassVar[int] = 4
    gates: ClassVar[int] = 4
    stores_extra: ClassVar[bool] = True

    def weights(self, params: Weights) -> tuple[Array, ...]:
        """Return [w_h | w_x] of all gates, and their bias."""
        return packed(self.dtype, 4, params["w_hh"], params["w_ih"]), self.padded(params["b_ih"] + params["b_hh"])

    def weights_backward(self, params: Weights) -> tuple[Array, ...]:
        """Return w_h of all gates."""
        return (packed_back(self.dtype, params["w_hh"]),)

    def terms(self, residuals: Residuals, grad: Parameters) -> Sequence[Term]:
        """Return one term: h and x meet the same deltas."""
        return (term(0, residuals.inputs, 0, (grad["w_hh"], grad["b_hh"]), (grad["w_ih"], grad["b_ih"])),)


@dataclass(frozen=True)
class CompiledElman(CompiledKernel):
    """Elman's simple recurrent network, with one activation."""

    module: ClassVar[Any] = elman
    parts: ClassVar[int] = 1
    gates: ClassVar[int] = 0  # the slope is known from h

    @property
    def sizes(self) -> tuple[int, ...]:
        """H, and the number of the activation."""
        return self.cell.hidden_size, elman.ACTIVATIONS.index(self.cell.activation)

    def weights(self, params: Weights) -> tuple[Array, ...]:
        """Return [w_h | w_x], and the bias."""
        return packed(self.dtype, 1, params["w_hh"], params["w_ih"]), self.padded(params["b_ih"] + params["b_hh"])

    def weights_backward(self, params: Weights) -> tuple[Array, ...]:
        """Return w_h."""
        return (packed_back(self.dtype, params["w_hh"]),)

    def terms(self, residuals: Residuals, grad: Parameters) -> Sequence[Term]:
        """Return one term: h and x meet the same deltas."""
        return (term(0, residuals.inputs, 0, (grad["w_hh"], grad["b_hh"]), (grad["w_ih"], grad["b_ih"])),)


@dataclass(frozen=True)
class CompiledGRU(CompiledKernel):
    """Gated recurrent unit; gates n, r, z and hn, where PyTorch's order is r, z, n."""

    module: ClassVar[Any] = gru
    parts: ClassVar[int] = 4
    gates: ClassVar[int] = 4

    def input_weights(self, params: Weights) -> Array:
        """Return the input weights from the last row of z to the first of n."""
        return self._rolled(params)[::-1]

    def _rolled(self, params: Weights) -> Array:
        """Return the input weights in the order n, r, z."""
        H, w_ih = self.cell.hidden_size, params["w_ih"]
        return np.concatenate([w_ih[2 * H :], w_ih[: 2 * H]])

    def weights(self, params: Weights) -> tuple[Array, ...]:
        """Return w_x of n, r, z; w_h of r, z, hn; and the bias of n, r, z, hn."""
        H = self.cell.hidden_size
        b_ih, b_hh = params["b_ih"], params["b_hh"]
        bias = self.padded(b_ih[2 * H :], b_ih[: 2 * H] + b_hh[: 2 * H], b_hh[2 * H :])
        return packed(self.dtype, 3, self._rolled(params)), packed(self.dtype, 3, params["w_hh"]), bias

    def weights_backward(self, params: Weights) -> tuple[Array, ...]:
        """Return w_h of r, z and hn."""
        return (packed_back(self.dtype, params["w_hh"]),)

    def terms(self, residuals: Residuals, grad: Parameters) -> Sequence[Term]:
        """Return three terms: h and x meet the deltas of r and z, x that of n, h that of hn."""
        H = self.cell.hidden_size
        h, x = (grad["w_hh"], grad["b_hh"]), (grad["w_ih"], grad["b_ih"])
        return (
            term(H, residuals.inputs, 0, _rows(h, 0, 2 * H), _rows(x, 0, 2 * H)),
            term(0, residuals.inputs, H, None, _rows(x, 2 * H, 3 * H)),
            term(3 * H, residuals.inputs, 0, _rows(h, 2 * H, 3 * H), None),
        )


@dataclass(frozen=True)
class CompiledOriginalGRU(CompiledKernel):
    """Original gated recurrent unit; gates r, z, n, and r h, which n's weights are multiplied with."""

    module: ClassVar[Any] = original_gru
    parts: ClassVar[int] = 3
    gates: ClassVar[int] = 3
    stores_extra: ClassVar[bool] = True

    def weights(self, params: Weights) -> tuple[Array, ...]:
        """Return w_x of r, z, n; w_h of r, z; w_rh of n; and the bias of r, z, n."""
        H, w_hh = self.cell.hidden_size, params["w_hh"]
        bias = self.padded(params["b_ih"] + params["b_hh"])
        w_rz, w_n = packed(self.dtype, 2, w_hh[: 2 * H]), packed(self.dtype, 1, w_hh[2 * H :])
        return packed(self.dtype, 3, params["w_ih"]), w_rz, w_n, bias

    def weights_backward(self, params: Weights) -> tuple[Array, ...]:
        """Return w_h of r and z, and w_rh of n."""
        H, w_hh = self.cell.hidden_size, params["w_hh"]
        return packed_back(self.dtype, w_hh[: 2 * H]), packed_back(self.dtype, w_hh[2 * H :])

    def terms(self, residuals: Residuals, grad: Parameters) -> Sequence[Term]:
        """Return three terms: h and x meet the deltas of r and z; x and r h that of n."""
        H = self.cell.hidden_size
        h, x = (grad["w_hh"], grad["b_hh"]), (grad["w_ih"], grad["b_ih"])
        return (
            term(0, residuals.inputs, 0, _rows(h, 0, 2 * H), _rows(x, 0, 2 * H)),
            term(2 * H, residuals.inputs, H, None, _rows(x, 2 * H, 3 * H)),
            term(2 * H, residuals.extra, 0, _rows(h, 2 * H, 3 * H), None),
        )


def _rows(weights: tuple[Array, Array], begin: int, end: int) -> tuple[Array, Array]:
    """Rows of a weight matrix and of its bias."""
    w, b = weights
    return w[begin:end], b[begin:end]
