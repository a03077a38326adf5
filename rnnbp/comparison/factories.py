"""Checks of the functions that make models, optimizers and schedules of a comparison."""

from collections.abc import Mapping
from typing import Any

from rnnbp.comparison.training_run import MakeModel, new_model
from rnnbp.models import Sequential
from rnnbp.optimizers.schedules import Schedule
from rnnbp.runtime import choice


def check_factories(models: Any, optimizer: Any, optimizers: Mapping[str, Any], schedule: Any) -> None:
    """Raise unless models, optimizers and schedule are given as factories, called once per run."""
    if not isinstance(models, Mapping):
        raise ValueError(f'models must be a dict of names and functions, {{"lstm": make}}, got {models!r}')
    if not models:
        raise ValueError("models must be at least one, got none")
    for name, make in models.items():
        if isinstance(make, Sequential) or make is Sequential or not callable(make):
            raise ValueError(
                f"models[{name!r}] must be a function that makes a new model for each seed, got {make!r}: "
                f"{{{name!r}: lambda seed: rnnbp.Sequential(..., seed=seed)}}"
            )
    if not isinstance(optimizers, Mapping):
        raise ValueError(f"optimizers must be a dict of names of models and functions, got {optimizers!r}")
    for name in optimizers:
        choice("optimizers", name, models)
    given = {"optimizer": optimizer} | {f"optimizers[{name!r}]": make for name, make in optimizers.items()}
    for name, make in given.items():
        if make is not None and not callable(make):
            raise ValueError(
                f"{name} must be a function that makes a new optimizer for each run, got {make!r}: "
                "lambda: rnnbp.Adam(0.01)"
            )
    if isinstance(schedule, Schedule) or not callable(schedule):
        raise ValueError(
            f"schedule must be a function that makes one of the number of epochs, got {schedule!r}: "
            "lambda epochs: rnnbp.Cosine(epochs)"
        )


def check_models_are_new(models: Mapping[str, MakeModel], seed: int) -> None:
    """Raise if a factory returns the same model again, in which a run would continue the training of the last one."""
    for name, make in models.items():
        if new_model(make, seed) is new_model(make, seed):
            raise ValueError(
                f"models[{name!r}] must make a new model at each call, and returns the same one, which would be "
                f"trained further by each run: {{{name!r}: lambda seed: rnnbp.Sequential(..., seed=seed)}}"
            )
