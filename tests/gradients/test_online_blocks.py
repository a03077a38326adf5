"""BlockRTRL: the gradients of truncated BPTT and RTRL, memory and operations.

That it is exact for every cell is tested in test_gradients.py.
"""

from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from helpers import LENGTHS, gradient_error
from pairs import pairs
from test_gradients import CAUSAL, F, K, batch_for, model_of, whole

import rnnbp
from rnnbp.cells import ElmanCell
from rnnbp.gradients import BPTT, RTRL, BlockRTRL, TruncatedBPTT
from rnnbp.layers import GRU, LSTM, Dense, Embedding, Last, MeanOverTime, Recurrent, Window
from rnnbp.losses import CrossEntropy


@pytest.mark.parametrize(
    ("every", "block", "end", "name"),
    pairs([1, 2, 4, 6], [1, 3, 8], [[], [Last()]], ["LSTM", "two LSTMs", "a user's"]),
    ids=str,
)
def test_each_gradient_equals_that_of_truncated_bptt_with_k2_of_the_whole_length(name, end, block, every):
    model = model_of([*CAUSAL[name], *end])
    batch = batch_for(model, LENGTHS["unequal lengths"])
    found = list(BlockRTRL(block, every=every).gradients(model, batch, CrossEntropy()))
    wanted = list(TruncatedBPTT(every, 6).gradients(model, batch, CrossEntropy()))
    assert [g.span for g in found] == [g.span for g in wanted]
    for g, w in zip(found, wanted, strict=True):
        assert g.loss == pytest.approx(w.loss, abs=1e-14)
        np.testing.assert_allclose(g.vector, w.vector, rtol=1e-10, atol=1e-14)
        assert g.cost.steps == w.cost.steps


@pytest.mark.parametrize("block", [2, 4])
@pytest.mark.parametrize(
    "layers",
    [
        [Embedding(5, F), LSTM(F, 3), Dense(3, K)],
        [GRU(F, 3), MeanOverTime(), Dense(3, K)],
        [Window(1, 0), Dense(2 * F, 4, "tanh"), LSTM(4, 3, num_layers=2), Dense(3, K)],
    ],
    ids=["tokens", "mean", "layers below"],
)
def test_models_of_several_layers_have_the_gradient_of_bptt(layers, block, rng):
    model = model_of(layers)
    batch = batch_for(model, LENGTHS["unequal lengths"])
    if isinstance(layers[0], Embedding):
        batch = replace(batch, x=rng.integers(5, size=(6, 3)))
    exact, found = (whole(a, model, batch, CrossEntropy())[1] for a in (BPTT(), BlockRTRL(block)))
    assert gradient_error(model.params, found, exact) < 1e-12


@pytest.mark.parametrize("every", [1, 2])
def test_parameters_may_change_after_each_gradient(every):
    """As with RTRL, whose influence matrix is that of past parameters."""
    trained = []
    for algorithm in (RTRL(every=every), BlockRTRL(4, every=every)):
        model = model_of(CAUSAL["GRU"])
        optimizer = rnnbp.Adam(0.05)
        for g in algorithm.gradients(model, batch_for(model, LENGTHS["unequal lengths"]), CrossEntropy()):
            optimizer.step(model.params, g.vector)
        trained.append(model.params.vector)
    np.testing.assert_allclose(*trained, rtol=1e-10)


def long_batch(model, times):
    batch = batch_for(model, LENGTHS["equal lengths"])
    x, targets = np.tile(batch.x, (times, 1, 1)), np.tile(batch.targets, (times, 1))
    return replace(batch, x=x, targets=targets, lengths=batch.lengths * times)


def test_memory_does_not_grow_with_time():
    model = model_of([LSTM(F, 4), Dense(4, K)])
    stored = {}
    for block in (1, 3, 6):
        short, long = (
            next(BlockRTRL(block).gradients(model, long_batch(model, times), CrossEntropy())).cost for times in (2, 10)
        )
        assert short.peak_bytes == long.peak_bytes
        assert long.steps == 5 * short.steps == 5 * 36
        stored[block] = long.peak_bytes
    # a step of three sequences: the state before it (8), residuals (20), and its entry in `active`
    assert stored[6] - stored[3] == 3 * (8 * 3 * (8 + 20) + 8)
    (g,) = RTRL().gradients(model, long_batch(model, 2), CrossEntropy())
    assert stored[1] < 1.2 * g.cost.peak_bytes


@dataclass(frozen=True)
class Counting(ElmanCell):
    """Counts the cotangents of its VJP, one per sequence and step."""

    cotangents: list[int] = field(default_factory=list, compare=False)

    def step_vjp(self, params, state, x, residuals, d_next):
        if d_next.any():  # a stack calls it with zeros for the width of delta
            self.cotangents.append(d_next[..., 0].size)
        return super().step_vjp(params, state, x, residuals, d_next)

    outer_products = ElmanCell.outer_products


@pytest.mark.parametrize("block", [1, 2, 3, 4, 6, 12])
def test_a_block_backpropagates_one_cotangent_per_step_and_one_per_state_unit(block):
    """One per step for the loss, and S per step for the influence matrix, but none of these in the last block."""
    cell = Counting(F, 4)
    model = model_of([Recurrent(cell), Dense(4, K)])
    batch = long_batch(model, 2)
    cell.cotangents.clear()
    next(BlockRTRL(block).gradients(model, batch, CrossEntropy()))
    wanted = 3 * (12 + 4 * (12 - block))
    assert sum(cell.cotangents) == wanted


def test_the_influence_matrix_is_updated_once_per_block(monkeypatch):
    """And not after the last block."""
    seen = []
    whole_update = rnnbp.gradients.online.blocks.BlockInfluenceMatrix.advance_block

    def counted(self, steps, n):
        before = self.matrix.copy()
        whole_update(self, steps, n)
        seen.append(not np.array_equal(before, self.matrix))

    monkeypatch.setattr(rnnbp.gradients.online.blocks.BlockInfluenceMatrix, "advance_block", counted)
    model = model_of([GRU(F, 4), Dense(4, K)])
    for block, updates in ((3, 3), (5, 2), (12, 0)):
        seen.clear()
        next(BlockRTRL(block).gradients(model, long_batch(model, 2), CrossEntropy()))
        assert sum(seen) == updates


@pytest.mark.parametrize("block", [0, -2, 1.5, None])
def test_block_must_be_positive(block):
    with pytest.raises(ValueError, match="block must be a positive integer, got"):
        BlockRTRL(block)


def test_what_rtrl_does_not_take_is_refused():
    model = model_of([Dense(F, K)])
    with pytest.raises(ValueError, match="BlockRTRL takes a model with a Recurrent layer"):
        list(BlockRTRL(3).gradients(model, batch_for(model, LENGTHS["equal lengths"]), CrossEntropy()))
