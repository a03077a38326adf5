"""Sparse n-step approximation: real-time recurrent learning that keeps the influence which n steps can have."""

from collections import defaultdict
from dataclasses import dataclass

import numpy as np

from rnnbp.cells.base import Array
from rnnbp.gradients.online.base import Influence, Online
from rnnbp.gradients.online.chain import Chain
from rnnbp.gradients.online.folded import Entries, Folded, Folds
from rnnbp.gradients.online.linear import Linear
from rnnbp.gradients.online.structure import Structure, structure
from rnnbp.runtime import positive_int


@dataclass(frozen=True)
class SnAp(Online):
    """RTRL on a part of the influence: of each parameter, on the units that it reaches within n steps.

    With the step at which it acts as the first, a parameter reaches the units where one of I, J I, ..., J^(n-1) I is
    not zero; elsewhere the influence is held at zero::

        M[t] = (J[t] M[t-1] + I[t]) where reached, 0 elsewhere

    In an Elman network or GRU SnAp-1 keeps one number for each parameter and sequence, the influence on its own unit;
    in an LSTM two, on h and c (one for an output gate's, which act on h alone). For d units a parameter, d P numbers
    are held and d^2 P multiplications made at each step, instead of RTRL's S P and S^2 P. Where a parameter acts on
    many units at once (the original GRU's reset gates, the layers below another recurrent one, a Jordan network's
    hidden layer), SnAp-1 keeps all of these.

    In a network whose recurrent weights are mostly held at zero by a mask (`Parameters.set_mask`,
    `rnnbp.initializers.Sparse`) SnAp-2 is still cheap, and stays so while the others are learned. Without a mask those
    that are exactly zero count as missing.

    With full recurrent weights every parameter reaches all that it can reach, and the gradient is exact, from some n
    on: n = 2 for Elman, leaky Elman, LSTM, GRU, original GRU and LIF cells and for Jordan networks without decay;
    n = 3 for ALIF cells, in which the adaptation of a unit that was reached follows its spike a step later, and for
    Jordan networks with decay, whose context does. Of layers on top of each other the largest n counts.

    Parameters
    ----------
    order : int, default 1
        n.
    every : int, optional
        Steps between gradients; the parameters may change with each. Without a mask, which weights are zero is seen at
        the beginning of a batch. Default: one gradient a batch, the parameters being still.

    Raises
    ------
    ValueError
        If `order` or `every` is not a positive integer; when used on a model that `RTRL` does not take.

    See Also
    --------
    RTRL : the whole influence.

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

    def influence(self, parts: Chain, batch_size: int, rng: np.random.Generator | None) -> Influence:
        """Nothing has acted yet."""
        found = structure(parts.cell, parts.params)
        return SparseInfluence(found, self.order, batch_size, parts.model.dtype)


class SparseInfluence:
    """The entries of M that are kept. Parameters that reach the same units are a group; groups of the same form are
    held together, as one array.

    Parameters
    ----------
    found : Structure
    order : int
    batch_size : int
    dtype : dtype

    Attributes
    ----------
    buckets : list of Bucket
    """

    def __init__(self, found: Structure, order: int, batch_size: int, dtype: np.dtype) -> None:
        self.buckets = [Bucket(found, *groups, batch_size, dtype) for groups in grouped(found, order)]
        self.size = len(found.columns)
        self.folds = Folds(found, dtype)
        self.folded = self.folds.pays(sum(bucket.units.size * bucket.units.shape[1] for bucket in self.buckets))

    def advance(self, step: Linear) -> None:
        """Bucket by bucket."""
        entries = Folded(step, self.folds) if self.folded else Entries(step)
        for bucket in self.buckets:
            bucket.advance(entries, step.size)

    def gradient(self, d_state: Array) -> Array:
        """dL/ds . M, summed over the sequences."""
        found = np.zeros(self.size, d_state.dtype)
        for bucket in self.buckets:
            found[bucket.parameters] = bucket.gradient(d_state)
        return found


def grouped(found: Structure, order: int) -> list[tuple[Array, Array]]:
    """Parameters by the units that they reach, groups of the same form together: as many units, and parameters that act
    by as many columns with the same inputs.

    Parameters
    ----------
    found : Structure
    order : int

    Returns
    -------
    list of (ndarray of int (G, d), ndarray of int (G, m))
        The units and the parameters of each of G groups. Parameters that reach nothing are left out.

    Examples
    --------
    >>> import rnnbp
    >>> cell = rnnbp.ElmanCell(1, 2)
    >>> [(units, parameters)] = grouped(structure(cell, rnnbp.Parameters(cell.shapes())), order=1)
    >>> units.tolist(), parameters.tolist()  # w_ih, w_hh, b_ih, b_hh of either unit
    ([[0], [1]], [[0, 2, 3, 6, 8], [1, 4, 5, 7, 9]])
    """
    sets, group = np.unique(~found.reach(order).T, axis=0, return_inverse=True)
    of_parameters = group.ravel()[found.columns]
    ends = np.cumsum(np.bincount(of_parameters, minlength=len(sets)))
    in_order = np.split(np.argsort(of_parameters, kind="stable"), ends[:-1])
    alike: dict[object, list[tuple[Array, Array]]] = defaultdict(list)
    for others, members in zip(sets, in_order, strict=True):
        units = np.flatnonzero(~others)
        if units.size and members.size:
            form: object = members.size
            if found.inputs is not None:
                form = _places(found.columns[members]).tobytes(), found.inputs[members].tobytes()
            alike[units.size, form].append((units, members))
    return [(np.stack([u for u, _ in groups]), np.stack([m for _, m in groups])) for groups in alike.values()]


def _places(columns: Array) -> Array:
    """Which of the different columns each one is."""
    return np.unique(columns, return_inverse=True)[1].ravel()


class Bucket:
    """Influence of G groups of m parameters on d units each.

    Parameters
    ----------
    found : Structure
    units : ndarray of int (G, d)
    parameters : ndarray of int (G, m)
    batch_size : int
    dtype : dtype

    Attributes
    ----------
    influence : ndarray (B, G, d, m)
    """

    def __init__(self, found: Structure, units: Array, parameters: Array, batch_size: int, dtype: np.dtype) -> None:
        self.units, self.parameters = units, parameters
        self.influence = np.zeros((batch_size, *units.shape, parameters.shape[1]), dtype)
        columns = np.unique(found.columns[parameters[0]]).size
        few = found.inputs is not None and columns <= len(units)
        self.action = (Products if few else Singly)(found, units, parameters)

    def advance(self, entries: Entries, n: int) -> None:
        """M = J M + I, within the groups."""
        moved = entries.blocks(self.units) @ self.influence[:n]
        self.action.add(entries, moved)
        self.influence[:n] = moved

    def gradient(self, d_state: Array) -> Array:
        """(G, m)."""
        return np.einsum("ngd,ngdm->gm", d_state[:, self.units], self.influence[: len(d_state)])


class Singly:
    """The direct action of groups of parameters, entry by entry.

    Parameters
    ----------
    found : Structure
    units : ndarray of int (G, d)
    parameters : ndarray of int (G, m)
    """

    def __init__(self, found: Structure, units: Array, parameters: Array) -> None:
        acts = found.direct[units[:, :, None], found.columns[parameters][:, None, :]]
        group, unit, member = np.nonzero(acts)
        self.acting = units[group, unit], parameters[group, member]
        self.places = np.flatnonzero(acts)

    def add(self, entries: Entries, influence: Array) -> None:
        """To (n, G, d, m), where it is not zero."""
        influence.reshape(len(influence), -1)[:, self.places] += entries.direct(*self.acting)


class Products:
    """The direct action of groups that act by few columns with the same inputs: a product of the units' derivatives by
    these columns and of the inputs.

    Parameters
    ----------
    found : Structure
    units : ndarray of int (G, d)
    parameters : ndarray of int (G, m)
    """

    def __init__(self, found: Structure, units: Array, parameters: Array) -> None:
        self.units, self.first = units, parameters[0]
        self.columns = np.stack([np.unique(found.columns[members]) for members in parameters])  # (G, q)
        self.places = _places(found.columns[self.first]), np.arange(parameters.shape[1])

    def add(self, entries: Entries, influence: Array) -> None:
        """To (n, G, d, m)."""
        (n, m), q = (len(influence), len(self.first)), self.columns.shape[1]
        inputs = np.zeros((n, q, m), influence.dtype)
        inputs[:, *self.places] = entries.inputs(self.first)
        slopes = entries.slopes(self.units, self.columns)
        influence += (slopes.reshape(n, -1, q) @ inputs).reshape(influence.shape)
