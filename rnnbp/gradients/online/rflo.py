"""Random-feedback local online learning: a local learning rule of leaky rate networks."""

from dataclasses import dataclass, field

from rnnbp.cells import Cell, ElmanCell, LeakyElmanCell
from rnnbp.gradients.online.eprop import EProp, marks_recurrent
from rnnbp.gradients.online.feedback import Feedback, RandomFeedback


@dataclass(frozen=True)
class RFLO(EProp):
    """Compute an approximate gradient of the mean loss by random-feedback local online learning.

    In a leaky rate network, h[t] = (1 - 1 / tau) h[t-1] + phi(u[t]) / tau, the weight from unit b to unit a has the
    eligibility trace p::

        p[t] = (1 - 1 / tau) p[t-1] + (1 / tau) phi'(u_a[t]) h_b[t-1],     dL/dw ~ sum over t of (B error[t])_a p[t]

    with x_b[t] for h_b[t-1] where b is an input, error[t] the gradient with respect to the outputs, and B a fixed
    random matrix in place of the transposed output weights. These are the traces of `EProp` on this cell, so that RFLO
    is ``EProp(RandomFeedback())`` there. The output weights have their exact gradient.

    Parameters
    ----------
    feedback : RandomFeedback or SymmetricFeedback, default RandomFeedback()
        Random as published, or the gradient backpropagated through the readout. Or a function,
        ``feedback(block_loss, forward_pass)``, of the losses of a block of N real steps, that returns an array (N, S).
    every : int, optional
        Steps between gradients; the parameters may change with each. Default: one per batch, at constant
        parameters.

    Raises
    ------
    ValueError
        As `EProp`; and when used on a recurrent cell other than `LeakyElmanCell` and `ElmanCell`, which is the former
        with tau = 1.

    See Also
    --------
    EProp : for any cell.

    References
    ----------
    J. M. Murray (2019), "Local online learning in recurrent networks with random feedback", eLife 8, e43299, eq. 3-5,
    doi:10.7554/eLife.43299

    Examples
    --------
    >>> import numpy as np, rnnbp
    >>> model = rnnbp.Sequential(rnnbp.LeakyElman(2, 3, tau=5), rnnbp.Dense(3, 2), dtype=np.float64)
    >>> batch = rnnbp.SequenceDataset([np.ones((5, 2))], targets=[np.zeros(5, int)]).batch()
    >>> (one,) = RFLO(rnnbp.RandomFeedback(7)).gradients(model, batch, rnnbp.CrossEntropy())
    >>> (other,) = rnnbp.EProp(rnnbp.RandomFeedback(7)).gradients(model, batch, rnnbp.CrossEntropy())
    >>> np.array_equal(one.vector, other.vector)
    True
    """

    feedback: Feedback = field(default_factory=RandomFeedback)

    def check_cell(self, cell: Cell) -> None:
        """Raise ValueError if a recurrent cell is not a leaky rate network."""
        super().check_cell(cell)
        if marks_recurrent(cell) and not isinstance(cell, ElmanCell | LeakyElmanCell):
            raise ValueError(
                f"RFLO takes Elman and LeakyElman cells, whose units forget at a fixed rate, got {cell!r}: use "
                "EProp(RandomFeedback()), which is the same rule for any cell"
            )
