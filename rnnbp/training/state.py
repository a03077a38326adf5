"""What one training carries from epoch to epoch."""

from dataclasses import dataclass, field

from rnnbp.training.early_stopping import Best


@dataclass
class TrainingState:
    """What belongs to one training: fresh at each `Trainer.fit`, continued only through `Trainer.resume`.

    The parameters, the optimizer's averages, the random generator and the history are the trainer's, and go on from one
    training to the next.

    Attributes
    ----------
    first : int
        How many epochs the history had before: a schedule and early stopping count from there.
    best : Best
        The best epoch that early stopping has seen.
    ended : bool
        Whether early stopping has ended it; the model then holds the best epoch's parameters.

    Examples
    --------
    >>> TrainingState(first=12).best.vector is None
    True
    """

    first: int = 0
    best: Best = field(default_factory=Best)
    ended: bool = False
