"""Where the trials of a sweep come from: a fixed list, or the protocol by which a sampler proposes them in rounds."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from rnnbp.comparison.sweeps.run_result import RunResult
from rnnbp.comparison.sweeps.space import Parameters

if TYPE_CHECKING:
    from rnnbp.comparison.sweeps.pruning import Pruning


@dataclass(frozen=True)
class Proposal:
    """A trial to train.

    Attributes
    ----------
    number : int
    parameters : dict
    pruning : Pruning, optional
    same_as : int, optional
        Number of an earlier trial with the same parameters, whose results are those of this one too.
    """

    number: int
    parameters: Parameters
    pruning: "Pruning | None" = None
    same_as: int | None = None


class Search(Protocol):
    """Source of the trials of a sweep.

    Attributes
    ----------
    trials : int
        Number of all trials.
    """

    @property
    def trials(self) -> int: ...

    def propose(self) -> list[Proposal]:
        """Return the trials of the next round, which can be trained in parallel; none after the last round."""
        ...

    def tell(self, results: Sequence[Sequence[RunResult]]) -> None:
        """Take note of the results of the last round: of each trial those of its seeds, in order."""
        ...


class FixedTrials:
    """Trials that are known from the beginning, of a grid or a random search.

    Parameters
    ----------
    trials : list of dict

    Examples
    --------
    >>> search = FixedTrials([{"a": 1}, {"a": 2}])
    >>> len(search.propose()), len(search.propose())
    (2, 0)
    """

    def __init__(self, trials: list[Parameters]) -> None:
        self._rounds = [trials]
        self.trials = len(trials)

    def propose(self) -> list[Proposal]:
        trials = self._rounds.pop() if self._rounds else []
        return [Proposal(number, parameters) for number, parameters in enumerate(trials)]

    def tell(self, results: Sequence[Sequence[RunResult]]) -> Any:
        return None
