"""Training of a sweep's trials, round by round."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import Any

from rnnbp.comparison.sweeps.folder import SweepFolder
from rnnbp.comparison.sweeps.proposals import Proposal, Search
from rnnbp.comparison.sweeps.run_result import RunResult
from rnnbp.comparison.sweeps.space import Parameters
from rnnbp.comparison.sweeps.training_settings import Settings
from rnnbp.comparison.sweeps.trial_run import TrialRun, perform
from rnnbp.runtime import Progress, counted, outcomes


@dataclass
class Rounds:
    """Training of the trials that a search proposes, and what has been trained so far.

    Parameters
    ----------
    settings : Settings
    seeds : list of int
    folder : SweepFolder, optional
    n_jobs : int, optional
    retry_failed : bool

    Attributes
    ----------
    trials : list of dict
        Parameters of all trials so far.
    finished : dict
        Result by trial and seed.
    """

    settings: Settings
    seeds: list[int]
    folder: SweepFolder | None = None
    n_jobs: int | None = None
    retry_failed: bool = False
    trials: list[Parameters] = field(default_factory=list)
    finished: dict[tuple[int, int], RunResult] = field(default_factory=dict)

    @property
    def runs(self) -> list[RunResult]:
        """Finished runs in the order of trials and seeds."""
        keys = ((trial, seed) for trial in range(len(self.trials)) for seed in self.seeds)
        return [self.finished[key] for key in keys if key in self.finished]

    def run(self, search: Search, *, progress: bool) -> None:
        """Train every trial that the search proposes, in rounds."""
        with Progress(search.trials * len(self.seeds), show=progress, label="run") as bar:
            while proposals := search.propose():
                self.trials += [one.parameters for one in proposals]
                self._train(proposals, bar)
                search.tell([[self.finished[one.number, seed] for seed in self.seeds] for one in proposals])

    def _train(self, proposals: Sequence[Proposal], bar: Progress) -> None:
        runs = []
        for one in proposals:
            for seed in self.seeds:
                if one.same_as is None and not self._has(one, seed, bar):
                    pruning = one.pruning
                    runs.append(TrialRun(self.settings, one.number, one.parameters, seed, self.folder, pruning))
        with closing(outcomes(perform, runs, n_jobs=self.n_jobs)) as done:
            for place, outcome in done:
                run, result = runs[place], outcome.result
                if result is None:  # its worker died, or the result could not be sent or written
                    result = RunResult(run.number, run.seed, "failed", error=str(outcome.error))
                self._finish(result, bar)
        for one in proposals:
            for seed in self.seeds:
                if one.same_as is not None:
                    self._finish(replace(self.finished[one.same_as, seed], trial=one.number), bar)

    def _has(self, one: Proposal, seed: int, bar: Progress) -> bool:
        """Return whether the folder has the result of a run, which is then finished."""
        if self.folder is None:
            return False
        if self.retry_failed:
            self.folder.forget_failed(one.number, seed)
        result = self.folder.result(one.number, seed, one.parameters)
        if result is not None:
            self._finish(result.without_parameters(), bar)
        return result is not None

    def _finish(self, result: RunResult, bar: Progress) -> None:
        self.finished[result.trial, result.seed] = result
        bar.update(self._scores(result))

    def _scores(self, result: RunResult) -> Mapping[str, Any]:
        return {str(self.settings.monitor): result.score}

    def note(self) -> str:
        """Return what an interruption leaves, for its message."""
        done = f"{counted(len(self.finished), 'run')} of the sweep had finished"
        if self.folder is None:
            return f"{done}: `except KeyboardInterrupt as error: error.report` has them; folder= keeps them on disk"
        return f"{done}; the same call resumes from {str(self.folder.path)!r}"
