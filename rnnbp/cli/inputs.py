"""Datasets, models and numbers that the arguments of a command name."""

import argparse
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeAlias

import rnnbp
from rnnbp import comparison, datasets, losses
from rnnbp.cli.arguments import MODELS, is_data, is_shards, no_data
from rnnbp.cli.tables import given_columns, is_table, table_dataset

Parts: TypeAlias = "tuple[rnnbp.SequenceDataset | None, rnnbp.SequenceDataset | None]"


def load_data(options: argparse.Namespace) -> "tuple[rnnbp.SequenceDataset, rnnbp.SequenceDataset]":
    """Return the training and the test set that the command line names."""
    train, test = load_parts(options)
    return needed(train, "training set"), needed(test, "test set")


def needed(data: "rnnbp.SequenceDataset | None", what: str) -> "rnnbp.SequenceDataset":
    """Return a part of the data, or raise if the split leaves none."""
    if data is None:
        raise ValueError(f"--split leaves no {what}: give a fraction between 0 and 1, or name another file by --test")
    return data


def load_parts(options: argparse.Namespace, model: "rnnbp.Sequential | None" = None, *, targeted: bool = True) -> Parts:
    """Return the training and the test set that the command line names; None for one that ``--split`` leaves empty.

    Parameters
    ----------
    options : Namespace
    model : Sequential, optional
        A trained model, which knows the columns and the split of its training.
    targeted : bool, default True
        Whether targets are needed.
    """
    given = given_columns(options)
    if not is_data(options.dataset):
        for option in ("test", "split"):
            if getattr(options, option) is not None:
                raise ValueError(f"--{option} goes with a file, but the dataset is {options.dataset!r}")
        _check_no_columns(given, options.dataset)
        if Path(options.dataset).is_dir() and options.dataset not in set(datasets.catalog()["name"]):
            raise no_data("DATASET", options.dataset)
        return datasets.load(options.dataset, **_recordings(options))
    if options.data is not None or options.speaker is not None:
        raise ValueError(
            f"--data and --speaker go with a dataset of recordings, but the dataset is {options.dataset!r}"
        )
    if not is_table(options.dataset):
        _check_no_columns(given, options.dataset)
    if options.test is not None and options.split is not None:
        raise ValueError("--split cuts the file, and --test names another: give one of them")

    def read(path: str | Path, like: "rnnbp.SequenceDataset | None" = None) -> "rnnbp.SequenceDataset":
        if is_shards(path):
            return rnnbp.load_shards(path)
        if not is_table(path):
            return datasets.read_ts(path)
        trained = model if like is None else like
        classes = None if trained is None and _of_classes(options) else getattr(trained, "classes", None) or ()
        return table_dataset(path, given, model, targeted=targeted, classes=classes)

    if options.test is not None:
        train = read(options.dataset)
        return train, read(options.test, like=train)
    return _split(read(options.dataset), options, {} if model is None else model.info)


def _of_classes(options: argparse.Namespace) -> bool:
    """Return whether a loss of classes, or none, is named."""
    return getattr(options, "loss", None) in (None, "cross_entropy", "binary_cross_entropy")


def _check_no_columns(given: dict[str, str], dataset: str) -> None:
    if given:
        raise ValueError(f"--{next(iter(given))} names a column of a table, but the dataset is {dataset!r}")


def _split(whole: "rnnbp.SequenceDataset", options: argparse.Namespace, trained: dict[str, Any]) -> Parts:
    """Return the parts of a file: at random, but always the same, and those of the training for the same file."""
    from rnnbp.runtime import number

    same = Path(str(trained.get("dataset", ""))).name == Path(options.dataset).name
    fraction = _default_split(options, trained, same)
    if options.split is not None:
        fraction = number("--split", options.split, 0, 1)
    groups = options.groups or (trained.get("columns", {}).get("groups") if same else None)
    if fraction in (0, 1):
        return (whole, None) if fraction else (None, whole)
    try:
        train, test = whole.split(fraction, seed=0, groups=groups)
    except ValueError as error:
        raise ValueError(f"--split {fraction:g}: {error}") from None
    return train, test


def _default_split(options: argparse.Namespace, trained: dict[str, Any], same: bool) -> float:
    """Return the fraction for training without ``--split``: of one's own data that a model was not trained on, none."""
    known: float = trained.get("split", 0.8) if same else 0.8
    if not is_table(options.dataset) and not is_shards(options.dataset):
        return known
    return known if options.default_split and (same or not trained) else 0.0


def _recordings(options: argparse.Namespace) -> dict[str, Any]:
    """Return the keyword arguments for the loader of a dataset of recordings."""
    arguments: dict[str, Any] = {} if options.data is None else {"path": options.data}
    return arguments if options.speaker is None else arguments | {"split": "speaker", "speaker": options.speaker}


def new_model(
    options: argparse.Namespace, train: "rnnbp.SequenceDataset", seed: int = 0, outputs: int | None = None
) -> "rnnbp.Sequential":
    """Return a new model of the name and of the number of parameters that the command line gives."""
    if is_data(options.model):
        raise ValueError(f"model must be of {MODELS}; got {options.model!r}, a dataset, which comes after it")
    return comparison.model_factory(options.model, train, options.parameters, outputs)(seed)


def saved_or_new_model(
    options: argparse.Namespace, train: "rnnbp.SequenceDataset"
) -> "tuple[rnnbp.Sequential, rnnbp.SequenceDataset]":
    """Return the model that the command line names, saved or new, and the dataset with the model's classes."""
    if not options.model.endswith(".npz") and not Path(options.model).is_file():
        return new_model(options, train), train
    model = rnnbp.load(options.model)
    return model, model.as_trained("dataset", train)


def saved_model(path: Path) -> "tuple[rnnbp.Sequential, losses.Loss]":
    """Return the model of a file, and the loss that it was trained with."""
    model = rnnbp.load(path)
    if model.loss is None:
        raise ValueError(
            f"{str(path)!r} does not record the loss it was trained with: train it by `rnnbp train`, or set model.loss"
        )
    return model, model.loss


def started_workers(options: argparse.Namespace) -> int:
    """Return the number of processes, after beginning to start them, which takes as long as to read the data."""
    from rnnbp.runtime import start_workers

    count = worker_count(options)
    compiled = ["rnnbp.kernels.compiled.loaded"] if find_spec("numba") else []
    start_workers(count, ["rnnbp.comparison.training_run", *compiled])
    return count


def worker_count(options: argparse.Namespace) -> int:
    """Return the number of processes that the command line asks for; default: the number of cores.

    One, with a note, where joblib is not installed.
    """
    from rnnbp.runtime import cores, positive_int

    wanted = cores() if options.workers is None else positive_int("--workers", options.workers)
    if wanted > 1 and find_spec("joblib") is None:
        print(f"rnnbp: one training at a time: {wanted} need joblib, pip install 'rnnbp[parallel]'", file=sys.stderr)
        return 1
    return wanted


def numbers(option: str, given: str) -> list[float]:
    """Parse numbers separated by commas."""
    try:
        return [float(one) for one in given.split(",")]
    except ValueError:
        raise ValueError(f"{option} must be numbers separated by commas, got {given!r}") from None
