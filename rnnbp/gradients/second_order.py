"""Hessian-vector products, at the cost of a few gradients."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rnnbp.data import SequenceBatch, check_batch
from rnnbp.gradients.base import GradientAlgorithm
from rnnbp.gradients.bptt import BPTT
from rnnbp.gradients.forward import with_imaginary_step
from rnnbp.layers.base import Array, State
from rnnbp.losses import Loss
from rnnbp.models import Sequential
from rnnbp.runtime import refuses_by_name


@dataclass(frozen=True)
class Curvature:
    """A loss, its gradient, and a Hessian-vector product.

    Attributes
    ----------
    loss : float
    gradient : ndarray (P,)
        In float64.
    product : ndarray (P,)
        The Hessian times the direction, H v.
    steps : int
        Forward steps, summed over sequences.
    """

    loss: float
    gradient: Array
    product: Array
    steps: int


@refuses_by_name
def hvp(
    model: Sequential,
    batch: SequenceBatch,
    loss: Loss,
    direction: Array,
    *,
    gradient: GradientAlgorithm | None = None,
    state: Sequence[State] | None = None,
) -> Curvature:
    """Compute the Hessian of the mean loss times a direction v, exact to rounding, without dropout.

    Pearlmutter's R-operator is the derivative of the whole gradient computation along v. Cells, layers and losses are
    holomorphic, and so are their backward passes, so that the complex step gives this derivative without further
    formulas: H v = gradient(p + ihv).imag / h. It takes the time of a gradient in complex numbers, about three to
    four of a real one, and twice its memory; no matrix (P, P) is formed.

    Parameters
    ----------
    model : Sequential
    batch : SequenceBatch
        With targets.
    loss : Loss
    direction : ndarray (P,)
        v, of any norm.
    gradient : GradientAlgorithm, default BPTT()
        The algorithm whose gradient is differentiated: an exact one that computes in the parameters' dtype, as `BPTT`
        and `RecurrentBackprop` do.
    state : list, one per layer, optional
        The initial states.

    Returns
    -------
    Curvature
        `.product` is H v.

    Raises
    ------
    ValueError
        If `direction` is not real of shape (P,), or `gradient` does not compute in complex numbers.

    Notes
    -----
    At a kink (relu at 0) the second derivative is taken as 0.

    References
    ----------
    B. A. Pearlmutter (1994), "Fast exact multiplication by the Hessian", Neural Computation 6(1), 147-160,
    doi:10.1162/neco.1994.6.1.147

    Examples
    --------
    >>> import rnnbp
    >>> model = rnnbp.Sequential(rnnbp.Elman(2, 3), rnnbp.Last(), rnnbp.Dense(3, 2), dtype=np.float64)
    >>> batch = rnnbp.SequenceDataset([np.ones((5, 2))], targets=[1]).batch()
    >>> u, v = np.ones(29), np.arange(29.0)
    >>> H_u, H_v = (hvp(model, batch, rnnbp.CrossEntropy(), d).product for d in (u, v))
    >>> bool(np.isclose(v @ H_u, u @ H_v, rtol=1e-12))
    True
    """
    check_batch(batch)
    model.cast(batch.x)
    params, step = with_imaginary_step(model.params, direction)
    along = copy.copy(model)
    along.dtype, along.params = np.dtype(np.float64), params
    found = list((gradient or BPTT()).gradients(along, batch.astype(np.float64), loss, state))
    vector = sum((g.vector for g in found), np.zeros(params.size))
    if not np.iscomplexobj(vector):
        raise ValueError(f"gradient must work in complex numbers, as BPTT() does; {gradient!r} gave {vector.dtype}")
    value = sum(complex(g.loss).real for g in found)
    return Curvature(value, vector.real, vector.imag / step, sum(g.cost.steps for g in found))
