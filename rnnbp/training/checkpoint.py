"""Checkpoints: the complete state of a training run on disk, from which it resumes bit for bit."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rnnbp.data import listed, names_or_none
from rnnbp.metrics import Row, check_monitor, history_columns
from rnnbp.models import Sequential
from rnnbp.optimizers import Optimizer
from rnnbp.runtime import check_target, natural_int, python_scalar, read_archive, to_config, write_archive
from rnnbp.training.early_stopping import Best
from rnnbp.training.partial_epoch import PartialEpoch
from rnnbp.training.state import TrainingState

Array = np.ndarray
CHECKPOINT_FILE = "rnnbp checkpoint"
PARTIAL = "partial."  # before the names of the arrays of an epoch that is not complete
REQUIRED = ("epoch", "loss", "gradient_norm", "learning_rate", "seconds", "steps")  # columns in every row of a history


@dataclass(frozen=True)
class Checkpoint:
    """State of a trainer between two epochs, or two batches.

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
    frozen : ndarray of bool (P,), or None
        True for parameters frozen at their values; None where there are none.
    optimizer_state : dict
        Numbers and arrays (P,), as `Optimizer.state_dict` returns them; the learning rate is that which a schedule
        multiplies.
    rng : dict
        State of the random generator for shuffling and dropout.
    rows : list of dict
        The history, one row per epoch.
    training : TrainingState
    partial : PartialEpoch, or None
        What is done of the epoch after those of the history.
    """

    model: list[Any]
    classes: list[str] | None
    optimizer: str
    parameters: Array
    mask: Array | None
    frozen: Array | None
    optimizer_state: dict[str, Any]
    rng: dict[str, Any]
    rows: list[Row]
    training: TrainingState
    partial: PartialEpoch | None = None

    @classmethod
    def of(
        cls,
        model: Sequential,
        optimizer: Optimizer,
        rng: np.random.Generator,
        rows: list[Row],
        training: TrainingState,
        partial: PartialEpoch | None = None,
    ) -> "Checkpoint":
        """Return the checkpoint of a trainer with these attributes."""
        return cls(
            model=[to_config(layer) for layer in model.layers],
            classes=None if model.classes is None else list(model.classes),
            optimizer=type(optimizer).__name__,
            parameters=model.params.vector,
            mask=model.params.mask_vector,
            frozen=model.params.frozen_vector,
            optimizer_state=optimizer.state_dict(),
            rng=dict(rng.bit_generator.state),
            rows=rows,
            training=training,
            partial=partial,
        )


def checkpoint_in(folder: Path | None, name: str) -> Path | None:
    """Return the checkpoint file of one of several runs, or None without a folder.

    Parameters
    ----------
    folder : Path, optional
        The folder of all runs.
    name : str
        The run's name, of which commas and spaces are replaced; other names as of `rnnbp.runtime.file_name`.

    Examples
    --------
    >>> checkpoint_in(Path("checkpoints"), "bigru, seed 0").name
    'bigru-seed-0.npz'
    """
    return None if folder is None else folder / f"{name.replace(', ', '-').replace(' ', '-')}.npz"


def check_checkpoint_path(path: Any) -> None:
    """Raise if no checkpoint can be written at `path`, before training starts.

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
        "rows": [{name: python_scalar(value) for name, value in row.items()} for row in checkpoint.rows],
        "training": {"first": checkpoint.training.first, "ended": checkpoint.training.ended},
        "best": {"value": python_scalar(best.value), "epoch": best.epoch, "monitor": best.monitor},
    }
    arrays = {f"optimizer.{k}": v for k, v in checkpoint.optimizer_state.items() if isinstance(v, np.ndarray)}
    arrays["parameters"] = checkpoint.parameters
    if checkpoint.mask is not None:
        arrays["mask"] = checkpoint.mask
    if checkpoint.frozen is not None:
        arrays["frozen"] = checkpoint.frozen
    if best.vector is not None:
        arrays["best"] = best.vector
    if checkpoint.partial is not None:
        header["partial"], nested = checkpoint.partial.to_file()
        arrays |= {f"{PARTIAL}{dtype}": flat for dtype, flat in nested.items()}
    write_archive(path, CHECKPOINT_FILE, header, arrays)


