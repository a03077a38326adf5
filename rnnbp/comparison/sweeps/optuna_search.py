"""Trials that one of Optuna's samplers proposes in rounds (the `optuna` extra)."""

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rnnbp.comparison.sweeps.described import described, plain
from rnnbp.comparison.sweeps.proposals import Proposal
from rnnbp.comparison.sweeps.pruning import Pruning, quiet
from rnnbp.comparison.sweeps.run_result import RunResult
from rnnbp.comparison.sweeps.space import Parameters, is_of_optuna
from rnnbp.metrics import less_is_better
from rnnbp.runtime import positive_int, require

STUDY = "rnnbp sweep"
JOURNAL = "optuna.log"
CHECKED = 20  # draws by which a sampler without a seed is recognized


class OptunaSearch:
    """Trials that a sampler proposes, some at a time, from the results of all before them.

    The proposals depend on the number of trials in a round and not on how many run in parallel, so that they are the
    same for any number of workers. A resumed sweep repeats them with the results in its folder.

    Parameters
    ----------
    spaces : list of dict
    trials : int
    sampler : optuna.samplers.BaseSampler
        With a seed. It is copied, and stays as it is.
    pruner : optuna.pruners.BasePruner, optional
    trials_per_round : int
    monitor : str
        Name of the score.
    folder : Path, optional
        Where the study is written as Optuna's journal file, `optuna.log`, for its dashboard.

    Raises
    ------
    ValueError
        If the sampler has no seed, or a distribution has no equivalent in Optuna.
    ImportError
        Without the `optuna` extra.
    """

    def __init__(
        self,
        spaces: list[Parameters],
        trials: int,
        sampler: Any,
        pruner: Any,
        trials_per_round: int,
        monitor: str,
        folder: Path | None,
    ) -> None:
        optuna = require("optuna", extra="optuna")
        for name, value, kind in (
            ("sampler", sampler, optuna.samplers.BaseSampler),
            ("pruner", pruner, optuna.pruners.BasePruner),
        ):
            if not (isinstance(value, kind) or (name == "pruner" and value is None)):
                raise ValueError(f"{name} must be one of optuna.{name}s, as {_example(name)}; got {value!r}")
        if isinstance(sampler, optuna.samplers.GridSampler | optuna.samplers.BruteForceSampler):
            raise ValueError(
                "sampler must not be one of a grid, which is searched without it: leave out sampler and trials"
            )
        self.trials = positive_int("trials", trials)
        self.spaces = [{name: _Dimension(name, one) for name, one in space.items()} for space in spaces]
        self.direction = "minimize" if less_is_better(monitor) else "maximize"
        self.monitor, self.pruner, self.size = monitor, pruner, positive_int("trials_per_round", trials_per_round)
        self._check_seeded(sampler)
        self.study = self._study(copy.deepcopy(sampler), folder)
        self._asked: list[Any] = []
        self._seen: dict[str, int] = {}

    def _check_seeded(self, sampler: Any) -> None:
        first, second = ([self._ask(study)[1] for _ in range(CHECKED)] for study in self._two_studies(sampler))
        if described(first) != described(second):
            name = type(sampler).__name__
            raise ValueError(
                "sampler must have a seed, so that the sweep can be repeated and resumed: "
                f"optuna.samplers.{name}(seed=0)"
            )

    def _two_studies(self, sampler: Any) -> list[Any]:
        return [self._study(copy.deepcopy(sampler), None) for _ in range(2)]

    def _study(self, sampler: Any, folder: Path | None) -> Any:
        optuna = require("optuna", extra="optuna")
        storage = None
        if folder is not None:
            journal = folder / JOURNAL
            journal.unlink(missing_ok=True)  # it is written again from the results in the folder
            storage = optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(str(journal)))
        with quiet():
            return optuna.create_study(study_name=STUDY, direction=self.direction, sampler=sampler, storage=storage)

    def _ask(self, study: Any) -> tuple[Any, Parameters]:
        trial = study.ask()
        number = trial.suggest_categorical("space", range(len(self.spaces))) if len(self.spaces) > 1 else 0
        prefix = f"{number}." if len(self.spaces) > 1 else ""
        return trial, {name: one.suggest(trial, prefix) for name, one in self.spaces[number].items()}

    def propose(self) -> list[Proposal]:
        """Return the next trials; one with the parameters of an earlier trial is not trained again."""
        begun = len(self.study.get_trials(deepcopy=False))
        earlier = self.study.get_trials(deepcopy=True) if self.pruner is not None else []
        self._asked, proposals = [], []
        for number in range(begun, min(begun + self.size, self.trials)):
            trial, parameters = self._ask(self.study)
            self._asked.append(trial)
            same = self._seen.setdefault(described(trial.params), number)
            pruning = None
            if self.pruner is not None:
                pruning = Pruning(self.pruner, STUDY, self.direction, earlier, number)
            proposals.append(Proposal(number, parameters, pruning, None if same == number else same))
        return proposals

    def tell(self, results: Sequence[Sequence[RunResult]]) -> None:
        """Tell the sampler the mean score of each trial; one that diverged has the worst one that there is."""
        state = require("optuna", extra="optuna").trial.TrialState
        worst = np.inf if self.direction == "minimize" else -np.inf
        for trial, runs in zip(self._asked, results, strict=True):
            statuses = {run.status for run in runs}
            if self.pruner is not None:
                for row in runs[0].rows:
                    trial.report(row[self.monitor], int(row["epoch"]))
                for key, value in runs[0].pruning.items():
                    trial.storage.set_trial_system_attr(trial._trial_id, key, value)
            if "failed" in statuses:
                self.study.tell(trial, state=state.FAIL)
            elif "pruned" in statuses:
                self.study.tell(trial, state=state.PRUNED)
            elif "diverged" in statuses:
                self.study.tell(trial, float(worst))
            else:
                self.study.tell(trial, float(np.mean([run.score for run in runs])))


