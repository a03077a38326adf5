"""The terms of the parameters' gradient, and the sum of the threads' gradients."""

from collections.abc import Sequence
from typing import NamedTuple

from rnnbp.core import Parameters
from rnnbp.kernels.base import Array
from rnnbp.kernels.compiled.bookkeeping import GradientTerm
from rnnbp.kernels.compiled.residuals import Residuals
from rnnbp.kernels.compiled.weights import side_by_side


class Term(NamedTuple):
    """A term of the parameters' gradient: ``[w_h | w_x] += delta outer inputs``, and either bias the sum of delta.

    delta is the columns of `deltas` from `begin` on, the inputs those of `source` from `start` on. Until the end the
    gradients of both weights are side by side in `sums`; of a single source, the second ones have no columns.
    """

    begin: int
    source: Array
    start: int
    w_h: Array
    w_x: Array
    b_h: Array
    b_x: Array
    sums: Array


def terms_of(terms: Sequence[GradientTerm], saved: Residuals, grad: Parameters, none: Array) -> list[Term]:
    """Return the terms of a shard's gradient.

    Parameters
    ----------
    terms : sequence of GradientTerm
    saved : Residuals
    grad : Parameters
        Whose arrays the terms add to.
    none : ndarray (0,)
        In place of a bias that a term does not have.
    """
    return [_term(term, getattr(saved, term.source), grad, none) for term in terms]


def _term(t: GradientTerm, source: Array, grad: Parameters, none: Array) -> Term:
    biases = [none if rows is None else rows.take(grad) for rows in t.biases]
    weights = [rows.take(grad) for rows in t.weights] or [biases[0].reshape(-1, 1)[:, :0]]
    if len(weights) == 1:
        weights, biases = [*weights, weights[0][:, :0].copy()], [*biases, none]
    (w_h, w_x), (b_h, b_x) = weights, biases
    return Term(t.begin, source, t.start, w_h, w_x, b_h, b_x, side_by_side(w_h, w_x))


def add_partial_sums(grad: Parameters, sums: Sequence[Parameters]) -> None:
    """Add the threads' partial sums to the gradient; one of them may be the gradient itself."""
    for partial in sums:
        if partial is not grad:
            grad.vector += partial.vector
