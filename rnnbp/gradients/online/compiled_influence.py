"""The influence matrix on a sparsity pattern, updated by compiled code."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from rnnbp.cells.base import Array
from rnnbp.cells.outer import side_by_side
from rnnbp.gradients.online.base import InfluenceMatrix
from rnnbp.gradients.online.jacobian_compression import CompressedEntries, by_row, compression_of
from rnnbp.gradients.online.jacobian_sparsity import JacobianSparsity, input_values
from rnnbp.gradients.online.linearized_steps import LinearizedSteps
from rnnbp.gradients.online.panels import Panels
from rnnbp.gradients.online.parameter_groups import grouped
from rnnbp.runtime import threads_for


class CompiledInfluenceMatrix(InfluenceMatrix):
    """The influence matrix in panels (`Panels`), which compiled code takes through a block one after the other.

    Parameters
    ----------
    sparsity, order, batch_size, dtype
        See `rnnbp.gradients.online.influence.influence_on`.

    Attributes
    ----------
    matrix : ndarray (B, size)
        The panels of each sequence, side by side.
    """

    def __init__(self, sparsity: JacobianSparsity, order: int | None, batch_size: int, dtype: np.dtype) -> None:
        self.compression, self.panels = compression_of(sparsity, dtype), _panels_of(sparsity, order, dtype)
        self.matrix = np.zeros((batch_size, self.panels.size), dtype)

    @property
    def stored(self) -> Sequence[Any]:
        return [self.matrix]

    def advance(self, steps: LinearizedSteps, signal: Array) -> Array:
        from rnnbp.kernels.compiled.influence import advance_panels
        from rnnbp.kernels.compiled.product import product_of
        from rnnbp.kernels.team import run_shards

        panels, dtype = self.panels, self.matrix.dtype
        operands = self._operands(steps, signal)
        gradient = np.zeros(panels.width + 1, dtype)
        count, scratch = len(panels.table), self._scratch_size()

        def run(signals: Array, shard: int, shards: int) -> None:
            first, last = (count * k // shards for k in (shard, shard + 1))
            advance_panels(
                signals, product_of(dtype), self.matrix, *operands, panels.table, panels.pieces, panels.piece_units,
                panels.piece_slopes, panels.piece_inputs, panels.places, np.empty(scratch, dtype), gradient, first, last
            )  # fmt: skip

        run_shards(self._threads(steps), run)
        return gradient[panels.lanes_of]

    def _operands(self, steps: LinearizedSteps, signal: Array) -> tuple[Any, ...]:
        """Return the arguments of `advance_panels` that depend on the block, from `active` to `due`."""
        entries, dtype = CompressedEntries(steps, self.compression), self.matrix.dtype
        slopes = by_row(side_by_side(entries.delta)).astype(dtype, copy=False)
        jacobians = self.panels.entries.jacobians(entries, slopes)
        signals = np.ascontiguousarray(signal[:, self.panels.signal_units], dtype)
        inputs = np.ascontiguousarray(input_values(steps), dtype)
        active = np.ascontiguousarray(steps.active, np.int64)
        return active, jacobians, self.panels.dense, slopes, inputs, signals, (signal != 0).any(axis=1)

    def _scratch_size(self) -> int:
        """Return the size of the `scratch` of `advance_panels`."""
        panels = self.panels
        return (2 * (int(panels.table[:, 1].max(initial=0)) + 1) * panels.columns + 1) * panels.lanes

    def _threads(self, steps: LinearizedSteps) -> int:
        """Return the number of threads that a block is worth."""
        table = self.panels.table
        flops = 2.0 * steps.size * (table[:, 1] * (table[:, 2] + 2)).sum() * self.panels.columns * self.panels.lanes
        return threads_for(flops, len(table))


@lru_cache(maxsize=16)
def _panels_of(sparsity: JacobianSparsity, order: int | None, dtype: np.dtype) -> Panels:
    """Return the panels for the vector width of a dtype."""
    from rnnbp.kernels.compiled.product import COLUMNS
    from rnnbp.kernels.compiled.vectors import REGISTER_BYTES

    lanes = REGISTER_BYTES // dtype.itemsize
    return Panels(sparsity, grouped(sparsity, order), compression_of(sparsity, dtype), COLUMNS, lanes)
