"""Folder of a suite: the settings of each task, so that no others are mixed with them, and the finished reports."""

import json
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from rnnbp.comparison.report import Report
from rnnbp.data import LabelSequences, SequenceDataset
from rnnbp.models import Sequential
from rnnbp.runtime import read_archive, replacing, write_archive

KIND = "rnnbp suite task"
ADDED = ("precisions", "frozen parameters")  # settings that the first folders did not record
Settings = dict[str, Any]
"""What a task is compared with, as JSON can represent it."""


def data_digest(data: SequenceDataset) -> str:
    """Return a description of a dataset that differs where its numbers differ.

    Examples
    --------
    >>> one, other = SequenceDataset([np.ones((3, 1))], [0]), SequenceDataset([np.ones((3, 1))], [1])
    >>> data_digest(one) == data_digest(one), data_digest(one) == data_digest(other)
    (True, False)
    """
    batch = data.batch()
    targets = list(batch.targets) if isinstance(batch.targets, LabelSequences) else [batch.targets]
    check = 0
    for array in (batch.x, batch.lengths, *targets):
        check = zlib.crc32(np.ascontiguousarray(array).tobytes(), check)
    return f"{data!r}, {check:08x}"


class TaskFolder:
    """Files of one task in a suite's folder: `settings.json`, the checkpoints of its runs, and its finished report.

    Parameters
    ----------
    path : Path
    settings : dict
        Of JSON's types; the folder keeps those it was begun with.

    Raises
    ------
    ValueError
        If the folder was begun with other settings; the message names the first that differs.
    """

    def __init__(self, path: Path, settings: Settings) -> None:
        self.path, self.settings = path, json.loads(json.dumps(settings))
        self._file = path / "settings.json"
        if self._file.is_file():
            self._check(self._kept())

    def _kept(self) -> Settings:
        try:
            kept = json.loads(self._file.read_text(encoding="utf-8"))
        except (ValueError, RecursionError) as error:
            raise ValueError(f"{str(self._file)!r} is damaged: {error}. Give another folder for checkpoints") from error
        if not isinstance(kept, dict):
            raise ValueError(
                f"{str(self._file)!r} is damaged: it holds no settings. Give another folder for checkpoints"
            )
        return kept

    def _check(self, kept: Settings) -> None:
        for name in {**self.settings, **kept}:
            if kept and name in ADDED and name not in kept:
                continue
            old, new = kept.get(name), self.settings.get(name)
            if old != new:
                raise ValueError(
                    f"checkpoints in {str(self.path)!r} are of a suite with other {name}: {_difference(old, new)}. "
                    "Give another folder, or the settings of these checkpoints"
                )

    def begin(self) -> Path:
        """Write the settings, and return the folder for the checkpoints of the task's runs."""
        self.path.mkdir(parents=True, exist_ok=True)
        with replacing(self._file) as beside:
            beside.write_text(json.dumps(self.settings, indent=1), encoding="utf-8")
        return self.path

    def finish(self, report: Report, memory: pd.DataFrame | None) -> None:
        """Write the finished report."""
        header = {
            "runs": report.runs.to_dict("list"),
            "curves": report.curves.to_dict("list"),
            "metric": report.metric,
            "settings": report.settings,
            "memory": None if memory is None else memory.to_dict("list"),
        }
        arrays = {name: model.params.vector for name, model in report.trained.items()}
        write_archive(self.path / "report.npz", KIND, header, arrays)

    def finished(self, models: Mapping[str, Sequential]) -> tuple[Report, pd.DataFrame | None] | None:
        """Return the report and the lag profile of a finished task, or None.

        Parameters
        ----------
        models : mapping of str to Sequential
            New models, which are given the parameters trained with the first seed.
        """
        path = self.path / "report.npz"
        if not (self._file.is_file() and path.is_file()):
            return None
        header, arrays = read_archive(path, KIND)
        try:
            runs, curves = _table(header["runs"]), _table(header["curves"])
            memory = None if header["memory"] is None else _table(header["memory"])
            metric, settings = header["metric"], header["settings"]
            if not isinstance(metric, str) or not isinstance(settings, dict):
                raise ValueError(f"metric and settings must be a name and an object, got {metric!r} and {settings!r}")
            for name, model in models.items():
                _check_parameters(name, arrays[name], model)
        except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
            raise ValueError(
                f"{str(path)!r} does not contain a finished task: {error}. Delete it, to repeat it"
            ) from error
        for name, model in models.items():
            model.params.vector[:] = arrays[name]
        return Report(runs, curves, metric, settings, dict(models)), memory


def _table(columns: Any) -> pd.DataFrame:
    """Return a table from lists by column, whose entries are numbers, texts or None."""
    if not isinstance(columns, dict) or not all(isinstance(column, list) for column in columns.values()):
        raise ValueError(f"a table must be an object of lists, got {columns!r:.80}")
    if any(isinstance(entry, list | dict) for column in columns.values() for entry in column):
        raise ValueError("a table must have numbers and texts as its entries")
    return pd.DataFrame(columns)


def _check_parameters(name: str, array: np.ndarray, model: Sequential) -> None:
    vector = model.params.vector
    if (array.shape, array.dtype) != (vector.shape, vector.dtype):
        raise ValueError(f"{name} must have {vector.dtype} of shape {vector.shape}, got {array.dtype} of {array.shape}")
    if not np.isfinite(array).all():
        raise ValueError(f"the parameters of {name} are not finite")


def _difference(old: Any, new: Any) -> str:
    if isinstance(old, dict) and isinstance(new, dict):
        name = next(name for name in {**old, **new} if old.get(name) != new.get(name))
        if (name in old) != (name in new):
            return f"they {'have' if name in old else 'lack'} {name!r}"
        return f"those of {name!r} differ"
    return f"{old!r}, not {new!r}"
