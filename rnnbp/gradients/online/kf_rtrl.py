"""Kronecker-factored real-time recurrent learning: a random Kronecker product estimates the influence matrix."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from rnnbp.cells import Outer
from rnnbp.cells.base import Array
from rnnbp.cells.outer import outer_method, outer_rows, side_by_side
from rnnbp.core import Parameters
from rnnbp.gradients.online.base import InfluenceMatrix
from rnnbp.gradients.online.decomposition import Decomposition
from rnnbp.gradients.online.linearized_step import LinearizedStep
from rnnbp.gradients.online.sign_estimates import RandomOnline, balanced, random_signs


@dataclass(frozen=True)
class KFRTRL(RandomOnline):
    """Compute an unbiased estimate of the gradient of the mean loss by Kronecker-factored RTRL.

    The influence matrix of each sequence is replaced by a Kronecker product u outer A whose expectation it is. Where
    the immediate Jacobian is the product of D[t] (S, K) = ds[t]/da, a the pre-activations, and one vector of inputs
    v[t] = [x | h | 1], the update is::

        u =  c1 p1 u        +  c2 p2 v[t],          p1 = sqrt(|J[t] A| / |u|)
        A =  c1 J[t] A / p1 +  c2 D[t] / p2,        p2 = sqrt(|D[t]| / |v[t]|)

    with new random signs c1, c2 at every step; |A| and |D| are Frobenius norms, for which the variance
    of a step is least. This holds for Elman networks and the LSTM, and is the published algorithm. Parameters with
    other columns of D have a product of their own: two in PyTorch's GRU, whose recurrent weights have a gradient scaled
    by the reset gate r, and one or more for each layer of a stack. Unbiased estimates of the parts of the influence
    matrix are an unbiased estimate of the whole.

    A step costs S^2 K for each sequence, as the forward step of a batch of S; S K + F + H + 1 numbers are stored. The
    variance is below that of `UORO`, and zero for the first step.

    Parameters
    ----------
    seed : int or numpy.random.Generator, default 0
        Seed of the signs. Without `rng`, `gradients` draws the same ones at every call; with `rng` (which a Trainer
        passes) they depend on both, and each call draws new ones.
    every : int, optional
        Steps between gradients; the parameters may change with each. Default: one per batch, at constant
        parameters.

    Raises
    ------
    ValueError
        If `seed` is not a natural number or `every` not a positive integer; when used on a model that `RTRL` does not
        take, or on a cell without `outer_products`.

    See Also
    --------
    UORO : more variance at less cost, and for every cell.

    References
    ----------
    A. Mujika, F. Meier & A. Steger (2018), "Approximating real-time recurrent learning with random Kronecker factors",
    NeurIPS, algorithm 1 and lemma 1, arXiv:1805.10842

    Examples
    --------
    The mean over many copies of a sequence, each with its own signs, approaches the gradient:

    >>> import rnnbp
    >>> model = rnnbp.Sequential(rnnbp.Elman(2, 3), rnnbp.Last(), rnnbp.Dense(3, 2))
    >>> batch = rnnbp.SequenceDataset([np.ones((5, 2))] * 300, targets=[1] * 300).batch()
    >>> (exact,) = rnnbp.BPTT().gradients(model, batch, rnnbp.CrossEntropy())
    >>> (g,) = KFRTRL().gradients(model, batch, rnnbp.CrossEntropy())
    >>> bool(np.linalg.norm(g.vector - exact.vector) < 0.2 * np.linalg.norm(exact.vector))
    True
    """

    def initial_influence(
        self, parts: Decomposition, batch_size: int, rng: np.random.Generator | None
    ) -> InfluenceMatrix:
        for cell in parts.cell.cells:
            if outer_method(cell) is None:
                raise ValueError(
                    f"KFRTRL takes cells that define outer_products, got {cell!r}: give it a method "
                    "outer_products(state, x, residuals) -> tuple of rnnbp.cells.Outer, or use UORO()"
                )
        return KroneckerInfluenceMatrix(parts.params.shapes, self.generator(rng))


@dataclass
class Product:
    """The product u outer A of the parameters whose gradient comes from the same columns of delta.

    Parameters
    ----------
    inputs : ndarray (B, V)
        u.
    states : ndarray (B, S, K)
        A.
    places : tuple of (Outer, slice)
        The part of u that belongs to each parameter.
    """

    inputs: Array
    states: Array
    places: tuple[tuple[Outer, slice], ...]


class KroneckerInfluenceMatrix(InfluenceMatrix):
    """Kronecker products that estimate the influence matrix, one for each set of columns of delta.

    Parameters
    ----------
    shapes : mapping of str to tuple of int
        Of the parameters.
    rng : numpy.random.Generator
    """

    def __init__(self, shapes: Mapping[str, tuple[int, ...]], rng: np.random.Generator) -> None:
        self.shapes, self.rng = shapes, rng
        self.products: list[Product] = []  # set up at the first step

    def advance(self, step: LinearizedStep) -> None:
        n, delta = step.size, np.moveaxis(side_by_side(step.deltas), 0, 1)  # (n, S, K)
        sets = by_delta_columns(step)
        if not self.products:
            self.products = [_zero_product(outers, delta.shape[:2], delta.dtype) for outers in sets]
        for product, outers in zip(self.products, sets, strict=True):
            c1, c2 = random_signs(self.rng, (2, n), delta.dtype)
            u, ja = balanced(product.inputs[:n], step.jacobian @ product.states[:n])
            v, d = balanced(_inputs(outers, n, delta.dtype), delta[..., outers[0].columns])
            product.inputs[:n] = c1[:, None] * u + c2[:, None] * v
            product.states[:n] = c1[:, None, None] * ja + c2[:, None, None] * d

    def gradient(self, d_state: Array) -> Array:
        n = len(d_state)
        grad = Parameters(self.shapes, dtype=d_state.dtype)
        for product in self.products:
            found = np.einsum("ns,nsk->nk", d_state, product.states[:n]).T @ product.inputs[:n]
            for outer, place in product.places:
                outer_rows(grad[outer.name], outer)[:] = found[:, place]
        return grad.vector


def by_delta_columns(step: LinearizedStep) -> list[list[Outer]]:
    """Return the outer products of a step, grouped by their columns of delta.

    Examples
    --------
    >>> from rnnbp.cells import GRUCell
    >>> cell = GRUCell(2, 3)
    >>> step = LinearizedStep(cell, Parameters(cell.shapes()), np.zeros((1, 3)), np.zeros((1, 2)))
    >>> [[outer.name for outer in outers] for outers in by_delta_columns(step)]
    [['w_ih', 'b_ih'], ['w_hh', 'b_hh']]
    """
    method = outer_method(step.cell)
    assert method is not None
    sets: dict[tuple[int, ...], list[Outer]] = {}
    for outer in method(step.state, step.x, step.residuals):
        sets.setdefault(tuple(outer.columns.tolist()), []).append(outer)
    return list(sets.values())


def _inputs(outers: Sequence[Outer], n: int, dtype: np.dtype) -> Array:
    """Return [x | h | 1] (n, V): all inputs side by side, and a one for the biases."""
    found = [outer.inputs for outer in outers if outer.inputs is not None]
    biases = any(outer.inputs is None for outer in outers)
    return np.concatenate([*found, np.ones((n, int(biases)), dtype)], axis=1)


def _zero_product(outers: Sequence[Outer], size: tuple[int, int], dtype: np.dtype) -> Product:
    """Return the product before the first step, zero, for `size` = (B, S)."""
    widths = [0 if outer.inputs is None else outer.inputs.shape[1] for outer in outers]
    ends = np.cumsum(widths)
    places = [slice(end - k, end) if k else slice(ends[-1], None) for k, end in zip(widths, ends, strict=True)]
    layout = tuple((replace(outer, inputs=None), place) for outer, place in zip(outers, places, strict=True))
    zeros = np.zeros_like(_inputs(outers, size[0], dtype))
    return Product(zeros, np.zeros((*size, len(outers[0].columns)), dtype), layout)
