"""E-prop: eligibility traces, which are local to each unit, times a learning signal."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from rnnbp.cells import Cell, Outer, Stack
from rnnbp.cells.base import Array
from rnnbp.cells.outer import outer_method
from rnnbp.core import Parameters
from rnnbp.gradients.online.base import InfluenceMatrix, Online
from rnnbp.gradients.online.decomposition import Decomposition
from rnnbp.gradients.online.detached_layers import detached
from rnnbp.gradients.online.feedback import Feedback, RandomFeedback, SymmetricFeedback
from rnnbp.gradients.online.forward_pass import BlockLoss, ForwardPass
from rnnbp.gradients.online.influence import influence_on
from rnnbp.gradients.online.jacobian_sparsity import JacobianSparsity, sparsity_of, without_paths, without_recurrent
from rnnbp.gradients.online.linearized_steps import LinearizedSteps


@dataclass(frozen=True)
class EProp(Online):
    """Compute an approximate gradient of the mean loss by e-prop: eligibility traces times a learning signal.

    It is RTRL without the paths through recurrent weights. With L[t] the learning signal at step t, I the immediate
    Jacobian and J* the non-recurrent Jacobian, that of a step whose recurrent weights are zero::

        dL/dp ~ sum over t of  L[t] . e[t],     e[t] = J*[t] e[t-1] + I[t]

    e are the eligibility traces: a number for each parameter of an Elman, leaky Elman or GRU cell, two in an LSTM or a
    LIF cell, three in an ALIF cell; a step costs a few times a forward step. Recurrent weights are trained as others
    are, but no gradient is propagated through them. Where all of them are zero, symmetric feedback makes it exact.

    The weight from a unit to itself counts as recurrent. In stacked layers, symmetric feedback includes the path from
    unit to unit upwards: a parameter of a lower layer has traces in all units of the layers above. With random feedback
    traces are local to their layer, and each layer has its own learning signal. Under `MeanOverTime` the traces are
    averaged over time.

    Parameters
    ----------
    feedback : SymmetricFeedback or RandomFeedback, default SymmetricFeedback()
        The learning signal: the gradient backpropagated through the readout, or the gradient with respect to the
        outputs times a fixed random matrix for each layer. Or a function, ``feedback(block_loss, forward_pass)``, of
        the losses of a block of N real steps, that returns an array (N, S).
    every : int, optional
        Steps between gradients; the parameters may change with each. Default: one per batch, at constant
        parameters.

    Raises
    ------
    ValueError
        If `feedback` cannot be called or `every` is not a positive integer; when used on a model that `RTRL` does not
        take, or on a cell that does not mark its recurrent weights (`rnnbp.cells.outer.Outer.units`): of the package's,
        the Jordan and the original GRU cell, in which units depend on each other in other ways too.

    See Also
    --------
    RFLO : the same for leaky rate networks, as it was published.
    SnAp : includes the recurrent weights within its sparsity pattern.

    References
    ----------
    G. Bellec, F. Scherr, A. Subramoney, E. Hajek, D. Salaj, R. Legenstein & W. Maass (2020), "A solution to the
    learning dilemma for recurrent networks of spiking neurons", Nature Communications 11, 3625, eq. 1-5 and Methods,
    doi:10.1038/s41467-020-17236-y

    Examples
    --------
    >>> import rnnbp
    >>> model = rnnbp.Sequential(rnnbp.LSTM(2, 3), rnnbp.Dense(3, 2), dtype=np.float64)
    >>> batch = rnnbp.SequenceDataset([np.ones((5, 2))], targets=[np.zeros(5, int)]).batch()
    >>> def cosine():
    ...     exact, found = (next(a.gradients(model, batch, rnnbp.CrossEntropy())) for a in (rnnbp.BPTT(), EProp()))
    ...     return exact.vector @ found.vector / np.linalg.norm(exact.vector) / np.linalg.norm(found.vector)
    >>> bool(0.9 < cosine() < 0.9999)
    True
    >>> model.params["0.w_hh"] = 0
    >>> bool(np.isclose(cosine(), 1, rtol=1e-12))
    True
    """

    feedback: Feedback = field(default_factory=SymmetricFeedback)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not callable(self.feedback):
            raise ValueError(
                f"feedback must be SymmetricFeedback(), RandomFeedback() or a function, got {self.feedback!r}"
            )

    def prepare(self, parts: Decomposition) -> Decomposition:
        """Return the decomposition, with detached layers where the feedback is broadcast to each of them.

        Raises
        ------
        ValueError
            If a cell does not mark its recurrent weights.
        """
        for cell in single_cells(parts.cell):
            self.check_cell(cell)
        return detached(parts) if isinstance(self.feedback, RandomFeedback) else parts

    def initial_influence(
        self, parts: Decomposition, batch_size: int, rng: np.random.Generator | None
    ) -> InfluenceMatrix:
        return Eligibility(sparsity_of(parts.cell, parts.params), batch_size, parts.model.dtype)

    def check_cell(self, cell: Cell) -> None:
        """Raise ValueError if a cell does not mark its recurrent weights."""
        if not marks_recurrent(cell) and has_memory(cell):
            raise ValueError(
                f"{type(self).__name__} takes cells that mark their recurrent weights, the only paths between units "
                f"(rnnbp.cells.outer), got {cell!r}: use RTRL() or SnAp()"
            )

    def learning_signal(self, block_loss: BlockLoss, forward_pass: ForwardPass) -> Array:
        return self.feedback(block_loss, forward_pass)


class Eligibility(InfluenceMatrix):
    """Eligibility traces: the influence matrix with the non-recurrent Jacobian in place of the recurrent one.

    Parameters
    ----------
    sparsity : JacobianSparsity
        Of the cell with its recurrent weights.
    batch_size : int
    dtype : dtype
    """

    def __init__(self, sparsity: JacobianSparsity, batch_size: int, dtype: np.dtype) -> None:
        self.recurrent: tuple[Outer, ...] = sparsity.recurrent
        self.traces = influence_on(without_paths(sparsity), len(sparsity.non_recurrent), batch_size, dtype)

    @property
    def stored(self) -> Sequence[Any]:
        return self.traces.stored

    def advance(self, steps: LinearizedSteps, signal: Array) -> Array:
        return self.traces.advance(steps.with_weights(without_recurrent(self.recurrent, steps.weights)), signal)


def single_cells(cell: Cell) -> Iterator[Cell]:
    """Yield the cells within stacks, at any depth.

    Examples
    --------
    >>> from rnnbp.cells import ElmanCell, LSTMCell
    >>> stack = Stack((Stack((ElmanCell(1, 2), LSTMCell(2, 3))), ElmanCell(3, 1)))
    >>> [type(cell).__name__ for cell in single_cells(stack)]
    ['ElmanCell', 'LSTMCell', 'ElmanCell']
    """
    if not isinstance(cell, Stack):
        yield cell
        return
    for part in cell.cells:
        yield from single_cells(part)


def marks_recurrent(cell: Cell) -> bool:
    """Return whether a cell has recurrent weights and marks them in its `outer_products`.

    Examples
    --------
    >>> from rnnbp.cells import GRUCell, OriginalGRUCell
    >>> marks_recurrent(GRUCell(1, 2)), marks_recurrent(OriginalGRUCell(1, 2))
    (True, False)
    """
    method = outer_method(cell)
    if method is None:
        return False
    state, x, params = np.zeros(cell.state_size), np.zeros(cell.input_size), Parameters(cell.shapes())
    _, residuals = cell.step(dict(params.items()), state, x)
    return any(outer.units is not None for outer in method(state, x, residuals))


def has_memory(cell: Cell) -> bool:
    """Return whether a cell has parameters and its next state depends on the previous one.

    Examples
    --------
    >>> from rnnbp.cells import JordanCell
    >>> from rnnbp.gradients.online.layer_cells import DenseCell
    >>> from rnnbp.layers import Dense
    >>> has_memory(JordanCell(1, 2, 2)), has_memory(DenseCell(Dense(1, 2)))
    (True, False)
    """
    params = Parameters(cell.shapes())
    params.vector[:] = 1
    return params.size > 0 and bool(sparsity_of(cell, params).jacobian.any())
