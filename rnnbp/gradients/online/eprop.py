"""E-prop: eligibility traces that each unit keeps by itself, times a learning signal."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from rnnbp.cells import Cell, Outer, Stack
from rnnbp.cells.base import Array
from rnnbp.cells.outer import outer_method
from rnnbp.core import Parameters
from rnnbp.gradients.online.base import Due, Influence, Online, Walk
from rnnbp.gradients.online.broadcast import detached
from rnnbp.gradients.online.chain import Chain
from rnnbp.gradients.online.feedback import Feedback, RandomFeedback, SymmetricFeedback
from rnnbp.gradients.online.linear import Linear
from rnnbp.gradients.online.snap import SparseInfluence
from rnnbp.gradients.online.structure import Structure, structure, without


@dataclass(frozen=True)
class EProp(Online):
    """RTRL without the paths through recurrent weights: what a parameter does to other units is left out, what it does
    to its own unit is kept for as long as the unit remembers.

    With L[t] the learning signal at step t and J* the Jacobian of a step whose recurrent weights pass nothing back::

        dL/dp ~ sum over t of  L[t] . e[t],     e[t] = J*[t] e[t-1] + I[t]

    e are the eligibility traces: a number for each parameter of an Elman, leaky Elman or GRU cell, two in an LSTM or a
    LIF cell, three in an ALIF cell; a step costs a few times a step of the net. Recurrent weights are learned as others
    are, but nothing is passed back through them. Where all of them are zero, symmetric feedback makes it exact.

    A unit that connects to itself counts as recurrent. Where layers stand on each other, symmetric feedback keeps the
    path up from unit to unit, and a trace runs in all units of the layers above: as many numbers for each parameter of
    a lower layer. With random feedback traces stay within their layer, and each layer has a learning signal of its own.
    `MeanOverTime` on top keeps the traces' means.

    Parameters
    ----------
    feedback : SymmetricFeedback or RandomFeedback, default SymmetricFeedback()
        Whence the learning signal: the true derivative by the layers on top, or the outputs' error, by a fixed random
        matrix for each layer. Or a function of your own, ``feedback(due, walk) -> (n, S)``.
    every : int, optional
        Steps between gradients; the parameters may change with each. Default: one a batch, the parameters being still.

    Raises
    ------
    ValueError
        If `feedback` cannot be called or `every` is not a positive integer; when used on a model that `RTRL` does not
        take, or on a cell that does not say which of its weights are recurrent (`rnnbp.cells.outer.Outer.units`): of
        the package's, the Jordan and the original GRU cell, in which other units are also met in other ways.

    See Also
    --------
    RFLO : the same for leaky rate networks, as it was published.
    SnAp : keeps the recurrent weights of a unit to itself.

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

    def prepared(self, parts: Chain) -> Chain:
        """The model, its layers detached from each other where the feedback is given to each of them.

        Raises
        ------
        ValueError
            If a cell does not say which of its weights are recurrent.
        """
        for cell in single_cells(parts.cell):
            self.check_cell(cell)
        return detached(parts) if isinstance(self.feedback, RandomFeedback) else parts

    def influence(self, parts: Chain, batch_size: int, rng: np.random.Generator | None) -> Influence:
        """Nothing has acted yet."""
        return Eligibility(structure(parts.cell, parts.params), batch_size, parts.model.dtype)

    def check_cell(self, cell: Cell) -> None:
        """Raise where a cell cannot be taken."""
        if not marks_recurrent(cell) and remembers(cell):
            raise ValueError(
                f"{type(self).__name__} takes cells that say which weights are recurrent and meet other units by these "
                f"alone (rnnbp.cells.outer), got {cell!r}: use RTRL() or SnAp()"
            )

    def signal(self, due: Due, walk: Walk) -> Array:
        """By `feedback`."""
        return self.feedback(due, walk)


class Eligibility(SparseInfluence):
    """The influence, of a net whose recurrent weights pass nothing back.

    Parameters
    ----------
    found : Structure
        Of the net as it is.
    batch_size : int
    dtype : dtype
    """

    def __init__(self, found: Structure, batch_size: int, dtype: np.dtype) -> None:
        self.recurrent: tuple[Outer, ...] = found.recurrent
        alone = replace(found, jacobian=found.otherwise, recurrent=())
        super().__init__(alone, len(found.otherwise), batch_size, dtype)

    def advance(self, step: Linear) -> None:
        """e = J* e + I."""
        super().advance(step.by(without(self.recurrent, step.weights)))


def single_cells(cell: Cell) -> Iterator[Cell]:
    """The cells within stacks.

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
    """Whether a cell has weights that meet its state in no way but as a recurrent weight, and says which.

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


def remembers(cell: Cell) -> bool:
    """Whether a cell has parameters, and its next state depends on the state before.

    Examples
    --------
    >>> from rnnbp.cells import JordanCell
    >>> from rnnbp.gradients.online.stages import DenseStage
    >>> from rnnbp.layers import Dense
    >>> remembers(JordanCell(1, 2, 2)), remembers(DenseStage(Dense(1, 2)))
    (True, False)
    """
    params = Parameters(cell.shapes())
    params.vector[:] = 1
    return params.size > 0 and bool(structure(cell, params).jacobian.any())
