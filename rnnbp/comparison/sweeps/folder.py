"""Folder of a sweep: what it is a sweep of, a file for each finished run, and the checkpoints of the others."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rnnbp.comparison.sweeps.described import HASH, described
from rnnbp.comparison.sweeps.run_result import RunResult
from rnnbp.comparison.sweeps.space import Parameters
from rnnbp.runtime import check_target_folder, locked_file, python_scalar, read_archive, replacing, write_archive

RUN_FILE = "rnnbp sweep run"
ABOUT, LOCK = "sweep.json", "sweep.lock"


@dataclass(frozen=True)
class SweepFolder:
    """Folder of a sweep, from which it resumes.

    Parameters
    ----------
    path : Path

    Examples
    --------
    >>> import tempfile
    >>> folder = SweepFolder(Path(tempfile.mkdtemp()))
    >>> folder.write(RunResult(3, 0, "ok", 0.9, 2), {"hidden_size": 8})
    >>> folder.result(3, 0).score, folder.result(4, 0)
    (0.9, None)
    """

    path: Path

    @contextmanager
    def in_use(self, about: Mapping[str, Any]) -> Iterator[None]:
        """Context in which no other sweep can use the folder.

        Parameters
        ----------
        about : mapping of str to object
            What the sweep is of, which is written to a new folder and compared in one that exists.

        Raises
        ------
        ValueError
            If the folder has runs of another sweep, or has files but is not of a sweep.
        OSError
            If it cannot be written to, or another process uses it.
        """
        check_target_folder("folder", self.path)
        self.path.mkdir(parents=True, exist_ok=True)
        foreign = [one.name for one in self.path.iterdir() if not one.name.startswith(".") and one.name != LOCK]
        if foreign and not (self.path / ABOUT).is_file():
            raise ValueError(
                f"folder must be a new one or that of a sweep, and {str(self.path)!r} has {sorted(foreign)[0]!r} but "
                f"no {ABOUT}: give another folder"
            )
        with locked_file(self.path / LOCK, wait=False) as free:
            if not free:
                raise OSError(f"folder {str(self.path)!r} is in use by another sweep: wait for it, or give another one")
            self._compare(about)
            yield

    def _compare(self, about: Mapping[str, Any]) -> None:
        file = self.path / ABOUT
        if not file.is_file():
            with replacing(file) as beside:
                beside.write_text(json.dumps(about, indent=1), encoding="utf-8")
            return
        try:
            found = dict(json.loads(file.read_text(encoding="utf-8")))
        except (RecursionError, TypeError, ValueError) as error:
            raise ValueError(f"{str(file)!r} is not a sweep's, or it is damaged: {error}") from error
        for part, value in about.items():
            if found.get(part) != value:
                if self._nothing_begun():  # as of a call whose arguments were refused
                    self.clear()
                    self._compare(about)
                    return
                shown = "" if str(value).startswith(HASH) else f": {found.get(part)}, and this one's is {value}"
                raise ValueError(
                    f"folder {str(self.path)!r} is of a sweep with another {part}{shown}. Give another folder, or the "
                    "arguments of that sweep"
                )

    def _nothing_begun(self) -> bool:
        """Return whether no run of the folder has a result, a checkpoint or a lock."""
        return not any(self.path.glob("trial-*-seed-*"))

    def _file(self, trial: int, seed: int, suffix: str) -> Path:
        return self.path / f"trial-{trial:04}-seed-{seed}{suffix}"

    def checkpoint(self, trial: int, seed: int) -> Path:
        """Return the file of a run's checkpoint."""
        return self._file(trial, seed, ".checkpoint.npz")

    @contextmanager
    def locked(self, trial: int, seed: int) -> Iterator[None]:
        """Context in which no other process trains the run; waits for one that does."""
        lock = self._file(trial, seed, ".lock")
        with locked_file(lock, wait=True):
            yield
            lock.unlink(missing_ok=True)  # who waits for it finds the result

    def result(self, trial: int, seed: int, parameters: Parameters | None = None) -> RunResult | None:
        """Return the result of a finished run, or None where there is none.

        Parameters
        ----------
        trial, seed : int
        parameters : dict, optional
            Those that the run must have had.

        Raises
        ------
        ValueError
            If the file is damaged, or the run had other parameters.
        """
        file = self._file(trial, seed, ".npz")
        if not file.is_file():
            return None
        header, arrays = read_archive(file, RUN_FILE)
        try:
            fields = dict(header["run"])
            result = RunResult(**fields, parameters=arrays.get("parameters"))
            had = header["parameters"]
            if (result.trial, result.seed) != (trial, seed):
                raise ValueError(f"it is of trial {result.trial}, seed {result.seed}")
            _check_types(result)
        except (LookupError, TypeError, ValueError) as error:
            raise ValueError(f"{str(file)!r} does not hold a sweep's run: {error}") from error
        if parameters is not None and had != described(parameters):
            raise ValueError(f"{str(file)!r} is of a trial with {had}, and this one has {described(parameters)}")
        return result

    def write(self, result: RunResult, parameters: Parameters) -> None:
        """Write the result of a run, and remove its checkpoint."""
        fields = {name: value for name, value in vars(result).items() if name != "parameters"}
        fields["rows"] = [{name: python_scalar(value) for name, value in row.items()} for row in result.rows]
        arrays = {} if result.parameters is None else {"parameters": result.parameters}
        file = self._file(result.trial, result.seed, ".npz")
        write_archive(file, RUN_FILE, {"run": fields, "parameters": described(parameters)}, arrays)
        for checkpoint in self.path.glob(f"{file.stem}.checkpoint*"):
            checkpoint.unlink(missing_ok=True)

    def clear(self) -> None:
        """Remove what the sweep has written; other files stay."""
        for pattern in ("trial-*-seed-*", "optuna.log*", ABOUT):
            for file in self.path.glob(pattern):
                file.unlink(missing_ok=True)

    def forget_failed(self, trial: int, seed: int) -> None:
        """Remove the result of a run that failed, so that it is trained again."""
        result = self.result(trial, seed)
        if result is not None and result.status == "failed":
            self._file(trial, seed, ".npz").unlink()


def _check_types(result: RunResult) -> None:
    """Raise unless what a file says of a run is of the types of a result."""
    types = {"status": str, "score": int | float, "best_epoch": int, "error": str, "rows": list, "pruning": dict}
    for name, wanted in types.items():
        if not isinstance(getattr(result, name), wanted):
            raise TypeError(f"its {name} cannot be {getattr(result, name)!r:.60}")
    for row in result.rows:
        if not isinstance(row, dict) or not isinstance(row.get("seconds"), int | float):
            raise TypeError(f"a row of its history must be an object with seconds, got {row!r:.60}")
