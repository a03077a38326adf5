"""Pruning of a run by one of Optuna's pruners, after each epoch."""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from rnnbp.metrics import Row
from rnnbp.runtime import require


@dataclass
class Pruning:
    """What a worker needs to decide whether to prune: the pruner, and the trials of earlier rounds.

    Of the same round it knows nothing, so that the decision does not depend on which run is the faster.

    Parameters
    ----------
    pruner : optuna.pruners.BasePruner
    study_name, direction : str
    earlier : list of optuna.trial.FrozenTrial
    number : int
        Number of the trial.
    """

    pruner: Any
    study_name: str
    direction: str
    earlier: list[Any]
    number: int
    _trial: Any = field(default=None, repr=False)

    def start(self, monitor: str) -> "Pruner":
        """Return the callback of a run, in a study of its own that has the earlier trials."""
        optuna = require("optuna", extra="optuna")
        with quiet():
            pruner = copy.deepcopy(self.pruner)  # some note in themselves what they have seen of a run
            study = optuna.create_study(study_name=self.study_name, direction=self.direction, pruner=pruner)
        study.add_trials(self.earlier)
        for _ in range(self.number - len(self.earlier)):  # in the place of the other trials of this round
            study.add_trial(optuna.trial.create_trial(state=optuna.trial.TrialState.FAIL))
        self._trial = study.ask()
        return Pruner(self._trial, monitor)

    def attributes(self) -> dict[str, Any]:
        """Return what the pruner has noted of this trial: the rungs that it has completed, for example."""
        trial = self._trial
        return {} if trial is None else dict(trial.storage.get_trial(trial._trial_id).system_attrs)


class Pruner:
    """Callback of a Trainer that interrupts it where the pruner says so.

    Parameters
    ----------
    trial : optuna.Trial
    monitor : str
        Column of the history that is reported.
    """

    def __init__(self, trial: Any, monitor: str) -> None:
        self.trial, self.monitor = trial, monitor
        self.pruned, self._seen = False, 0

    def prunes(self, rows: list[Row]) -> bool:
        """Report the epochs that are new, one by one, and return whether one of them is to be the last."""
        for row in rows[self._seen :]:
            self._seen += 1
            self.trial.report(row[self.monitor], int(row["epoch"]))
            self.pruned |= bool(self.trial.should_prune())
        return self.pruned

    def __call__(self, trainer: Any, row: Row) -> bool:
        return self.prunes([*trainer.rows])


@contextmanager
def quiet() -> Iterator[None]:
    """Context in which Optuna does not announce new studies."""
    logging = require("optuna", extra="optuna").logging
    before = logging.get_verbosity()
    logging.set_verbosity(logging.WARNING)
    try:
        yield
    finally:
        logging.set_verbosity(before)
