"""Arguments of `rnnbp.sweep` that say how trials are chosen."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rnnbp.comparison.sweeps.folder import SweepFolder
from rnnbp.comparison.sweeps.optuna_search import OptunaSearch
from rnnbp.comparison.sweeps.proposals import FixedTrials, Search
from rnnbp.comparison.sweeps.space import Parameters, grid, random_trials
from rnnbp.runtime import unused

TRIALS_PER_ROUND = 4


@dataclass(frozen=True)
class SearchArguments:
    """How trials are chosen: on a grid, at random, or by a sampler of Optuna.

    Parameters
    ----------
    trials : int, optional
    seed : int
    sampler, pruner : optional
    trials_per_round : int
        All as `rnnbp.sweep` takes them.

    Examples
    --------
    >>> SearchArguments(trials=None).name, SearchArguments(trials=3, seed=7).name
    ('grid', 'random, seed 7')
    """

    trials: int | None
    seed: int = 0
    sampler: Any = None
    pruner: Any = None
    trials_per_round: int = TRIALS_PER_ROUND

    def check(self, seeds: int, folder: SweepFolder | None, *, retry_failed: bool) -> None:
        """Raise if arguments do not go together.

        Parameters
        ----------
        seeds : int
            Number of seeds.
        folder : SweepFolder, optional
        retry_failed : bool
        """
        if retry_failed and folder is None:
            raise ValueError("retry_failed needs the folder of the sweep: give folder=")
        if self.sampler is None:
            if self.pruner is not None:
                raise ValueError(
                    f"pruner needs a sampler, as optuna.samplers.RandomSampler(seed=0); got {self.pruner!r} alone"
                )
            unused("trials_per_round", self.trials_per_round, TRIALS_PER_ROUND, "without a sampler")
            if self.trials is None:
                unused("seed", self.seed, 0, "on a grid, which has no random points (seeds= are those of the models)")
            return
        if self.trials is None:
            raise ValueError("trials must be the number of trials that the sampler proposes, got None")
        unused("seed", self.seed, 0, "with a sampler, which has its own")
        if retry_failed:
            raise ValueError("retry_failed has no effect with a sampler, whose later trials depend on the failed ones")
        if self.pruner is not None and seeds > 1:
            raise ValueError(f"seeds must be one with a pruner, which compares single runs, got {seeds}")

    @property
    def name(self) -> str:
        """What a folder says of the search: more trials continue a sweep, anything else is another one."""
        if self.sampler is None:
            return "grid" if self.trials is None else f"random, seed {self.seed}"
        pruner = "" if self.pruner is None else f", {type(self.pruner).__name__}"
        return f"{type(self.sampler).__name__}{pruner}, {self.trials_per_round} trials a round"

    def search(self, spaces: Sequence[Parameters], monitor: str, folder: SweepFolder | None) -> Search:
        """Return the search of a space by the score `monitor`."""
        if self.sampler is not None:
            path = None if folder is None else folder.path
            options = (self.trials or 0, self.sampler, self.pruner, self.trials_per_round)
            return OptunaSearch(list(spaces), *options, monitor, path)
        if self.trials is None:
            return FixedTrials(grid(spaces))
        return FixedTrials(random_trials(spaces, self.trials, self.seed))
