"""Sparse n-step approximation: RTRL with a sparse influence matrix."""

from collections import defaultdict
from dataclasses import dataclass

import numpy as np

from rnnbp.cells.base import Array
from rnnbp.gradients.online.base import InfluenceMatrix, Online
from rnnbp.gradients.online.decomposition import Decomposition
from rnnbp.gradients.online.jacobian_compression import CompressedEntries, Compression, JacobianEntries
from rnnbp.gradients.online.jacobian_sparsity import JacobianSparsity, sparsity_of
from rnnbp.gradients.online.linearized_step import LinearizedStep
from rnnbp.runtime import positive_int


@dataclass(frozen=True)
class SnAp(Online):
    """Compute an approximate gradient of the mean loss by SnAp-n, RTRL with the sparsity pattern of n steps.

    The influence matrix is restricted to the units that a parameter affects within n steps, its own step being the
    first: where one of I, J I, ..., J^(n-1) I is not structurally zero::

        M[t] = (J[t] M[t-1] + I[t]) on this pattern, 0 elsewhere

    In an Elman network or GRU SnAp-1 has one number for each parameter and sequence, that of the parameter's own unit;
    in an LSTM two, of h and c (one for the output gate's parameters, which affect h alone). For d units per parameter,
    d P numbers are stored and d^2 P multiplications computed at each step, instead of RTRL's S P and S^2 P. Where a
    parameter affects many units within one step (the original GRU's reset gates, the layers below another recurrent
    one, a Jordan network's hidden layer), all of these belong to the pattern of SnAp-1.

    In a network most of whose recurrent weights are fixed to zero by a mask (`Parameters.set_mask`,
    `rnnbp.initializers.Sparse`) SnAp-2 is still cheap, and stays so while the others are trained. Without a mask,
    weights that are exactly zero count as missing.

    With full recurrent weights the pattern is complete, and the gradient exact, from some n on: n = 2 for Elman, leaky
    Elman, LSTM, GRU, original GRU and LIF cells and for Jordan networks without decay; n = 3 for ALIF cells, in which
    the adaptation of a unit follows its spike a step later, and for Jordan networks with decay, whose context does. Of
    several layers the largest n counts.

    Parameters
    ----------
    order : int, default 1
        n.
    every : int, optional
        Steps between gradients; the parameters may change with each. Without a mask, the pattern is that of the
        weights at the beginning of a batch. Default: one gradient per batch, at constant parameters.

    Raises
    ------
    ValueError
        If `order` or `every` is not a positive integer; when used on a model that `RTRL` does not take.

    See Also
    --------
    RTRL : the full influence matrix.

    References
    ----------
    J. Menick, E. Elsen, U. Evci, S. Osindero, K. Simonyan & A. Graves (2021), "A practical sparse approximation for
    real time recurrent learning", ICLR, arXiv:2006.07232, section 3

    Examples
    --------
    >>> import rnnbp
    >>> model = rnnbp.Sequential(rnnbp.Elman(2, 3), rnnbp.Dense(3, 2), dtype=np.float64)
    >>> batch = rnnbp.SequenceDataset([np.ones((5, 2))], targets=[np.zeros(5, int)]).batch()
    >>> (exact,) = rnnbp.BPTT().gradients(model, batch, rnnbp.CrossEntropy())
    >>> for order in (1, 2):
    ...     (found,) = SnAp(order).gradients(model, batch, rnnbp.CrossEntropy())
    ...     print(np.allclose(found.vector, exact.vector, rtol=1e-12))
    False
    True
    """

    order: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        positive_int("order", self.order)

    def initial_influence(
        self, parts: Decomposition, batch_size: int, rng: np.random.Generator | None
    ) -> InfluenceMatrix:
        sparsity = sparsity_of(parts.cell, parts.params)
        return SparseInfluenceMatrix(sparsity, self.order, batch_size, parts.model.dtype)


class SparseInfluenceMatrix(InfluenceMatrix):
    """The influence matrix on a sparsity pattern.

    Parameters that affect the same units are a group. Groups of the same form are stored as one array.

    Parameters
    ----------
    sparsity : JacobianSparsity
    order : int
    batch_size : int
    dtype : dtype

    Attributes
    ----------
    groups_by_form : list of ParameterGroups
    """

    def __init__(self, sparsity: JacobianSparsity, order: int, batch_size: int, dtype: np.dtype) -> None:
        self.groups_by_form = [
            ParameterGroups(sparsity, *groups, batch_size, dtype) for groups in group_parameters(sparsity, order)
        ]
        self.size = len(sparsity.columns)
        self.compression = Compression(sparsity, dtype)
        self.compressed = self.compression.pays(
            sum(groups.units.size * groups.units.shape[1] for groups in self.groups_by_form)
        )

    def advance(self, step: LinearizedStep) -> None:
        entries = CompressedEntries(step, self.compression) if self.compressed else JacobianEntries(step)
        for groups in self.groups_by_form:
            groups.advance(entries, step.size)

    def gradient(self, d_state: Array) -> Array:
        found = np.zeros(self.size, d_state.dtype)
        for groups in self.groups_by_form:
            found[groups.parameters] = groups.gradient(d_state)
        return found


