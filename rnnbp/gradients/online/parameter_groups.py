"""Parameters grouped by the units that they affect within a number of steps."""

from collections import defaultdict
from functools import lru_cache

import numpy as np

from rnnbp.cells.base import Array
from rnnbp.gradients.online.jacobian_sparsity import JacobianSparsity


@lru_cache(maxsize=16)
def grouped(sparsity: JacobianSparsity, order: int | None) -> list[tuple[Array, Array]]:
    """Return `group_parameters`; without an order a single group, of all units and parameters. Not to be changed."""
    if order is None:
        S, P = len(sparsity.jacobian), len(sparsity.columns)
        return [(np.arange(S)[None], np.arange(P)[None])]
    return group_parameters(sparsity, order)


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
    >>> from rnnbp.gradients.online.jacobian_sparsity import sparsity_of
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
                form = places_of(sparsity.columns[members]).tobytes(), sparsity.inputs[members].tobytes()
            alike[units.size, form].append((units, members))
    return [(np.stack([u for u, _ in groups]), np.stack([m for _, m in groups])) for groups in alike.values()]


def places_of(columns: Array) -> Array:
    """Return the number of each column among the distinct ones.

    Examples
    --------
    >>> places_of(np.array([7, 3, 7]))
    array([1, 0, 1])
    """
    return np.unique(columns, return_inverse=True)[1].ravel()
