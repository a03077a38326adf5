"""Evaluation of a single sequence by an Elman cell, with or without leak, whose recurrent weights are mostly zero."""

from collections.abc import Callable

import numpy as np

from rnnbp.cells import Cell, ElmanCell, LeakyElmanCell
from rnnbp.cells.base import Array
from rnnbp.core import Parameters, activation

LEAST_BYTES = 2**21  # of the recurrent weights as a dense matrix, which a core's cache then does not hold
MOST_DENSITY = 0.2
OneSequence = Callable[[Array, Array], tuple[Array, Array]]
"""x (T, F), state (H,) -> states (T, H), last state (H,)."""


def sparse_evaluation(cell: Cell, params: Parameters) -> OneSequence | None:
    """Return the evaluation of one sequence by products with sparse weights; None where it would not be faster.

    Examples
    --------
    >>> from rnnbp.core import EchoState
    >>> cell = ElmanCell(1, 800, init=EchoState(density=0.05))
    >>> params = Parameters(cell.shapes())
    >>> cell.initialize(params, np.random.default_rng(0))
    >>> sparse_evaluation(cell, params)(np.ones((9, 1), np.float32), np.zeros(800, np.float32))[0].shape
    (9, 800)
    """
    if type(cell) not in (ElmanCell, LeakyElmanCell):
        return None
    w, H, F = params["w_hh"], cell.state_size, cell.input_size
    if w.nbytes < LEAST_BYTES or np.count_nonzero(w) > MOST_DENSITY * w.size:
        return None
    from scipy.sparse import csr_array  # slow to import

    bias = params["b_ih"] + params["b_hh"]
    whole = csr_array(np.hstack([w, params["w_ih"], bias[:, None]]))  # of [h, x, 1], a product a step
    function = activation(cell.activation).function  # type: ignore[attr-defined]
    rate = params.dtype.type(1 / getattr(cell, "tau", 1.0))

    def evaluate(x: Array, state: Array) -> tuple[Array, Array]:
        states, now = np.empty((len(x), H), x.dtype), np.ones(H + F + 1, x.dtype)
        h, before = now[:H], state
        h[:] = state
        for t, one in enumerate(x):
            now[H:-1] = one
            new = function(whole @ now)
            before = new if rate == 1 else before + rate * (new - before)
            h[:] = states[t] = before
        return states, h.copy()

    return evaluate
