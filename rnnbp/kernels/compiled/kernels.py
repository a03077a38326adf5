"""The compiled kernels as the rest of the package sees them: memory, the order of weights, threads."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from rnnbp.cells.base import Weights
from rnnbp.kernels.base import Array, Kernel
from rnnbp.kernels.compiled import elman, gru, lstm, original_gru
from rnnbp.kernels.compiled.shares import Share, share_out
from rnnbp.kernels.compiled.team import run_shares
from rnnbp.kernels.compiled.vectors import REGISTER_BYTES
from rnnbp.kernels.compiled.weights import outer_sum, packed, packed_back, put_back, side_by_side
from rnnbp.kernels.packing import padded_steps
from rnnbp.params import Parameters
from rnnbp.sums import Sums
from rnnbp.threads import get_num_threads, steps_in_all
from rnnbp.workspace import empties

WORTH_A_THREAD = 7.5e6  # floating point operations, which take some 75 us
STRETCH = 1 << 21  # bytes of deltas, about: so many stay in the cache until they are used


@dataclass
class Trace:
    """What a thread's way back needs of its way there; N are the steps of its B sequences.

    Attributes
    ----------
    share : Share
    inputs : ndarray (N + B, ...)
        [h | x] of each step; behind them, each sequence's last h.
    gates : ndarray (N, ...)
        As the cell's compiled functions lay them out.
    more : ndarray (N + B, ...)
        What else the cell keeps: c of an LSTM, as h lies; r h of the original GRU.
    """

    share: Share
    inputs: Array
    gates: Array
    more: Array


@dataclass(frozen=True)
class Term:
    """A piece of the parameters' gradient: ``[w_h | w_x] += errors outer inputs``, and either bias the errors' sum.

    The errors are the columns of `deltas` from `begin` on, the inputs those of `source` from `start` on. Meanwhile the
    weights' gradients lie side by side in `sums`.
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
    """For weights and biases that h, x or both are multiplied with."""
    if h is None or x is None:
        w, b = h or x  # type: ignore[misc]
        none = w[:, :0].copy(), b[:0]
        h, x = h or none, x or none
    (w_h, b_h), (w_x, b_x) = h, x
    return Term(begin, source, start, w_h, w_x, b_h, b_x, side_by_side(w_h, w_x))


