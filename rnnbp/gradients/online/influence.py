"""The influence matrix on a sparsity pattern: RTRL's, which is full, SnAp's and e-prop's.

Parameters that affect the same units are a group. Of a group of m parameters that affect d units, M is a dense matrix
(d, m), updated by M <- J M + I with the block (d, d) of J within these units; what is outside of all groups is zero.
RTRL has a single group, of all S units and P parameters.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np

from rnnbp.cells.base import Array
from rnnbp.gradients.online.base import InfluenceMatrix
from rnnbp.gradients.online.compiled_influence import CompiledInfluenceMatrix
from rnnbp.gradients.online.jacobian_compression import JacobianEntries, compression_of, entries_of
from rnnbp.gradients.online.jacobian_sparsity import JacobianSparsity
from rnnbp.gradients.online.linearized_steps import LinearizedSteps
from rnnbp.gradients.online.parameter_groups import grouped, places_of
from rnnbp.kernels import may_compile


def influence_on(sparsity: JacobianSparsity, order: int | None, batch_size: int, dtype: np.dtype) -> InfluenceMatrix:
    """Return a zero influence matrix, updated by compiled code where there is Numba.

    Parameters
    ----------
    sparsity : JacobianSparsity
    order : int or None
        The number of steps within which a unit counts as affected by a parameter; None: all of them do.
    batch_size : int
    dtype : dtype
    """
    size = len(sparsity.columns)
    if not size or not grouped(sparsity, order):
        return EmptyInfluenceMatrix(size)
    if sparsity.inputs is not None and may_compile():
        return CompiledInfluenceMatrix(sparsity, order, batch_size, dtype)
    return SparseInfluenceMatrix(sparsity, order, batch_size, dtype)


class EmptyInfluenceMatrix(InfluenceMatrix):
    """The influence matrix of a cell without parameters, or with none that affects a unit.

    Parameters
    ----------
    size : int
        The number of parameters.
    """

    def __init__(self, size: int) -> None:
        self.size = size

    @property
    def stored(self) -> Sequence[Any]:
        return []

    def advance(self, steps: LinearizedSteps, signal: Array) -> Array:
        return np.zeros(self.size, signal.dtype)


class SparseInfluenceMatrix(InfluenceMatrix):
    """The influence matrix in NumPy. Groups of the same form, as `group_parameters` finds them, are one array.

    Parameters
    ----------
    sparsity, order, batch_size, dtype
        See `influence_on`.

    Attributes
    ----------
    groups_by_form : list of GroupedInfluence
    entries : int
        The number of entries of J that a step takes.
    """

    def __init__(self, sparsity: JacobianSparsity, order: int | None, batch_size: int, dtype: np.dtype) -> None:
        groups_by_form = grouped(sparsity, order)
        self.groups_by_form = [GroupedInfluence(sparsity, *groups, batch_size, dtype) for groups in groups_by_form]
        self.size = len(sparsity.columns)
        self.compression = compression_of(sparsity, dtype)
        self.entries = sum(groups.units.size * groups.units.shape[1] for groups in self.groups_by_form)

    @property
    def stored(self) -> Sequence[Any]:
        return [array for groups in self.groups_by_form for array in (groups.matrix, groups.spare)]

    def advance(self, steps: LinearizedSteps, signal: Array) -> Array:
        entries = entries_of(steps, self.compression, self.entries)
        found = np.zeros(self.size, signal.dtype)
        for groups in self.groups_by_form:
            found[groups.parameters] = groups.advance(entries, signal)
        return found


class GroupedInfluence:
    """The influence matrix of G groups of m parameters on d units each.

    Parameters
    ----------
    sparsity : JacobianSparsity
    units : ndarray of int (G, d)
    parameters : ndarray of int (G, m)
    batch_size : int
    dtype : dtype

    Attributes
    ----------
    matrix, spare : ndarray (B, G, d, m)
        M after the last step, and where J M of the next one is written to.
    update : ImmediateUpdate
        How I is added.
    """

    def __init__(
        self, sparsity: JacobianSparsity, units: Array, parameters: Array, batch_size: int, dtype: np.dtype
    ) -> None:
        self.units, self.parameters = units, parameters
        self.matrix = np.zeros((batch_size, *units.shape, parameters.shape[1]), dtype)
        self.spare = np.empty_like(self.matrix)
        columns = np.unique(sparsity.columns[parameters[0]]).size
        by_products = sparsity.inputs is not None and columns <= len(units)
        update = OuterProductUpdate if by_products else ElementwiseUpdate
        self.update: ImmediateUpdate = update(sparsity, units, parameters)

    def advance(self, entries: JacobianEntries, signal: Array) -> Array:
        """Set M to J M + I, restricted to the groups, step by step; return the sum of dL/ds . M, (G, m)."""
        jacobians, immediate = entries.blocks(self.units), self.update.of(entries)
        signals, found = signal[:, self.units], np.zeros(self.parameters.shape, signal.dtype)
        due = np.asarray(signal.any(axis=1))
        for rows in entries.steps.rows:
            n = rows.stop - rows.start
            old, new = self.matrix[:n], self.spare[:n]
            np.matmul(jacobians[rows], old, out=new)
            self.update.add(immediate, rows, new)
            if due[rows].any():
                found += np.matmul(signals[rows][:, :, None], new)[:, :, 0].sum(axis=0)
            self.matrix, self.spare = self.spare, self.matrix
        return found


class ImmediateUpdate(ABC):
    """The immediate Jacobian of groups of parameters, computed for a block and added to M step by step."""

    @abstractmethod
    def of(self, entries: JacobianEntries) -> Any:
        """Return what I consists of, for all real steps of a block."""

    @abstractmethod
    def add(self, immediate: Any, rows: slice, matrix: Array) -> None:
        """Add I of the n rows of a step to a matrix (n, G, d, m)."""


class ElementwiseUpdate(ImmediateUpdate):
    """The immediate Jacobian of groups of parameters, added entry by entry.

    Parameters
    ----------
    sparsity : JacobianSparsity
    units : ndarray of int (G, d)
    parameters : ndarray of int (G, m)
    """

    def __init__(self, sparsity: JacobianSparsity, units: Array, parameters: Array) -> None:
        nonzero = sparsity.activation[units[:, :, None], sparsity.columns[parameters][:, None, :]]
        group, unit, member = np.nonzero(nonzero)
        self.pairs = units[group, unit], parameters[group, member]
        self.places = np.flatnonzero(nonzero)

    def of(self, entries: JacobianEntries) -> Array:
        """Return the structurally nonzero entries of I of all steps, (N, L)."""
        return entries.immediate(*self.pairs)

    def add(self, immediate: Array, rows: slice, matrix: Array) -> None:
        matrix.reshape(len(matrix), -1)[:, self.places] += immediate[rows]


class OuterProductUpdate(ImmediateUpdate):
    """The immediate Jacobian of groups whose parameters enter few pre-activations with the same inputs.

    It is the product of the units' derivatives with respect to these pre-activations and the inputs.

    Parameters
    ----------
    sparsity : JacobianSparsity
    units : ndarray of int (G, d)
    parameters : ndarray of int (G, m)
    """

    def __init__(self, sparsity: JacobianSparsity, units: Array, parameters: Array) -> None:
        self.units, self.first = units, parameters[0]
        self.columns = np.stack([np.unique(sparsity.columns[members]) for members in parameters])  # (G, q)
        self.places = places_of(sparsity.columns[self.first]), np.arange(parameters.shape[1])

    def of(self, entries: JacobianEntries) -> tuple[Array, Array]:
        """Return the derivatives (N, G d, q) and the inputs (N, q, m) of all steps."""
        slopes = entries.slopes(self.units, self.columns)
        N, m, q = len(slopes), len(self.first), self.columns.shape[1]
        inputs = np.zeros((N, q, m), slopes.dtype)
        inputs[:, *self.places] = entries.inputs(self.first)
        return slopes.reshape(N, -1, q), inputs

    def add(self, immediate: tuple[Array, Array], rows: slice, matrix: Array) -> None:
        slopes, inputs = immediate
        matrix += (slopes[rows] @ inputs[rows]).reshape(matrix.shape)
