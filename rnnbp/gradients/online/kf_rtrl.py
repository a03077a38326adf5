"""Kronecker-factored real-time recurrent learning: a random Kronecker product estimates the influence matrix."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from rnnbp.cells import Outer
from rnnbp.cells.base import Array
from rnnbp.cells.outer import outer_method, outer_rows, side_by_side
from rnnbp.core import Parameters
from rnnbp.gradients.online.base import InfluenceMatrix
from rnnbp.gradients.online.compiled_products import KroneckerUpdate
from rnnbp.gradients.online.decomposition import Decomposition
from rnnbp.gradients.online.entry_places import whole_jacobian
from rnnbp.gradients.online.jacobian_compression import CompressedEntries, by_row, compression_of, entries_of
from rnnbp.gradients.online.jacobian_sparsity import JacobianSparsity, structure_of
from rnnbp.gradients.online.linearized_steps import LinearizedSteps
from rnnbp.gradients.online.sign_estimates import RandomOnline, StepSigns, balanced
from rnnbp.kernels import may_compile


@dataclass(frozen=True)
class KFRTRL(RandomOnline):
    """Compute an unbiased estimate of the gradient of the mean loss by Kronecker-factored RTRL.

    The influence matrix of each sequence is replaced by a Kronecker product u outer A whose expectation it is. Where
    the immediate Jacobian is the product of D[t] (S, K) = ds[t]/da, a the pre-activations, and one vector of inputs
    v[t] = [x | h | 1], the update is::

        u =  c1 p1 u        +  c2 p2 v[t],          p1 = sqrt(|J[t] A| / |u|)
        A =  c1 J[t] A / p1 +  c2 D[t] / p2,        p2 = sqrt(|D[t]| / |v[t]|)

    with new random signs c1, c2 at every step; ``|A|`` and ``|D|`` are Frobenius norms, for which the variance
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
        return KroneckerInfluenceMatrix(structure_of(parts.cell), parts.params.shapes, self.generator(rng))


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

    def advance(
        self, steps: LinearizedSteps, jacobian: Array, signs: Array, inputs: Array, slopes: Array, signal: Array
    ) -> Array:
        """Update u and A through a block of steps, and return the sum of (dL/ds . A) outer u, (K, V).

        Parameters
        ----------
        steps : LinearizedSteps
        jacobian : ndarray (N, S, S)
        signs : ndarray (2, N)
            c1 and c2 of each real step.
        inputs, slopes : ndarray (N, V), (N, S, K)
            p2 v and D / p2.
        signal : ndarray (N, S)
            dL/ds.
        """
        c1, c2 = signs
        new_inputs, new_states = c2[:, None] * inputs, c2[:, None, None] * slopes
        signals, products = [], []
        for rows in steps.rows:
            n = rows.stop - rows.start
            u, a = balanced(self.inputs[:n], jacobian[rows] @ self.states[:n])
            self.inputs[:n] = c1[rows, None] * u + new_inputs[rows]
            self.states[:n] = c1[rows, None, None] * a + new_states[rows]
            signals.append((signal[rows, None] @ self.states[:n])[:, 0])
            products.append(self.inputs[:n].copy())
        return np.concatenate(signals).T @ np.concatenate(products)


class KroneckerInfluenceMatrix(InfluenceMatrix):
    """Kronecker products that estimate the influence matrix, one for each set of columns of delta.

    Parameters
    ----------
    sparsity : JacobianSparsity
    shapes : mapping of str to tuple of int
        Of the parameters.
    rng : numpy.random.Generator
    """

    def __init__(
        self, sparsity: JacobianSparsity, shapes: Mapping[str, tuple[int, ...]], rng: np.random.Generator
    ) -> None:
        self.sparsity, self.shapes, self.signs = sparsity, shapes, StepSigns(rng)
        self.products: list[Product] = []  # set up at the first step

    @property
    def stored(self) -> Sequence[Any]:
        return [array for product in self.products for array in (product.inputs, product.states)]

    def advance(self, steps: LinearizedSteps, signal: Array) -> Array:
        sets = by_delta_columns(steps)
        if not self.products:
            size = steps.active[0], signal.shape[1]
            self.products = [_zero_product(outers, size, signal.dtype) for outers in sets]
        inputs = [_inputs(outers, steps.size, signal.dtype) for outers in sets]
        signs = self._signs(steps, len(sets), signal.dtype)
        run = self._compiled if may_compile() else self._by_numpy
        grad = Parameters(self.shapes, dtype=signal.dtype)
        for product, found in zip(self.products, run(steps, signal, sets, inputs, signs), strict=True):
            for outer, place in product.places:
                outer_rows(grad[outer.name], outer)[:] = found[:, place]
        return grad.vector

    def _by_numpy(
        self, steps: LinearizedSteps, signal: Array, sets: Sequence[Sequence[Outer]], inputs: list[Array], signs: Array
    ) -> Iterator[Array]:
        """Update the products, and yield the gradient (K, V) of each."""
        entries = entries_of(steps, compression_of(self.sparsity, signal.dtype), signal.shape[1] ** 2)
        jacobian = entries.jacobian()
        for k, (product, outers) in enumerate(zip(self.products, sets, strict=True)):
            v, d = balanced(inputs[k], entries.derivatives(outers[0].columns))
            yield product.advance(steps, jacobian, signs[k], v, d, signal)

    def _compiled(
        self, steps: LinearizedSteps, signal: Array, sets: Sequence[Sequence[Outer]], inputs: list[Array], signs: Array
    ) -> Iterator[Array]:
        """Update the products by compiled code, and yield the gradient (K, V) of each."""
        compression = compression_of(self.sparsity, signal.dtype)
        entries = CompressedEntries(steps, compression)
        slopes = by_row(side_by_side(entries.delta))
        jacobian = whole_jacobian(compression).jacobians(entries, slopes).reshape(steps.size, *[signal.shape[1]] * 2)
        for k, (product, outers) in enumerate(zip(self.products, sets, strict=True)):
            update = KroneckerUpdate(compression, outers[0].columns)
            given = product.inputs, product.states, steps.active, jacobian, slopes, signs[k], inputs[k], signal
            yield update.advance(*given)

    def _signs(self, steps: LinearizedSteps, sets: int, dtype: np.dtype) -> Array:
        """Return the two signs (sets, 2, N) of each set and real step, drawn step by step."""
        drawn = self.signs.next(steps.active, 2 * sets, dtype, by_sequence=False)
        return np.ascontiguousarray(drawn.T).reshape(sets, 2, steps.size)


def by_delta_columns(steps: LinearizedSteps) -> list[list[Outer]]:
    """Return the outer products of a block of steps, grouped by their columns of delta.

    Examples
    --------
    >>> from rnnbp.cells import GRUCell
    >>> cell = GRUCell(2, 3)
    >>> steps = LinearizedSteps(cell, Parameters(cell.shapes()), np.zeros((1, 3)), np.zeros((1, 2)))
    >>> [[outer.name for outer in outers] for outers in by_delta_columns(steps)]
    [['w_ih', 'b_ih'], ['w_hh', 'b_hh']]
    """
    assert steps.outers is not None
    sets: dict[tuple[int, ...], list[Outer]] = {}
    for outer in steps.outers:
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
    zeros = np.zeros((size[0], ends[-1] + any(outer.inputs is None for outer in outers)), dtype)
    return Product(zeros, np.zeros((*size, len(outers[0].columns)), dtype), layout)
