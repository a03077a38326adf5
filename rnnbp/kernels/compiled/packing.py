"""How a kernel's parameters are packed for its products."""

from functools import cached_property

import numpy as np

from rnnbp.cells.base import Weights
from rnnbp.cells.declared import DeclaredCell
from rnnbp.cells.declared.compiled_plan import Plan
from rnnbp.kernels.base import Array
from rnnbp.kernels.compiled.bookkeeping import Bookkeeping, invariant_values
from rnnbp.kernels.compiled.compiling import argument
from rnnbp.kernels.compiled.vectors import REGISTER_BYTES
from rnnbp.kernels.compiled.weights import pack_back, pack_side_by_side, panels
from rnnbp.runtime import empties


class Packing:
    """The packing of a declared cell's parameters, for the vector width of a dtype.

    Parameters
    ----------
    cell : DeclaredCell
    plan : Plan
    rows : Bookkeeping
    dtype : dtype
        float32 or float64.
    """

    def __init__(self, cell: DeclaredCell, plan: Plan, rows: Bookkeeping, dtype: np.dtype) -> None:
        self.cell, self.plan, self.rows, self.dtype = cell, plan, rows, dtype
        self.lanes, self.H = REGISTER_BYTES // dtype.itemsize, cell.hidden_size
        self.P = -(-self.H // self.lanes) * self.lanes
        self.none = np.empty(0, dtype)

    def forward(self, params: Weights) -> tuple[Array, ...]:
        """Return the bias of each slot, and the weights packed for the forward pass."""
        bias, *packed = empties(self.dtype, *self.shapes)
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
    def shapes(self) -> list[tuple[int, ...]]:
        """The shapes of the biases and of the packed weights of the forward pass."""
        shapes, width = self.cell.shapes(), self.plan.slots * self.P + 2 * self.lanes
        depths = [sum(shapes[rows.name][1] for rows in of_sources) for _, of_sources in self.rows.products]
        products = zip(depths, self.rows.products, strict=True)
        return [(width,), *(panels(depth, self.H, parts, self.lanes) for depth, (parts, _) in products)]

    def backward(self, params: Weights, with_input: bool) -> tuple[Array, ...]:
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
