"""Training of one trial with one seed, as a worker process performs it."""

import math
import traceback
import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from rnnbp.comparison.sweeps.folder import SweepFolder
from rnnbp.comparison.sweeps.run_result import RunResult
from rnnbp.comparison.sweeps.space import Parameters
from rnnbp.comparison.sweeps.training_settings import Settings, Trial
from rnnbp.metrics import check_monitor
from rnnbp.runtime import DamagedFileError
from rnnbp.training import TrainingDivergedError
from rnnbp.training.rotation import existing, older

if TYPE_CHECKING:
    from rnnbp.comparison.sweeps.pruning import Pruning


@dataclass(frozen=True)
class TrialRun:
    """Training of one trial with one seed.

    Parameters
    ----------
    settings : Settings
    number : int
        Number of the trial, from 0.
    parameters : dict
    seed : int
    folder : SweepFolder, optional
        Where the result is written, and a checkpoint after each epoch, from which the run resumes.
    pruning : Pruning, optional
        What decides after each epoch whether to prune.

    Examples
    --------
    >>> import rnnbp
    >>> data = rnnbp.datasets.load("parity", train=8, test=4, steps=3)[0]
    >>> def make(hidden_size, seed):
    ...     return rnnbp.Sequential(rnnbp.Elman(1, hidden_size), rnnbp.Dense(hidden_size, 2), seed=seed)
    >>> settings = Settings(make, data, data, epochs=2, batch_size=4)
    >>> result = TrialRun(settings, 0, {"hidden_size": 3}, seed=0).perform()
    >>> result.status, result.epochs_trained, result.score == result.rows[-1]["validation_accuracy"]
    ('ok', 2, True)
    """

    settings: Settings
    number: int
    parameters: Parameters
    seed: int
    folder: SweepFolder | None = None
    pruning: "Pruning | None" = field(default=None, compare=False)

    def perform(self) -> RunResult:
        """Train, or return what the folder has of this run; an error is part of the result."""
        if self.folder is None:
            return self._trained(None)
        with self.folder.locked(self.number, self.seed):  # the worker of a killed sweep may still train it
            result = self.folder.result(self.number, self.seed)
            if result is None:
                result = self._trained(self.folder.checkpoint(self.number, self.seed))
                self.folder.write(result, self.parameters)
            return result.without_parameters()

    def _trained(self, checkpoint: Any) -> RunResult:
        trial: Trial | None = None
        try:
            trial = self.settings.trial(self.parameters, self.seed)
            pruned = self._fit(trial, checkpoint)
            return self._result(trial, "pruned" if pruned else "ok")
        except TrainingDivergedError as error:
            assert trial is not None
            return RunResult(self.number, self.seed, "diverged", error=str(error), rows=trial.trainer.rows)
        except DamagedFileError as error:  # of a checkpoint and all older ones
            warnings.warn(f"trial {self.number}, seed {self.seed} begins again: {error}", stacklevel=2)
            for number in existing(checkpoint):
                older(checkpoint, number).unlink()
            return self._trained(checkpoint)
        except Exception:  # whatever it is, the other runs go on
            rows = [] if trial is None else trial.trainer.rows
            return RunResult(self.number, self.seed, "failed", error=traceback.format_exc(), rows=rows)

    def _fit(self, trial: Trial, checkpoint: Any) -> bool:
        """Train; return whether the run was pruned."""
        settings, trainer = self.settings, trial.trainer
        pruner = None if self.pruning is None else self.pruning.start(trial.monitor)
        if pruner is not None:
            trainer.callbacks = (*trainer.callbacks, pruner)
            if checkpoint is not None and existing(checkpoint):
                trainer.resume(checkpoint)
                if pruner.prunes(trainer.rows):  # it was interrupted between its last epoch and its result
                    return True
        trainer.fit_up_to(
            trial.epochs,
            settings.train,
            settings.validation,
            trial.batch_size,
            progress=False,
            stopping=settings.stopping,
            checkpoint=checkpoint,
        )
        return pruner is not None and pruner.pruned

    def _result(self, trial: Trial, status: str) -> RunResult:
        """Return the score of the epoch whose parameters the model has: the last one, or that of early stopping."""
        trainer, best = trial.trainer, trial.trainer.training.best
        restored = self.settings.stopping is not None and best.vector is not None and status == "ok"
        epoch = best.epoch if restored else len(trainer.rows)
        row = trainer.rows[epoch - 1]
        check_monitor(trial.monitor, row)
        score = float(row[trial.monitor])
        if not math.isfinite(score):
            error = f"{trial.monitor} is {score} after epoch {epoch}"
            return RunResult(self.number, self.seed, "diverged", error=error, rows=trainer.rows)
        parameters = np.array(trainer.model.params.vector)
        attributes = {} if self.pruning is None else self.pruning.attributes()
        return RunResult(
            self.number, self.seed, status, score, epoch, rows=trainer.rows, parameters=parameters, pruning=attributes
        )


def perform(run: TrialRun) -> RunResult:
    """Perform a run: a function that worker processes can import."""
    return run.perform()