def read_checkpoint(path: str | Path, like: Checkpoint, metric: str) -> Checkpoint:
    """Read and validate a checkpoint that `write_checkpoint` wrote.

    Parameters
    ----------
    path : str or Path
    like : Checkpoint
        Checkpoint of the trainer that is to resume: model, dtype and optimizer must match.
    metric : str
        Name of the trainer's score, whose column of the history has numbers.

    Raises
    ------
    ValueError
        If the file is of another model, dtype or optimizer, or incomplete, or, as a `DamagedFileError`, damaged.
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
        found = _checkpoint(header, arrays, metric)
        _check_classes(found, like.classes)
        for name in (name for name in arrays if not name.startswith(PARTIAL)):
            _check_array(
                name, arrays[name], like.parameters.astype(bool) if name in ("mask", "frozen") else like.parameters
            )
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
        raise incomplete(path, error) from error
    return found


def incomplete(path: str | Path, error: Exception) -> ValueError:
    """Return the error of a checkpoint that lacks something or has something wrong.

    Examples
    --------
    >>> str(incomplete("c.npz", KeyError("rows")))
    "'c.npz' does not contain a complete checkpoint: 'rows'"
    """
    return ValueError(f"{str(path)!r} does not contain a complete checkpoint: {error}")


def _checkpoint(header: dict[str, Any], arrays: dict[str, Array], metric: str) -> Checkpoint:
    prefix = "optimizer."
    state = {k.removeprefix(prefix): v for k, v in arrays.items() if k.startswith(prefix)}
    rows = _rows(header["rows"], {*REQUIRED, *history_columns(metric, validated=True)})
    first, ended = _at_most(len(rows), "first", header["training"]["first"]), header["training"]["ended"]
    if not isinstance(ended, bool):
        raise ValueError(f"ended must be true or false, got {ended!r}")
    training = TrainingState(first, _best(header["best"], rows, arrays.get("best")), ended)
    return Checkpoint(
        model=header["model"],
        classes=names_or_none(header.get("classes")),
        optimizer=header["optimizer"],
        parameters=arrays["parameters"],
        mask=arrays.get("mask"),
        frozen=arrays.get("frozen"),
        optimizer_state=header["numbers"] | state,
        rng=_generator_state(header["rng"]),
        rows=rows,
        training=training,
        partial=_partial(header.get("partial"), arrays),
    )


def _partial(header: Any, arrays: dict[str, Array]) -> PartialEpoch | None:
    """Return what was done of an epoch that was not complete, None where there is none."""
    nested = {name.removeprefix(PARTIAL): array for name, array in arrays.items() if name.startswith(PARTIAL)}
    if header is None and not nested:
        return None
    partial = PartialEpoch.from_file(header, nested)
    _generator_state(partial.began)
    return partial


def _check_classes(found: Checkpoint, own: list[str] | None) -> None:
    """Raise if the checkpoint is of a model that was trained on other classes than the trainer's model has."""
    if own is None or found.classes == own or not (found.classes or found.rows):
        return
    theirs = f"has the classes {listed(found.classes)}" if found.classes else "was trained without names"
    raise ValueError(f"its model {theirs}, and the trainer's has {listed(own)}")


def _rows(rows: Any, numeric: set[str]) -> list[Row]:
    """Return the history; raise unless a trainer's columns are numbers. Those of callbacks may have any values."""
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ValueError(f"rows must be a list of one object an epoch, got {rows!r}")
    for epoch, row in enumerate(rows, 1):
        missing = [name for name in REQUIRED if name not in row]
        if missing:
            raise ValueError(f"row {epoch} lacks {', '.join(map(repr, missing))}")
        for name in numeric & set(row):
            _check_number(f"{name} of row {epoch}", row[name])
        if row["epoch"] != epoch:
            raise ValueError(f"row {epoch} must be that of epoch {epoch}, got {row['epoch']!r}")
    return rows


def _check_number(name: str, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{name} must be a number, got {value!r}")
    float(value)  # raises OverflowError for an integer too large for a float


def _best(best: Any, rows: list[Row], vector: Array | None) -> Best:
    """Return the best epoch; raise unless it is one of `rows`, by a column that it has."""
    if not isinstance(best, dict) or not isinstance(best.get("monitor"), str):
        raise ValueError(f"best must have a value, an epoch and the name of a column as monitor, got {best!r}")
    value, monitor = best["value"], best["monitor"]
    _check_number("the best value", value)
    if value != value:
        raise ValueError("the best value is nan")
    if (vector is None) != (value == np.inf):
        raise ValueError("the best epoch and its parameters must be there together")
    epoch = _at_most(len(rows), "epoch of the best", best["epoch"])
    if vector is not None:
        if epoch == 0:
            raise ValueError("the best epoch must be from 1, got 0")
        check_monitor(monitor, rows[epoch - 1])
        _check_number(f"{monitor} of the best epoch, {epoch},", rows[epoch - 1][monitor])
    return Best(float(value), epoch, vector, monitor)


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
    if np.isnan(array).any() or (np.isinf(array).any() and not name.startswith("optimizer.")):  # squares may overflow
        raise ValueError(f"{name} is not finite")
