"""Description of a comparison's data and training settings for the report."""

from collections.abc import Iterable, Mapping

from rnnbp.data import SequenceDataset
from rnnbp.gradients import GradientAlgorithm
from rnnbp.losses import Loss
from rnnbp.optimizers import Optimizer
from rnnbp.optimizers.schedules import Schedule


def settings(
    train: SequenceDataset,
    test: SequenceDataset,
    *,
    seeds: Iterable[int],
    folds: int,
    epochs: int,
    batch_size: int,
    loss: Loss,
    gradient: GradientAlgorithm,
    optimizers: Mapping[str, Optimizer],
    schedule: Schedule,
) -> dict[str, str]:
    """Return the settings of a comparison as readable names and texts.

    Parameters
    ----------
    train, test : SequenceDataset
    seeds : iterable of int
    folds, epochs, batch_size : int
    loss, gradient, schedule
        Those of the runs.
    optimizers : mapping of str to Optimizer
        Optimizers by model name.

    Examples
    --------
    >>> import numpy as np, rnnbp
    >>> data = SequenceDataset([np.zeros((5, 2))] * 4, targets=[0, 1, 0, 1])
    >>> made = {"gru": rnnbp.SGD(0.1), "lstm": rnnbp.SGD(0.1), "mlp": rnnbp.SGD(0.2)}
    >>> how = {"loss": rnnbp.CrossEntropy(), "gradient": rnnbp.BPTT(), "schedule": rnnbp.Cosine(9)}
    >>> said = settings(data, data, seeds=[0, 1], folds=3, epochs=9, batch_size=16, optimizers=made, **how)
    >>> said["training set"], said["seeds"]
    ('SequenceDataset: 4 sequences of 5 steps, 2 features; classes a sequence', '0, 1')
    >>> said["optimizer"]
    'SGD(learning_rate=0.1, weight_decay=0.0) for gru, lstm; SGD(learning_rate=0.2, weight_decay=0.0) for mlp'
    """
    return {
        "training set": repr(train),
        "test set": repr(test),
        "cross-validation": f"{folds} folds of the training set",
        "seeds": ", ".join(map(str, seeds)),
        "epochs": str(epochs),
        "batch size": str(batch_size),
        "loss": repr(loss),
        "gradient": repr(gradient),
        "optimizer": _by_model(optimizers),
        "schedule": repr(schedule),
    }


def _by_model(optimizers: Mapping[str, Optimizer]) -> str:
    models: dict[str, list[str]] = {}
    for name, optimizer in optimizers.items():
        models.setdefault(repr(optimizer), []).append(name)
    if len(models) == 1:
        return next(iter(models))
    return "; ".join(f"{said} for {', '.join(names)}" for said, names in models.items())
