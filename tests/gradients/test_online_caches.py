"""What online algorithms cache of a model: found again in each batch, and not mistaken for another model's."""

from dataclasses import replace

import numpy as np
import pytest
from helpers import gradient_error
from test_gradients import batch_for, model_of, whole

from rnnbp.cells import ElmanCell, LSTMCell, Stack
from rnnbp.gradients import BPTT, RTRL, EProp, RandomFeedback, SnAp
from rnnbp.gradients.online import jacobian_sparsity
from rnnbp.gradients.online.cell_key import CellKey
from rnnbp.gradients.online.compiled_influence import CompiledInfluenceMatrix
from rnnbp.gradients.online.influence import influence_on
from rnnbp.gradients.online.jacobian_sparsity import structure_of
from rnnbp.kernels import using
from rnnbp.layers import GRU, LSTM, Dense, Dropout, Elman, Embedding, LeakyElman, MeanOverTime, Noise, Normalize
from rnnbp.losses import CrossEntropy

MODELS = {
    "dropout between layers": lambda: [GRU(3, 4), Dropout(0.3), Noise(0.1), GRU(4, 3), Dense(3, 3)],
    "dropout within layers": lambda: [LSTM(3, 4, num_layers=2, dropout=0.3), Dense(4, 3)],
    "dense below": lambda: [Dense(3, 4), Normalize([0.0] * 4, [1.0] * 4), Elman(4, 3), Dense(3, 3)],
    "mean over time": lambda: [Elman(3, 4), LeakyElman(4, 3), MeanOverTime(), Dense(3, 3)],
    "embedding": lambda: [Embedding(5, 4), Elman(4, 3), Dense(3, 3)],
}


@pytest.mark.parametrize("algorithm", [RTRL(), SnAp(1), EProp(RandomFeedback())], ids=repr)
@pytest.mark.parametrize("name", MODELS)
def test_a_sparsity_pattern_is_found_once_for_all_batches(name, algorithm):
    model = model_of(MODELS[name]())
    batch = batch_for(model, np.array([6, 4, 1]))
    if name == "embedding":
        batch = replace(batch, x=np.abs(batch.x[:, :, 0]).astype(int) % 5)
    found = []
    for seed in (0, 1):
        for _ in algorithm.gradients(model, batch, CrossEntropy(), None, np.random.default_rng(seed)):
            pass
        found.append(jacobian_sparsity._sparsity_of.cache_info().misses)
    assert found[0] == found[1]


def test_layers_of_the_same_sizes_are_told_apart():
    """One layer's slope is zero where the other's is not."""
    for activation in ("linear", "relu", "tanh"):
        model = model_of([Dense(3, 4, activation), Elman(4, 3), Dense(3, 3)])
        batch = batch_for(model, np.array([6, 4, 1]))
        exact, found = (whole(a, model, batch, CrossEntropy())[1] for a in (BPTT(), RTRL()))
        assert gradient_error(model.params, found, exact) < 1e-12


def test_equal_cells_have_different_keys():
    """Fields that are not compared may differ."""
    first, second = ElmanCell(3, 4), ElmanCell(3, 4)
    assert first == second
    assert CellKey(first) != CellKey(second)
    assert CellKey(first) == CellKey(first)


def test_an_entry_of_the_jacobian_that_several_groups_share_is_stored_once():
    """SnAp's groups of a layer below share the units of the layer above."""
    pytest.importorskip("numba")
    cell = Stack((LSTMCell(3, 20), LSTMCell(20, 20)))
    S, K = cell.state_size, 2 * 4 * 20
    with using("compiled"):
        influence = influence_on(structure_of(cell), 1, 1, np.dtype(np.float32))
    assert isinstance(influence, CompiledInfluenceMatrix)
    entries = influence.panels.entries
    assert len(entries.places) > 2 * S * S
    stored = sum(value.nbytes for value in vars(entries).values() if isinstance(value, np.ndarray))
    assert stored < 8 * (len(entries.places) + 4 * S * S + S * K)