class _Dimension:
    """A parameter as Optuna suggests it: a list, or a distribution of Optuna's or of scipy.stats that it knows."""

    def __init__(self, name: str, given: Any) -> None:
        self.name, self.values = name, given if isinstance(given, list) else None
        self.distribution = self._labels() if self.values is not None else _as_optuna(name, given)

    def _labels(self) -> Any:
        """Return the categories, which are plain values or texts that describe others."""
        labels = [one if plain(one) else described(one) for one in self.values or ()]
        ambiguous = len(set(map(described, labels))) < len(labels)
        self.labels = [f"{k}: {one}" for k, one in enumerate(labels)] if ambiguous else labels
        return require("optuna", extra="optuna").distributions.CategoricalDistribution(self.labels)

    def suggest(self, trial: Any, prefix: str) -> Any:
        """Return a value for a trial."""
        name, given = prefix + self.name, self.distribution
        if self.values is not None:
            chosen = described(trial.suggest_categorical(name, self.labels))
            return self.values[list(map(described, self.labels)).index(chosen)]
        if hasattr(given, "choices"):
            return trial.suggest_categorical(name, given.choices)
        suggest = trial.suggest_int if type(given).__name__ == "IntDistribution" else trial.suggest_float
        return suggest(name, given.low, given.high, step=given.step, log=given.log)


def _as_optuna(name: str, given: Any) -> Any:
    """Return a distribution of Optuna, or raise where scipy's has no equivalent there."""
    if is_of_optuna(given):
        return given
    distributions = require("optuna", extra="optuna").distributions
    low, high = given.support()
    if given.dist.name == "randint":
        return distributions.IntDistribution(int(low), int(high))
    if given.dist.name in ("uniform", "loguniform", "reciprocal"):
        return distributions.FloatDistribution(float(low), float(high), log=given.dist.name != "uniform")
    raise ValueError(
        f"space[{name!r}] must be uniform, loguniform or randint of scipy.stats with a sampler of Optuna, or one of "
        f"optuna.distributions, got {described(given)}"
    )


def _example(name: str) -> str:
    return "optuna.samplers.TPESampler(seed=0)" if name == "sampler" else "optuna.pruners.MedianPruner()"
