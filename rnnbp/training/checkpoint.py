"""Checkpoints: the complete state of a training run on disk, from which it resumes bit for bit."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rnnbp.data import listed, names_or_none
from rnnbp.metrics import Row
from rnnbp.runtime import check_target, natural_int, read_archive, write_archive
from rnnbp.training.early_stopping import Best
from rnnbp.training.state import TrainingState

Array = np.ndarray
CHECKPOINT_FILE = "rnnbp checkpoint"
NUMBERS = ("epoch", "loss", "gradient_norm", "learning_rate", "seconds", "steps")  # in every row of a history


@dataclass(frozen=True)
class Checkpoint:
    """State of a trainer between two epochs.

    Attributes
    ----------
    model : list
        Configurations of the model's layers.
    classes : list of str, or None
        Class names of the model, where it has them.
    optimizer : str
        Name of the optimizer's class.
    parameters : ndarray (P,)
    mask : ndarray of bool (P,), or None
        Sparsity mask: False for parameters fixed at zero; None where there are none.
    optimizer_state : dict
        Numbers and arrays (P,), as `Optimizer.state_dict` returns them; the learning rate is that which a schedule
        multiplies.
    rng : dict
        State of the random generator for shuffling and dropout.
    rows : list of dict
        The history, one row per epoch.
    training : TrainingState
    """

    model: list[Any]
    classes: list[str] | None
    optimizer: str
    parameters: Array
    mask: Array | None
    optimizer_state: dict[str, Any]
    rng: dict[str, Any]
    rows: list[Row]
    training: TrainingState


def checkpoint_in(folder: Path | None, name: str) -> Path | None:
    """Return the checkpoint file of one of several runs, or None without a folder.

    Examples
    --------
    >>> checkpoint_in(Path("kept"), "bigru, seed 0").name
    'bigru-seed-0.npz'
    """
    return None if folder is None else folder / f"{name.replace(', ', '-').replace(' ', '-')}.npz"


def check_checkpoint_path(path: Any) -> None:
    """Raise if no checkpoint can be written at `path`, so that training does not start in vain.

    Raises
    ------
    ValueError
        If it is not a path.
    OSError
        If its folder does not exist, or it is itself a folder, or what else `rnnbp.runtime.check_target` finds.
    """
    if not isinstance(path, str | Path):
        raise ValueError(f"checkpoint must be the path of a file, got {path!r}")
    check_target("checkpoint", path)


def write_checkpoint(path: str | Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint to one file atomically: whole or not at all."""
    best = checkpoint.training.best
    header = {
        "model": checkpoint.model,
        "classes": checkpoint.classes,
        "optimizer": checkpoint.optimizer,
        "numbers": {k: v for k, v in checkpoint.optimizer_state.items() if not isinstance(v, np.ndarray)},
        "rng": checkpoint.rng,
        "rows": [{name: _plain(value) for name, value in row.items()} for row in checkpoint.rows],
        "training": {"first": checkpoint.training.first, "ended": checkpoint.training.ended},
        "best": {"value": _plain(best.value), "epoch": best.epoch, "monitor": best.monitor},
    }
    arrays = {f"optimizer.{k}": v for k, v in checkpoint.optimizer_state.items() if isinstance(v, np.ndarray)}
    arrays["parameters"] = checkpoint.parameters
    if checkpoint.mask is not None:
        arrays["mask"] = checkpoint.mask
    if best.vector is not None:
        arrays["best"] = best.vector
    write_archive(path, CHECKPOINT_FILE, header, arrays)


def _plain(value: Any) -> Any:
    """Convert a NumPy scalar, which a callback may have put in a row, to a Python scalar."""
    return value.item() if isinstance(value, np.generic) else value


