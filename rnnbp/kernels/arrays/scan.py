"""Linear recurrences in parallel over time: chunks of a sequence run side by side, as if they were sequences.

Of a cell whose gates do not see the state, ``s[t] = a[t] s[t-1] + b[t]``, the steps of a chunk are one affine map
``s -> A s + b`` of the state, unit by unit. So one pass over all chunks at once, from the states 0 and 1, tells these
maps; a few operations a chunk tell the state at which each starts; and a second pass from there gives the outputs. The
backward pass is the same with the transposed maps (Blelloch 1990, "Prefix sums and their applications"; Martin & Cundy
2018, arXiv:1709.04057, for recurrent networks).

That is two to three times the arithmetic in a fraction of the steps, so it pays where a step costs more than its
arithmetic: in NumPy, one sequence of 1000 steps and 64 units takes 0.3 to 0.8 of the time. Compiled kernels, whose
steps cost little, took two to eight times as long in chunks, and are not cut.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from rnnbp.cells.base import Weights
from rnnbp.core import Parameters
from rnnbp.kernels.base import Array, Kernel, Prepared
from rnnbp.kernels.packing import unpack

LEAST_STEPS = 512  # of sequences that are cut into chunks
MOST_WIDTH = 128  # numbers in a state of all sequences


@dataclass(frozen=True)
class Chunks:
    """Sequences cut into chunks of equal length, which are sorted by the steps that they have, most first.

    Attributes
    ----------
    steps, count : int
        L, of a chunk, and C, the chunks of each sequence.
    order : ndarray (C B,) of int
        The places of the sorted chunks in (C, B).
    active : ndarray (L,) of int
    last : ndarray (B,) of int
        Each sequence's last chunk that is not empty.
    """

    steps: int
    count: int
    order: Array
    active: Array
    last: Array

    @classmethod
    def of(cls, active: Array, batch_size: int, steps: int) -> "Chunks":
        """Cut sequences of which ``active[t]`` are active at step t into chunks of a number of steps."""
        lengths = (np.arange(batch_size) < active[:, None]).sum(axis=0)
        count = -(-len(active) // steps)
        own = np.clip(lengths - steps * np.arange(count)[:, None], 0, steps).ravel()
        last = np.maximum(-(-lengths // steps) - 1, 0)
        return cls(steps, count, np.argsort(-own, kind="stable"), (own > np.arange(steps)[:, None]).sum(axis=1), last)

    def split(self, a: Array) -> Array:
        """Return (T, B, K) as (L, C B, K)."""
        T, B, K = a.shape
        if self.steps * self.count > T:
            a = np.concatenate([a, np.zeros((self.steps * self.count - T, B, K), a.dtype)])
        chunks = a.reshape(self.count, self.steps, B, K).swapaxes(0, 1)
        return chunks.reshape(self.steps, -1, K)[:, self.order]

    def join(self, a: Array, steps: int) -> Array:
        """Return (L, C B, K) as (T, B, K)."""
        chunks = np.empty_like(a)
        chunks[:, self.order] = a
        whole = chunks.reshape(self.steps, self.count, -1, a.shape[2]).swapaxes(0, 1)
        return whole.reshape(self.steps * self.count, -1, a.shape[2])[:steps]

    def sort(self, states: Array) -> Array:
        """Return (C, B, ...) as rows (C B, ...)."""
        return states.reshape(-1, *states.shape[2:])[self.order]

    def unsort(self, rows: Array) -> Array:
        """Return rows (C B, ...) as (C, B, ...)."""
        states = np.empty_like(rows)
        states[self.order] = rows
        return states.reshape(self.count, -1, *rows.shape[1:])


@dataclass(frozen=True)
class Residuals:
    """What the forward pass saves: that of the kernel; if it ran chunks, these, their maps (C, B, R, R, H), and the
    states after each, (C, B, S).
    """

    own: Any
    chunks: Chunks | None = None
    maps: Array | None = None
    ends: Array | None = None


@dataclass(frozen=True)
class Scan(Kernel):
    """A linear recurrence over time: long sequences, if they are few, in chunks side by side.

    In chunks, outputs, states and gradients are those of one run to rounding.

    Parameters
    ----------
    kernel : Kernel
        Runs the cell.
    states : slice
        The states that are read (`rnnbp.cells.declared.linear_recurrence`).
    hidden_size : int
        H.
    """

    kernel: Kernel
    states: slice
    hidden_size: int

    def prepare(self, params: Weights) -> Prepared:
        """Return the parameters as the kernel reads them."""
        return self.kernel.prepare(params)

    def run(self, prepared: Prepared, x: Array, active: Array, state: Array) -> tuple[Array, Residuals, Array]:
        """Run the cell over time."""
        T, B, _ = x.shape
        steps = chunk_length(T, B * self.hidden_size)
        if steps == T:
            y, own, last = self.kernel.run(prepared, x, active, state)
            return y, Residuals(own), last
        chunks = Chunks.of(np.asarray(active), B, steps)
        x = chunks.split(x)
        constants, maps = self._affine_maps(prepared, x, chunks, state)
        starts = np.empty((chunks.count, *state.shape), state.dtype)
        starts[0] = state
        for c in range(1, chunks.count):
            starts[c] = constants[c - 1]
            self._parts(starts[c])[...] += np.einsum("bijh,bih->bjh", maps[c - 1], self._parts(starts[c - 1]))
        y, own, ends = self.kernel.run(prepared, x, chunks.active, chunks.sort(starts))
        ends = chunks.unsort(ends)
        return chunks.join(y, T), Residuals(own, chunks, maps, ends), ends[chunks.last, np.arange(B)]

    def previous_states(self, residuals: Residuals) -> Array:
        """Return the state before each real step."""
        states, chunks, ends = self.kernel.previous_states(residuals.own), residuals.chunks, residuals.ends
        if chunks is None or ends is None:
            return states
        size, length = chunks.count * len(chunks.last), chunks.steps * chunks.count
        is_real = chunks.join(unpack(np.ones((len(states), 1), bool), chunks.active, size), length)[..., 0]
        found = chunks.join(unpack(states, chunks.active, size), length)
        found[chunks.steps :: chunks.steps] = ends[:-1]  # a chunk starts with the parts alone that the cell reads
        return found[is_real]

    def backward(
        self, params: Weights, residuals: Residuals, d_outputs: Array, grad: Parameters, d_state: Array
    ) -> tuple[Array, Array]:
        """Backpropagate."""
        own, chunks = residuals.own, residuals.chunks
        if chunks is None:
            return self.kernel.backward(params, own, d_outputs, grad, d_state)
        dy = chunks.split(d_outputs)
        d_ends = self._d_ends(params, residuals, dy, grad, d_state)
        dx, d_starts = self.kernel.backward(params, own, dy, grad, chunks.sort(d_ends))
        return chunks.join(dx, len(d_outputs)), chunks.unsort(d_starts)[0]

    def backward_params(
        self, params: Weights, residuals: Residuals, d_outputs: Array, grad: Parameters, d_state: Array
    ) -> Array:
        """Backpropagate without the input's gradient."""
        own, chunks = residuals.own, residuals.chunks
        if chunks is None:
            return self.kernel.backward_params(params, own, d_outputs, grad, d_state)
        dy = chunks.split(d_outputs)
        d_ends = self._d_ends(params, residuals, dy, grad, d_state)
        return chunks.unsort(self.kernel.backward_params(params, own, dy, grad, chunks.sort(d_ends)))[0]

    # ---- affine maps ----------------------------------------------------------------------------------------

    def _parts(self, state: Array) -> Array:
        """Return the parts of a state (B, S) that are read, as a view (B, R, H)."""
        return state.reshape(len(state), -1, self.hidden_size)[:, self.states]

    def _affine_maps(self, prepared: Prepared, x: Array, chunks: Chunks, state: Array) -> tuple[Array, Array]:
        """Return each chunk's end from a state of zeros, (C, B, S), and its matrix of the parts, (C, B, R, R, H)."""
        variants = 1 + self.states.stop - self.states.start
        starts = np.zeros((x.shape[1], variants, state.shape[1]), state.dtype)
        for k in range(1, variants):
            self._parts(starts[:, k])[:, k - 1] = 1
        rows = starts.reshape(-1, state.shape[1])
        _, _, ends = self.kernel.run(prepared, np.repeat(x, variants, axis=1), chunks.active * variants, rows)
        ends = ends.reshape(starts.shape)
        parts = ends.reshape(len(ends), variants, -1, self.hidden_size)[:, :, self.states]
        return chunks.unsort(ends[:, 0]), chunks.unsort(parts[:, 1:] - parts[:, :1])

    def _d_ends(self, params: Weights, residuals: Residuals, dy: Array, grad: Parameters, d_state: Array) -> Array:
        """Return the gradient with respect to the end of each chunk, (C, B, S)."""
        chunks, maps = residuals.chunks, residuals.maps
        assert chunks is not None
        assert maps is not None
        d_ends = np.zeros((chunks.count, *d_state.shape), dy.dtype)
        d_ends[chunks.last, np.arange(len(d_state))] = d_state
        alone = self.kernel.backward_params(params, residuals.own, dy, grad.zeros(), chunks.sort(d_ends))
        d_starts, later = chunks.unsort(alone), np.zeros_like(d_state)
        for c in range(chunks.count - 1, 0, -1):
            of_later = np.einsum("bijh,bjh->bih", maps[c], self._parts(later))
            later = d_starts[c].copy()
            self._parts(later)[...] += of_later
            d_ends[c - 1] += later
        return d_ends


def chunk_length(steps: int, width: int) -> int:
    """Return how many steps a chunk has, of sequences whose states are `width` numbers together.

    Examples
    --------
    >>> chunk_length(1000, 64), chunk_length(50, 64), chunk_length(1000, 5000)
    (32, 50, 1000)
    """
    return steps if steps < LEAST_STEPS or width > MOST_WIDTH else round(math.sqrt(steps))
