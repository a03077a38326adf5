"""What has to be the same in all processes that train together, and gradients that can be divided over them."""

from typing import Any

import numpy as np

from rnnbp.gradients import AdaptiveTruncation, GradientAlgorithm
from rnnbp.runtime.descriptions import without_addresses
from rnnbp.training.fit_arguments import FitArguments


def check_divisible(gradient: GradientAlgorithm) -> None:
    """Raise if a gradient of a batch is not a mean of those of its parts.

    Examples
    --------
    >>> check_divisible(AdaptiveTruncation())
    Traceback (most recent call last):
    ValueError: AdaptiveTruncation chooses the truncation by the whole batch, of which each rank has a part: take ...
    """
    wrapped = getattr(gradient, "gradient", gradient)
    if isinstance(wrapped, AdaptiveTruncation):
        raise ValueError(
            f"{type(wrapped).__name__} chooses the truncation by the whole batch, of which each rank has a part: take "
            "TruncatedBPTT(k1, k2), or train in one process"
        )


def described(trainer: Any, given: FitArguments) -> dict[str, Any]:
    """Return what has to be the same in all ranks, by its name in messages."""
    data, model = given.train, trainer.model
    held = data.sequences[0], data.sequences[len(data) - 1], data.targets if isinstance(data.targets, np.ndarray) else 0
    fields = ("loss", "gradient", "optimizer", "clip", "schedule", "stateful")
    params = (model.params.vector, model.params.mask_vector, model.params.frozen_vector)
    return {
        "the model's parameters": [None if one is None else one.tobytes() for one in params],
        "the model's layers": [without_addresses(layer) for layer in model.layers],
        "the optimizer's state": {
            k: v.tobytes() if hasattr(v, "tobytes") else v for k, v in _state_of(trainer).items()
        },
        "the random numbers (seed)": trainer.rng.bit_generator.state,
        "the arguments of the trainer": [without_addresses(getattr(trainer, name)) for name in fields],
        "the training data": [len(data), *(np.asarray(one).tobytes() for one in held)],
        "the validation data": None if given.validation is None else len(given.validation),
        "batch_size, stopping or the number of epochs so far": (given.batch_size, given.stopping, len(trainer.rows)),
        "the callbacks, in their number,": len(trainer.callbacks),
    }


def _state_of(trainer: Any) -> dict[str, Any]:
    """Return the state of the trainer's optimizer."""
    return dict(trainer.optimizer.state_dict()) if hasattr(trainer.optimizer, "state_dict") else {}