@dataclass(frozen=True)
class CompiledKernel(Kernel):
    """A cell over time, compiled; a subclass knows how its weights and errors are ordered.

    Parameters
    ----------
    cell : Cell
    dtype : dtype
        float32 or float64.
    """

    cell: Any
    dtype: np.dtype

    module: ClassVar[Any]
    parts: ClassVar[int]  # of a row of deltas, H units each
    gates: ClassVar[int]  # likewise of a row of gates
    keeps: ClassVar[bool] = False  # whether a trace has more

    @abstractmethod
    def weights(self, params: Weights) -> tuple[Array, ...]:
        """Packed for the way there."""

    @abstractmethod
    def weights_back(self, params: Weights) -> tuple[Array, ...]:
        """Packed for the state's way back."""

    def input_weights(self, params: Weights) -> Array:
        """Their rows in the order in which the way back takes the errors that the input meets."""
        return params["w_ih"]

    @abstractmethod
    def terms(self, trace: Trace, grad: Parameters) -> Sequence[Term]:
        """What a thread's share of the parameters' gradient is made of."""

    @property
    def sizes(self) -> tuple[int, ...]:
        """What the compiled functions must know of the cell."""
        return (self.cell.hidden_size,)

    @property
    def lanes(self) -> int:
        """How many numbers a register holds."""
        return REGISTER_BYTES // self.dtype.itemsize

    def state_parts(self, state: Array, share: Share) -> list[Array]:
        """h of a share's sequences and, where the state has more, that: views (B, H) of a state (..., S)."""
        H, own = self.cell.hidden_size, state[share.sequences]
        return [own] if own.shape[1] == H else [own[:, :H], own[:, H:]]

    def traces(self, shares: Sequence[Share], batch_size: int) -> list[Trace]:
        """Memory for each share, each array in rows of whole registers."""
        H, F = self.cell.hidden_size, self.cell.input_size
        inputs, gates = H + F, self.gates * H + self.lanes if self.gates else 0
        more, shapes = H if self.keeps else 0, []
        for share in shares:
            steps, ends = share.rows, share.rows + len(range(batch_size)[share.sequences])
            shapes += [(ends, inputs), (steps, gates), (ends, more)]
        arrays = iter(self.empties(shapes))
        return [Trace(share, next(arrays), next(arrays), next(arrays)) for share in shares]

    def empties(self, shapes: Sequence[tuple[int, int]]) -> list[Array]:
        """Arrays of rows, each of whole registers."""
        L = self.lanes
        return empties(self.dtype, *[(rows, -(-width // L) * L) for rows, width in shapes])

    def padded(self, *parts: Array) -> Array:
        """Vectors after one another, and room for a spill."""
        return np.concatenate([*parts, np.zeros(2 * self.lanes, self.dtype)], dtype=self.dtype)

    def threads(self, rows: int, batch_size: int) -> int:
        """Among how many it pays to share out so many real steps."""
        H, F = self.cell.hidden_size, self.cell.input_size
        worth = min(batch_size, int(2.0 * steps_in_all(rows) * self.parts * H * (H + F) / WORTH_A_THREAD))
        return min(worth, get_num_threads()) if worth > 1 else 1

    def forward(self, params: Weights, x: Array, active: Array, state: Array) -> tuple[Array, list[Trace], Array]:
        """As `Kernel.forward`."""
        (T, B, _), H = x.shape, self.cell.hidden_size
        most = STRETCH // (self.parts * H * self.dtype.itemsize)
        rows = int(active.sum())
        shares = share_out(active, self.threads(rows, B), most)
        traces = self.traces(shares, B)
        for trace in traces:
            n, last = trace.share.active[0], trace.share.rows + trace.share.active[0]
            for kept, own in zip((trace.inputs, trace.more), self.state_parts(state, trace.share), strict=False):
                kept[:n, :H], kept[last:, :H] = own[:n], own[n:]
        outputs = padded_steps(rows, (T, B, H), self.dtype)
        x, weights = np.ascontiguousarray(x, self.dtype), self.weights(params)

        def there(bells: Array, number: int, count: int) -> None:
            trace = traces[number]
            self.module.forward(
                bells, self.sizes, x, trace.share.active, weights, trace.inputs, trace.gates, trace.more, outputs,
                number, count
            )  # fmt: skip

        run_shares(len(shares), there)
        final = np.empty_like(state, self.dtype)
        for trace in traces:
            for kept, own in zip((trace.inputs, trace.more), self.state_parts(final, trace.share), strict=False):
                own[...] = kept[trace.share.rows :, :H]
        return outputs, traces, final

    def backward(
        self, params: Weights, traces: list[Trace], d_outputs: Array, grad: Parameters, d_state: Array
    ) -> tuple[Array, Array]:
        """As `Kernel.backward`."""
        (T, B, _), F = d_outputs.shape, self.cell.input_size
        dx = padded_steps(sum(trace.share.rows for trace in traces), (T, B, F), self.dtype)
        w_x = packed_back(self.dtype, self.input_weights(params))
        return dx, self._back(params, traces, d_outputs, grad, d_state, dx, w_x)

    def backward_params(
        self, params: Weights, traces: list[Trace], d_outputs: Array, grad: Parameters, d_state: Array
    ) -> Array:
        """As `Kernel.backward_params`."""
        dx = np.empty((*d_outputs.shape[:2], 0), self.dtype)
        return self._back(params, traces, d_outputs, grad, d_state, dx, np.empty(0, self.dtype))

    def _back(
        self, params: Weights, traces: list[Trace], d_outputs: Array, grad: Parameters, d_state: Array, dx: Array,
        w_x: Array
    ) -> Array:  # fmt: skip
        """Fill `dx`, unless `w_x` is empty; return the error at the first state."""
        H, memory = self.cell.hidden_size, self._memory_back(traces, d_state)
        weights = (*self.weights_back(params), w_x)
        d_outputs = np.ascontiguousarray(d_outputs, self.dtype)
        sums = grad if isinstance(grad, Sums) and grad.dtype == self.dtype else Sums(grad, self.dtype)
        parts = [sums.part(k) for k in range(len(traces))]

        def back(bells: Array, number: int, count: int) -> None:
            trace, (deltas, d_h, d_more) = traces[number], memory[number]
            terms, share = self.terms(trace, parts[number]), trace.share
            for stretch in reversed(share.stretches):
                first, end = stretch.rows
                self.module.backward(
                    bells, self.sizes, stretch.steps, share.active, weights, trace.inputs, trace.gates, trace.more,
                    d_outputs, deltas, d_h, d_more, dx, end, first, number, count
                )  # fmt: skip
                for t in terms:
                    outer_sum(deltas, t.begin, t.source, t.start, first, stretch.blocks, t.sums, t.b_h, t.b_x)
            for t in terms:
                put_back(t.sums, t.w_h, t.w_x)

        run_shares(len(traces), back)
        if sums is not grad:
            grad.vector[:] += sums.vector
        d_first = np.empty_like(d_state, self.dtype)
        for trace, (_, *d_parts) in zip(traces, memory, strict=True):
            for d, own in zip(d_parts, self.state_parts(d_first, trace.share), strict=False):
                own[...] = d[:, :H]
        return d_first

    def _memory_back(self, traces: Sequence[Trace], d_state: Array) -> list[list[Array]]:
        """Of each share: room for a stretch's deltas; the error of h; and of what else belongs to the state."""
        H, shapes = self.cell.hidden_size, []
        for trace in traces:
            n = len(trace.inputs) - trace.share.rows
            shapes += [(trace.share.longest, self.parts * H + self.lanes), (n, H), (n, H)]
        arrays = self.empties(shapes)
        memory = [arrays[k : k + 3] for k in range(0, len(arrays), 3)]
        for trace, (_, *d_parts) in zip(traces, memory, strict=True):
            for d, own in zip(d_parts, self.state_parts(d_state, trace.share), strict=False):
                d[:, :H] = own
        return memory


@dataclass(frozen=True)
class CompiledLSTM(CompiledKernel):
    """Gates i, f, g, o."""

    module: ClassVar[Any] = lstm
    parts: ClassVar[int] = 4
    gates: ClassVar[int] = 4
    keeps: ClassVar[bool] = True

    def weights(self, params: Weights) -> tuple[Array, ...]:
        """[h | x] to all gates, and their bias."""
        return packed(self.dtype, 4, params["w_hh"], params["w_ih"]), self.padded(params["b_ih"] + params["b_hh"])

    def weights_back(self, params: Weights) -> tuple[Array, ...]:
        """All gates' errors to h."""
        return (packed_back(self.dtype, params["w_hh"]),)

    def terms(self, trace: Trace, grad: Parameters) -> Sequence[Term]:
        """h and x by the same errors."""
        return (term(0, trace.inputs, 0, (grad["w_hh"], grad["b_hh"]), (grad["w_ih"], grad["b_ih"])),)


@dataclass(frozen=True)
class CompiledElman(CompiledKernel):
    """One activation."""

    module: ClassVar[Any] = elman
    parts: ClassVar[int] = 1
    gates: ClassVar[int] = 0  # the slope is known from h

    @property
    def sizes(self) -> tuple[int, ...]:
        """H, and which activation."""
        return self.cell.hidden_size, elman.ACTIVATIONS.index(self.cell.activation)

    def weights(self, params: Weights) -> tuple[Array, ...]:
        """[h | x] to h, and its bias."""
        return packed(self.dtype, 1, params["w_hh"], params["w_ih"]), self.padded(params["b_ih"] + params["b_hh"])

    def weights_back(self, params: Weights) -> tuple[Array, ...]:
        """h's errors to the h before."""
        return (packed_back(self.dtype, params["w_hh"]),)

    def terms(self, trace: Trace, grad: Parameters) -> Sequence[Term]:
        """h and x by the same errors."""
        return (term(0, trace.inputs, 0, (grad["w_hh"], grad["b_hh"]), (grad["w_ih"], grad["b_ih"])),)


@dataclass(frozen=True)
class CompiledGRU(CompiledKernel):
    """Gates n, r, z and hn, where PyTorch's order is r, z, n."""

    module: ClassVar[Any] = gru
    parts: ClassVar[int] = 4
    gates: ClassVar[int] = 4

    def input_weights(self, params: Weights) -> Array:
        """From the last z to the first n."""
        return self._rolled(params)[::-1]

    def _rolled(self, params: Weights) -> Array:
        """Rows n, r, z."""
        H, w_ih = self.cell.hidden_size, params["w_ih"]
        return np.concatenate([w_ih[2 * H :], w_ih[: 2 * H]])

    def weights(self, params: Weights) -> tuple[Array, ...]:
        """x to n, r, z; h to r, z, hn; and the bias of n, r, z, hn."""
        H = self.cell.hidden_size
        b_ih, b_hh = params["b_ih"], params["b_hh"]
        bias = self.padded(b_ih[2 * H :], b_ih[: 2 * H] + b_hh[: 2 * H], b_hh[2 * H :])
        return packed(self.dtype, 3, self._rolled(params)), packed(self.dtype, 3, params["w_hh"]), bias

    def weights_back(self, params: Weights) -> tuple[Array, ...]:
        """The errors of r, z and hn to h."""
        return (packed_back(self.dtype, params["w_hh"]),)

    def terms(self, trace: Trace, grad: Parameters) -> Sequence[Term]:
        """h and x by the errors of r and z, x by that of n, h by that of hn."""
        H = self.cell.hidden_size
        h, x = (grad["w_hh"], grad["b_hh"]), (grad["w_ih"], grad["b_ih"])
        return (
            term(H, trace.inputs, 0, _rows(h, 0, 2 * H), _rows(x, 0, 2 * H)),
            term(0, trace.inputs, H, None, _rows(x, 2 * H, 3 * H)),
            term(3 * H, trace.inputs, 0, _rows(h, 2 * H, 3 * H), None),
        )


@dataclass(frozen=True)
class CompiledOriginalGRU(CompiledKernel):
    """Gates r, z, n; keeps r h, which n's weights are multiplied with."""

    module: ClassVar[Any] = original_gru
    parts: ClassVar[int] = 3
    gates: ClassVar[int] = 3
    keeps: ClassVar[bool] = True

    def weights(self, params: Weights) -> tuple[Array, ...]:
        """x to r, z, n; h to r, z; r h to n; and the bias of r, z, n."""
        H, w_hh = self.cell.hidden_size, params["w_hh"]
        bias = self.padded(params["b_ih"] + params["b_hh"])
        w_rz, w_n = packed(self.dtype, 2, w_hh[: 2 * H]), packed(self.dtype, 1, w_hh[2 * H :])
        return packed(self.dtype, 3, params["w_ih"]), w_rz, w_n, bias

    def weights_back(self, params: Weights) -> tuple[Array, ...]:
        """The errors of r and z to h; those of n to r h."""
        H, w_hh = self.cell.hidden_size, params["w_hh"]
        return packed_back(self.dtype, w_hh[: 2 * H]), packed_back(self.dtype, w_hh[2 * H :])

    def terms(self, trace: Trace, grad: Parameters) -> Sequence[Term]:
        """h and x by the errors of r and z; r h and x by that of n."""
        H = self.cell.hidden_size
        h, x = (grad["w_hh"], grad["b_hh"]), (grad["w_ih"], grad["b_ih"])
        return (
            term(0, trace.inputs, 0, _rows(h, 0, 2 * H), _rows(x, 0, 2 * H)),
            term(2 * H, trace.inputs, H, None, _rows(x, 2 * H, 3 * H)),
            term(2 * H, trace.more, 0, _rows(h, 2 * H, 3 * H), None),
        )


def _rows(weights: tuple[Array, Array], begin: int, end: int) -> tuple[Array, Array]:
    """A part of weights and bias."""
    w, b = weights
    return w[begin:end], b[begin:end]