def group_parameters(sparsity: JacobianSparsity, order: int) -> list[tuple[Array, Array]]:
    """Group the parameters by the units that they affect, and the groups by form.

    Groups have the same form if they have the same number of units, and parameters that enter the same number of
    pre-activations with the same inputs.

    Parameters
    ----------
    sparsity : JacobianSparsity
    order : int

    Returns
    -------
    list of (ndarray of int (G, d), ndarray of int (G, m))
        The units and the parameters of each of G groups. Parameters that affect no unit are left out.

    Examples
    --------
    >>> import rnnbp
    >>> cell = rnnbp.ElmanCell(1, 2)
    >>> [(units, parameters)] = group_parameters(sparsity_of(cell, rnnbp.Parameters(cell.shapes())), order=1)
    >>> units.tolist(), parameters.tolist()  # w_ih, w_hh, b_ih, b_hh of either unit
    ([[0], [1]], [[0, 2, 3, 6, 8], [1, 4, 5, 7, 9]])
    """
    sets, group = np.unique(~sparsity.reach(order).T, axis=0, return_inverse=True)
    of_parameters = group.ravel()[sparsity.columns]
    ends = np.cumsum(np.bincount(of_parameters, minlength=len(sets)))
    in_order = np.split(np.argsort(of_parameters, kind="stable"), ends[:-1])
    alike: dict[object, list[tuple[Array, Array]]] = defaultdict(list)
    for others, members in zip(sets, in_order, strict=True):
        units = np.flatnonzero(~others)
        if units.size and members.size:
            form: object = members.size
            if sparsity.inputs is not None:
                form = _places(sparsity.columns[members]).tobytes(), sparsity.inputs[members].tobytes()
            alike[units.size, form].append((units, members))
    return [(np.stack([u for u, _ in groups]), np.stack([m for _, m in groups])) for groups in alike.values()]


def _places(columns: Array) -> Array:
    """Return the number of each column among the distinct ones."""
    return np.unique(columns, return_inverse=True)[1].ravel()


class ParameterGroups:
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
    matrix : ndarray (B, G, d, m)
    """

    def __init__(
        self, sparsity: JacobianSparsity, units: Array, parameters: Array, batch_size: int, dtype: np.dtype
    ) -> None:
        self.units, self.parameters = units, parameters
        self.matrix = np.zeros((batch_size, *units.shape, parameters.shape[1]), dtype)
        columns = np.unique(sparsity.columns[parameters[0]]).size
        few = sparsity.inputs is not None and columns <= len(units)
        self.update = (OuterProductUpdate if few else ElementwiseUpdate)(sparsity, units, parameters)

    def advance(self, entries: JacobianEntries, n: int) -> None:
        """Set M to J M + I, restricted to the groups, for the first n sequences."""
        updated = entries.blocks(self.units) @ self.matrix[:n]
        self.update.add(entries, updated)
        self.matrix[:n] = updated

    def gradient(self, d_state: Array) -> Array:
        """Return dL/ds . M (G, m), summed over the sequences."""
        return np.einsum("ngd,ngdm->gm", d_state[:, self.units], self.matrix[: len(d_state)])


class ElementwiseUpdate:
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

    def add(self, entries: JacobianEntries, matrix: Array) -> None:
        """Add the structurally nonzero entries of I to a matrix (n, G, d, m)."""
        matrix.reshape(len(matrix), -1)[:, self.places] += entries.immediate(*self.pairs)


class OuterProductUpdate:
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
        self.places = _places(sparsity.columns[self.first]), np.arange(parameters.shape[1])

    def add(self, entries: JacobianEntries, matrix: Array) -> None:
        """Add I to a matrix (n, G, d, m)."""
        (n, m), q = (len(matrix), len(self.first)), self.columns.shape[1]
        inputs = np.zeros((n, q, m), matrix.dtype)
        inputs[:, *self.places] = entries.inputs(self.first)
        slopes = entries.slopes(self.units, self.columns)
        matrix += (slopes.reshape(n, -1, q) @ inputs).reshape(matrix.shape)
