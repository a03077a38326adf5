"""Every argument of a gradient algorithm changes a result, and records of past batches are bounded."""

import copy
from dataclasses import fields

import numpy as np
import pytest
from helpers import LENGTHS
from test_gradients import batch_for, model_of

import rnnbp
from rnnbp.gradients import (
    ARTBP,
    BPTT,
    KFRTRL,
    RFLO,
    RTRL,
    UORO,
    AdaptiveTruncation,
    BlockRTRL,
    ComplexStep,
    EProp,
    FiniteDifference,
    ForwardGradient,
    Geometric,
    RecurrentBackprop,
    SnAp,
    TruncatedBPTT,
)
from rnnbp.gradients.history import History
from rnnbp.layers import GRU, Dense, Elman
from rnnbp.losses import CrossEntropy


def yields(algorithm, model, rng=None):
    """Return the spans, vectors and costs of the gradients that an algorithm yields."""
    batch = batch_for(model, LENGTHS["equal lengths"])
    found = list(algorithm.gradients(model, batch, CrossEntropy(), None, rng))
    return [(g.span, g.vector.tolist(), g.cost) for g in found]


ARGUMENTS = [
    ("slots", BPTT(), BPTT(slots=1, block=2)),
    ("memory", BPTT(block=1), BPTT(memory="6 KB", block=1)),
    ("block", BPTT(slots=2, block=1), BPTT(slots=2, block=2)),
    ("k1", TruncatedBPTT(1, 3), TruncatedBPTT(2, 3)),
    ("k2", TruncatedBPTT(1, 2), TruncatedBPTT(1, 3)),
    ("truncation", ARTBP(Geometric(0.1)), ARTBP(Geometric(0.9))),
    ("seed", ARTBP(Geometric(0.5), seed=0), ARTBP(Geometric(0.5), seed=1)),
    ("tolerance", AdaptiveTruncation(1e-9), AdaptiveTruncation(10.0)),
    ("k1", AdaptiveTruncation(), AdaptiveTruncation(k1=1)),
    ("window", AdaptiveTruncation(9.0, window=2), AdaptiveTruncation(9.0, window=4)),
    ("least", AdaptiveTruncation(10.0), AdaptiveTruncation(10.0, least=4)),
    ("most", AdaptiveTruncation(1e-9), AdaptiveTruncation(1e-9, most=2)),
    ("directions", ForwardGradient(1), ForwardGradient(2)),
    ("seed", ForwardGradient(seed=0), ForwardGradient(seed=1)),
    ("step", FiniteDifference(), FiniteDifference(1e-2)),
    ("indices", FiniteDifference(), FiniteDifference(indices=[0])),
    ("step", ComplexStep(), ComplexStep(1e-3)),
    ("indices", ComplexStep(), ComplexStep(indices=[0])),
    ("every", RTRL(), RTRL(every=2)),
    ("block", BlockRTRL(2), BlockRTRL(3)),
    ("every", BlockRTRL(2), BlockRTRL(2, every=4)),
    ("order", SnAp(1), SnAp(2)),
    ("every", SnAp(), SnAp(every=2)),
    ("seed", UORO(), UORO(seed=1)),
    ("every", UORO(), UORO(every=2)),
    ("seed", KFRTRL(), KFRTRL(seed=1)),
    ("every", KFRTRL(), KFRTRL(every=2)),
    ("feedback", EProp(), EProp(rnnbp.RandomFeedback())),
    ("every", EProp(), EProp(every=2)),
    ("feedback", RFLO(), RFLO(rnnbp.RandomFeedback(1))),
    ("every", RFLO(), RFLO(every=2)),
]


@pytest.mark.parametrize(("name", "one", "other"), ARGUMENTS, ids=lambda value: str(value)[:40])
def test_every_argument_changes_a_result(name, one, other):
    layer = Elman(3, 4) if isinstance(one, RFLO) else GRU(3, 4)
    model = model_of([layer, Dense(4, 3)])
    assert name in {f.name for f in fields(one)}
    assert yields(one, model) != yields(other, model)


def test_the_table_has_every_argument_of_every_algorithm():
    """But of `RecurrentBackprop`, which takes other models and is tested in test_recurrent_backprop.py."""
    algorithms = [getattr(rnnbp, name) for name in rnnbp.__all__ if hasattr(getattr(rnnbp, name), "gradients")]
    tested = {(type(one), name) for name, one, _ in ARGUMENTS}
    for kind in set(algorithms) & {type(one) for _, one, _ in ARGUMENTS}:
        for f in fields(kind):
            assert not f.init or (kind, f.name) in tested, f"{kind.__name__}({f.name})"


@pytest.mark.parametrize("make", [ForwardGradient, UORO, KFRTRL, lambda seed: ARTBP(Geometric(0.5), seed)])
def test_a_seed_counts_beside_a_trainers_generator(make):
    model = model_of([GRU(3, 4), Dense(4, 3)])
    one, same, other = (yields(make(seed=seed), model, np.random.default_rng(3)) for seed in (0, 0, 1))
    assert one == same
    assert one != other


# ---- records -----------------------------------------------------------------------------------------------


def test_a_history_keeps_the_newest_records_and_counts_all():
    history = History(limit=3)
    for k in range(10):
        history.append(k)
    assert list(history) == history == [7, 8, 9]
    assert (history.total, len(history), history[0], history[-1], history[1:]) == (10, 3, 7, 9, [8, 9])
    assert repr(history) == "History([7, 8, 9], total=10)"
    assert history != [7, 8]
    assert copy.deepcopy(history).total == 10


@pytest.mark.parametrize("algorithm", [AdaptiveTruncation(most=1), RecurrentBackprop()], ids=["truncation", "adjoints"])
def test_the_history_of_an_algorithm_is_bounded(algorithm):
    fixed = isinstance(algorithm, RecurrentBackprop)
    model = model_of([rnnbp.FixedPoint(rnnbp.ElmanCell(3, 1)) if fixed else Elman(3, 1), Dense(1, 3)])
    list(algorithm.gradients(model, batch_for(model, np.array([1])), CrossEntropy()))
    assert isinstance(algorithm.history, History)
    assert algorithm.history.total == 1
