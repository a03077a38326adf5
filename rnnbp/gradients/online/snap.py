"""Sparse n-step approximation: RTRL with a sparse influence matrix."""

from dataclasses import dataclass

import numpy as np

from rnnbp.gradients.online.base import InfluenceMatrix, Online
from rnnbp.gradients.online.decomposition import Decomposition
from rnnbp.gradients.online.influence import influence_on
from rnnbp.gradients.online.jacobian_sparsity import sparsity_of
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
        return influence_on(sparsity_of(parts.cell, parts.params), self.order, batch_size, parts.model.dtype)