def read_checkpoint(path: str | Path, like: Checkpoint) -> Checkpoint:
    """Read and validate a checkpoint that `write_checkpoint` wrote.

    Parameters
    ----------
    path : str or Path
    like : Checkpoint
        Checkpoint of the trainer that is to resume: model, dtype and optimizer must match.

    Raises
    ------
    ValueError
        If the file is damaged, or of another model, dtype or optimizer.
    """
    header, arrays = read_archive(path, CHECKPOINT_FILE)
    if (header.get("model"), header.get("optimizer")) != (like.model, like.optimizer):
        raise ValueError(
            f"{str(path)!r} is of another model or optimizer: make the trainer as the one that wrote the checkpoint"
        )
    dtype = arrays["parameters"].dtype if "parameters" in arrays else like.parameters.dtype
    if dtype != like.parameters.dtype:
        raise ValueError(
            f"{str(path)!r} is of a model in {dtype}, and the trainer's is in {like.parameters.dtype}: make it with "
            f"Sequential(..., dtype={str(dtype)!r})"
        )
    try:
        found = _checkpoint(header, arrays)
        _check_classes(found.classes, like.classes)
        for name, array in arrays.items():
            _check_array(name, array, like.parameters.astype(bool) if name == "mask" else like.parameters)
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
        raise ValueError(f"{str(path)!r} does not contain a complete checkpoint: {error}") from error
    return found


def _checkpoint(header: dict[str, Any], arrays: dict[str, Array]) -> Checkpoint:
    prefix = "optimizer."
    state = {k.removeprefix(prefix): v for k, v in arrays.items() if k.startswith(prefix)}
    rows = _rows(header["rows"])
    first, ended = _at_most(len(rows), "first", header["training"]["first"]), header["training"]["ended"]
    if not isinstance(ended, bool):
        raise ValueError(f"ended must be true or false, got {ended!r}")
    training = TrainingState(first, _best(header["best"], len(rows), arrays.get("best")), ended)
    parameters, mask, numbers = arrays["parameters"], arrays.get("mask"), header["numbers"]
    rng = _generator_state(header["rng"])
    classes = names_or_none(header.get("classes"))
    optimizer = header["optimizer"], parameters, mask, numbers | state
    return Checkpoint(header["model"], classes, *optimizer, rng, rows, training)


def _check_classes(found: list[str] | None, own: list[str] | None) -> None:
    if found is not None and own is not None and found != own:
        raise ValueError(f"its model has the classes {listed(found)}, and the trainer's has {listed(own)}")


def _rows(rows: Any) -> list[Row]:
    if not isinstance(rows, list):
        raise ValueError(f"rows must be a list, got {type(rows).__name__}")
    for epoch, row in enumerate(rows, 1):
        for name in NUMBERS:
            if isinstance(row[name], bool) or not isinstance(row[name], int | float):
                raise ValueError(f"{name} of row {epoch} must be a number, got {row[name]!r}")
            float(row[name])  # raises OverflowError for an integer too large for a float
        if row["epoch"] != epoch:
            raise ValueError(f"row {epoch} must be that of epoch {epoch}, got {row['epoch']!r}")
    return rows


def _best(best: Any, epochs: int, vector: Array | None) -> Best:
    value, monitor = best["value"], best["monitor"]
    if isinstance(value, bool) or not isinstance(value, int | float) or not isinstance(monitor, str):
        raise ValueError(f"best must have a number and the name of a column, got {value!r} and {monitor!r}")
    if value != value:
        raise ValueError("the best value is nan")
    if (vector is None) != (value == np.inf):
        raise ValueError("the best epoch and its parameters must be there together")
    return Best(float(value), _at_most(epochs, "epoch of the best", best["epoch"]), vector, monitor)


def _at_most(most: int, name: str, value: Any) -> int:
    if natural_int(name, value) > most:
        raise ValueError(f"{name} must be at most the number of rows, {most}, got {value}")
    return int(value)


def _generator_state(state: Any) -> dict[str, Any]:
    """Return the state of a random generator, validated by setting it on one."""
    trial = np.random.default_rng(0)
    trial.bit_generator.state = state
    return dict(trial.bit_generator.state)


def _check_array(name: str, array: Array, parameters: Array) -> None:
    if (array.shape, array.dtype) != (parameters.shape, parameters.dtype):
        raise ValueError(
            f"{name} is {array.dtype} of shape {array.shape}, and the model has parameters in {parameters.dtype} of "
            f"shape {parameters.shape}"
        )
    if not np.isfinite(array).all() and not name.startswith("optimizer."):
        raise ValueError(f"{name} is not finite")
