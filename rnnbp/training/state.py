"""State of one training run, carried from epoch to epoch."""

from dataclasses import dataclass, field

from rnnbp.training.early_stopping import Best


@dataclass
class TrainingState:
    """State of one training run: new at each `Trainer.fit`, continued only by `Trainer.resume`.

    The parameters, the optimizer's state, the random generator and the history belong to the trainer, and continue from
    one run to the next.

    Attributes
    ----------
    first : int
        Number of epochs in the history before this run: a schedule and early stopping count from there.
    best : Best
        Best epoch that early stopping has seen.
    ended : bool
        Whether early stopping has ended the run; the model then has the best epoch's parameters.

    Examples
    --------
    >>> TrainingState(first=12).best.vector is None
    True
    """

    first: int = 0
    best: Best = field(default_factory=Best)
    ended: bool = False
