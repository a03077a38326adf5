"""Datasets, models and numbers that the arguments of a command name."""

import argparse
from pathlib import Path
from typing import Any

import rnnbp
from rnnbp import comparison, datasets, losses
from rnnbp.cli.arguments import MODELS

TS_SUFFIXES = (".ts", ".ts.gz")


def load_data(options: argparse.Namespace) -> "tuple[rnnbp.SequenceDataset, rnnbp.SequenceDataset]":
    """Return the training and the test set that the command line names."""
    if not options.dataset.lower().endswith(TS_SUFFIXES):
        if options.test is not None:
            raise ValueError(f"--test goes with a .ts file, but the dataset is {options.dataset!r}")
        return datasets.load(options.dataset, **_recordings(options))
    if options.data is not None or options.speaker is not None:
        raise ValueError(
            f"--data and --speaker go with a dataset of recordings, but the dataset is {options.dataset!r}"
        )
    whole = datasets.read_ts(options.dataset)
    if options.test is None:
        train, test = whole.split(0.8, seed=0)
        return train, test
    return whole, datasets.read_ts(options.test)


def _recordings(options: argparse.Namespace) -> dict[str, Any]:
    """Return the keyword arguments for the loader of a dataset of recordings."""
    arguments: dict[str, Any] = {} if options.data is None else {"path": options.data}
    return arguments if options.speaker is None else arguments | {"split": "speaker", "speaker": options.speaker}


def new_model(options: argparse.Namespace, train: "rnnbp.SequenceDataset", seed: int = 0) -> "rnnbp.Sequential":
    """Return a new model of the name and of the number of parameters that the command line gives."""
    if options.model.endswith(TS_SUFFIXES):
        raise ValueError(f"model must be of {MODELS}; got {options.model!r}, a dataset, which comes after it")
    return comparison.model_factory(options.model, train, options.parameters)(seed)


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


def worker_count(options: argparse.Namespace) -> int:
    """Return the number of processes that the command line asks for; default: the number of cores."""
    from rnnbp.runtime import cores

    return cores() if options.workers is None else options.workers


def numbers(option: str, given: str) -> list[float]:
    """Parse numbers separated by commas."""
    try:
        return [float(one) for one in given.split(",")]
    except ValueError:
        raise ValueError(f"{option} must be numbers separated by commas, got {given!r}") from None
