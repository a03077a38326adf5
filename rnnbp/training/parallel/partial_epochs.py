"""The state of an epoch between two batches, of which every process has a part, in one checkpoint for all."""

from dataclasses import replace
from typing import Any

import numpy as np

from rnnbp.data import BatchPart
from rnnbp.models.states import join_states, take_rows
from rnnbp.training.evaluation import Sums
from rnnbp.training.parallel.ranks import Ranks
from rnnbp.training.partial_epoch import PartialEpoch


def whole_epoch(ranks: Ranks, rows: int, done: PartialEpoch) -> PartialEpoch:
    """Return what all processes have done of an epoch.

    Parameters
    ----------
    ranks : Ranks
    rows : int
        B, the number of rows of a stream, whose states are carried.
    done : PartialEpoch
        Of this process.
    """
    if ranks.size == 1:
        return done
    parts = [BatchPart.of(np.ones(rows, np.int64), (rank, ranks.size)) for rank in range(ranks.size)]
    part = parts[ranks.rank]
    state = None if done.state is None else take_rows(list(done.state), np.arange(len(part.columns))[part.own])

    def joined(found: list[tuple[Sums, Any]]) -> PartialEpoch:
        evidence = [one for sums, _ in found for one in sums.evidence]
        sums = Sums(sum(sums.loss for sums, _ in found), sum(sums.total for sums, _ in found), evidence)
        if state is None:
            return replace(done, sums=sums)
        order = np.concatenate([own.columns[own.own] for own in parts])
        states = join_states([state for (_, state), own in zip(found, parts, strict=True) if len(own.columns[own.own])])
        return replace(done, sums=sums, state=take_rows(states, np.argsort(order)))

    return ranks.collected("an epoch so far", (done.sums, state), joined)


def own_epoch(ranks: Ranks, rows: int, whole: PartialEpoch) -> PartialEpoch:
    """Return the part of one process of what all have done of an epoch."""
    if ranks.share is None:
        return whole
    columns = BatchPart.of(np.ones(rows, np.int64), ranks.share).columns
    state = None if whole.state is None else take_rows(list(whole.state), columns)
    return replace(whole, sums=whole.sums if ranks.first else Sums(), norms=list(whole.norms), state=state)
