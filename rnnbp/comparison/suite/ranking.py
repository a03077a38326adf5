"""Average ranks of models over tasks, with their tests."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from rnnbp.comparison.suite.statistics import ALPHA, Friedman, average_ranks, cliques, friedman, least_p, wilcoxon_holm


@dataclass(frozen=True)
class Ranking:
    """Average ranks of models over tasks, with Friedman's test and Holm-corrected Wilcoxon tests of every pair.

    Parameters
    ----------
    scores : DataFrame (tasks x models)
        The higher the better; none missing.

    Examples
    --------
    >>> scores = pd.DataFrame({"gru": [0.9, 0.8, 0.97, 0.6], "mlp": [0.7, 0.6, 0.95, 0.5], "esn": [0.8, 0.7, 0.9, 0.4]})
    >>> ranking = Ranking(scores)
    >>> ranking.ranks.to_dict()
    {'gru': 1.0, 'mlp': 2.5, 'esn': 2.5}
    >>> print(ranking.sentence)
    Average ranks over 4 tasks differ significantly between 3 models (Friedman's test, p = 0.05). \
4 tasks are too few to tell any two apart: the least possible p-value after Holm's correction is 0.38.
    """

    scores: pd.DataFrame

    @cached_property
    def ranks(self) -> pd.Series:
        """Average rank of each model, the best first."""
        return average_ranks(self.scores)

    @cached_property
    def friedman(self) -> Friedman:
        """Friedman's test, whether all have the same average rank."""
        return friedman(self.scores)

    @cached_property
    def pairs(self) -> pd.DataFrame:
        """Wilcoxon's signed-rank test of every two models: `first`, `second`, `p`, `p_holm`, `rank_biserial`."""
        return wilcoxon_holm(self.scores)

    @property
    def cliques(self) -> list[list[str]]:
        """Groups of models, consecutive in rank, in which no two differ significantly."""
        return cliques(self.ranks, self.pairs)

    @property
    def sentence(self) -> str:
        """What the tests say, or that the tasks are too few for them."""
        tasks, models = self.scores.shape
        if tasks < 2 or models < 2:
            return f"No test of ranks: {models} models on {tasks} tasks."
        least = least_p(tasks, models)
        if least > ALPHA:
            pairs = (
                f"{tasks} tasks are too few to tell any two apart: "
                f"the least possible p-value after Holm's correction is {least:.2g}."
            )
        else:
            pairs = self._different
        if np.isnan(self.friedman.p):
            return pairs
        differ = "differ significantly" if self.friedman.p < ALPHA else "do not differ significantly"
        return (
            f"Average ranks over {tasks} tasks {differ} between {models} models "
            f"(Friedman's test, p = {self.friedman.p:.2g}). {pairs}"
        )

    @property
    def _different(self) -> str:
        tests = "Wilcoxon's signed-rank test, corrected by Holm's method"
        found = self.pairs[self.pairs["p_holm"] < ALPHA].sort_values("p_holm", kind="stable")
        if found.empty:
            return f"No two differ significantly ({tests})."
        listed = found.head(4)
        named = [
            f"{first} over {second}" if correlation > 0 else f"{second} over {first}"
            for first, second, correlation in zip(
                listed["first"], listed["second"], listed["rank_biserial"], strict=True
            )
        ]
        more = f" and {len(found) - 4} more pairs" if len(found) > 4 else ""
        return f"Significantly better ({tests}): {', '.join(named)}{more}."
