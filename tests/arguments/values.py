"""Valid values of required arguments: by name, and where a callable needs another one, by its row."""

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import things

import rnnbp

Make = Callable[[], Any]

# What an argument of this name is, if no row says otherwise.
BY_NAME: dict[str, Make] = {
    **{name: lambda: 3 for name in ("input_size", "hidden_size", "size", "steps", "epochs", "batch_size", "tokens")},
    **{name: lambda: 2 for name in ("output_size", "sequences", "layers", "most", "hidden", "k", "width", "every")},
    **{name: lambda: 2 for name in ("kernel_size", "longest", "n", "order", "delay", "window", "triples", "elapsed")},
    **{name: lambda: 2 for name in ("left", "right", "projection_size", "block", "deltas", "k1", "k2", "terms")},
    **{name: lambda: 0.5 for name in ("max_norm", "limit", "weight", "q", "rate", "probability", "fraction", "leak")},
    **{name: lambda: 0.9 for name in ("factor", "radius", "density")},
    **{name: lambda: 1.0 for name in ("epoch", "residual", "snr")},
    "model": things.model,
    "models": lambda: [things.model()],
    "data": things.dataset,
    "dataset": things.dataset,
    "train": things.dataset,
    "test": things.dataset,
    "batch": lambda: things.dataset().batch(),
    "loss": rnnbp.CrossEntropy,
    "gradient": rnnbp.BPTT,
    "cell": lambda: rnnbp.ElmanCell(3, 3),
    "layer": lambda: rnnbp.Elman(3, 3),
    "cells": lambda: (rnnbp.ElmanCell(3, 3), rnnbp.GRUCell(3, 2)),
    "trajectory": things.trajectory,
    "rng": lambda: np.random.default_rng(0),
    "seed": lambda: 0,
    "sr": lambda: 8000,
    "y": things.signal,
    "x": lambda: np.ones((4, 2)),
    "start": lambda: 0,
    "stop": lambda: 2,
    "targets": lambda: np.array([0, 1]),
    "outputs": lambda: np.array([[0.1, 0.2], [0.3, -0.4]]),
    "values": lambda: np.ones((4, 2)),
    "y_true": lambda: np.array([0, 1, 1]),
    "y_pred": lambda: np.array([0, 1, 0]),
    "quantiles": lambda: (0.1, 0.5, 0.9),
    "dtype": lambda: np.float64,
    "words": lambda: ["CAT", "DOG"],
    "text": lambda: "abcabcabc",
    "init": rnnbp.core.EchoState,
    "mean": lambda: [0.0, 1.0],
    "scale": lambda: [1.0, 2.0],
    "frames": lambda: np.array([things.signal(40), things.signal(40)]),
    "frequencies": lambda: np.array([100.0, 1000.0]),
    "S": lambda: np.ones((5, 8)),
    "folder": lambda: "folder",
    "names": lambda: ["0.w_hh"],
    "classes": lambda: ["no", "yes"],
}
ROWS: list[tuple[str, dict[str, Make]]] = []


def row(pattern: str, /, **values: Make) -> None:
    """State the values of arguments for the callables whose name, after `rnnbp.`, is matched by the pattern."""
    ROWS.append((pattern, values))


CALLS: list[tuple[str, Callable[..., Any]]] = []
NEEDS: dict[str, tuple[str, str]] = {}
SLOW: list[str] = []
UNTRIED = {"n_jobs": ("3", "-1")}  # these start processes


def called_by(pattern: str, function: Callable[..., Any]) -> None:
    """State that an argument is checked later than in the call: `function` takes the callable and its arguments."""
    CALLS.append((pattern, function))


def needs(pattern: str, module: str, mark: str) -> None:
    """State that a call needs an optional package, and the mark of the tests with which CI installs it."""
    NEEDS[pattern] = module, mark


def valid(name: str, argument: str) -> Make | None:
    """Return what makes a valid value of an argument, or None if the table has none."""
    short = name.removeprefix("rnnbp.")
    for pattern, values in reversed(ROWS):
        if argument in values and re.fullmatch(pattern, short):
            return values[argument]
    return BY_NAME.get(argument)


def extras(name: str) -> dict[str, Make]:
    """Return optional arguments that a valid call gives all the same, so that it is quick."""
    short = name.removeprefix("rnnbp.")
    found: dict[str, Make] = {}
    for pattern, values in ROWS:
        if re.fullmatch(pattern, short):
            found |= values
    return found


def way_of_calling(name: str) -> Callable[..., Any]:
    """Return what takes a callable and its arguments, and makes the call that checks them."""
    short = name.removeprefix("rnnbp.")
    found = (function for pattern, function in CALLS if re.fullmatch(pattern, short))
    return next(found, _plainly)


def _plainly(function: Callable[..., Any], /, *arguments: Any, **named: Any) -> Any:
    return function(*arguments, **named)


def needed(name: str) -> list[str]:
    """Return the optional packages that a call needs."""
    short = name.removeprefix("rnnbp.")
    return [module for pattern, (module, _) in NEEDS.items() if re.fullmatch(pattern, short)]


def marks_of(name: str) -> list[pytest.MarkDecorator]:
    """Return the marks of the test of a callable: where it is slow, or needs optional packages."""
    short = name.removeprefix("rnnbp.")
    marks = {mark for pattern, (_, mark) in NEEDS.items() if re.fullmatch(pattern, short)}
    marks |= {"slow" for pattern in SLOW if re.fullmatch(pattern, short)}
    return [getattr(pytest.mark, mark) for mark in sorted(marks)]
