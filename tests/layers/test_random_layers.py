"""Layers that are random in training: their masks, spans of a sequence, and the gradient with the masks held."""

import numpy as np
import pytest
from helpers import made, relative_error

import rnnbp
from rnnbp import (
    BPTT,
    GRU,
    RTRL,
    BlockRTRL,
    CrossEntropy,
    Dense,
    Dropout,
    Last,
    Noise,
    RecurrentDropout,
    Sequential,
    TruncatedBPTT,
    VariationalDropout,
    Zoneout,
    cells,
)
from rnnbp.cells import ElmanCell, GRUCell, JordanCell, LSTMCell
from rnnbp.cells.declared import DeclaredCell
from rnnbp.core import sigmoid
from rnnbp.gradients import ComplexStep
from rnnbp.kernels import using
from rnnbp.layers import Recurrent, Run
from rnnbp.layers.zoneout import CarryingCell

F = 3
LAYERS = {
    "Dropout": Dropout(0.4),
    "Noise": Noise(0.3),
    "VariationalDropout": VariationalDropout(0.4),
    "RecurrentDropout LSTM": RecurrentDropout(LSTMCell(F, F), 0.4),
    "RecurrentDropout GRU": RecurrentDropout(GRUCell(F, F), 0.4),
    "Zoneout GRU": Zoneout(GRUCell(F, F), 0.4),
    "Zoneout Jordan": Zoneout(JordanCell(F, F, F, 0.5), 0.3),
    "Zoneout LSTM": Zoneout(LSTMCell(F, F), (0.2, 0.6)),
}
every_layer = pytest.mark.parametrize("layer", LAYERS.values(), ids=LAYERS)


@pytest.fixture(autouse=True)
def numpy_kernels():
    """Kernels that take no time to make: those of the compiled cells are tested in tests/kernels."""
    with using("numpy"):
        yield


def batch_for(rng, steps=(5, 3, 2)):
    return rnnbp.SequenceDataset([rng.standard_normal((n, F)) for n in steps], targets=[0, 1, 1]).batch()


def total(algorithm, model, batch, seed=3):
    found = algorithm.gradients(model, batch, CrossEntropy(), rng=np.random.default_rng(seed))
    return np.sum([g.vector for g in found], axis=0)


@every_layer
def test_gradient_is_that_of_the_loss_with_the_masks_held(layer, rng):
    model = Sequential(layer, GRU(F, 4), Last(), Dense(4, 2), dtype=np.float64)
    batch = batch_for(rng)
    found = total(BPTT(), model, batch)
    assert relative_error(found, total(ComplexStep(), model, batch)) < 1e-12
    assert relative_error(total(BPTT(), model, batch, seed=4), found) > 1e-3


@every_layer
def test_a_gradient_in_spans_has_the_masks_of_the_whole_sequence(layer, rng):
    """Which one random layer draws in order of time."""
    model, batch = Sequential(GRU(F, F), layer, Last(), Dense(F, 2), dtype=np.float64), batch_for(rng)
    expected = total(BPTT(), model, batch)
    assert relative_error(total(TruncatedBPTT(2, 8), model, batch), expected) < 1e-12
    assert relative_error(total(BPTT(slots=2, block=3), model, batch), expected) < 1e-12


@every_layer
def test_the_same_seed_gives_the_same_bits_of_a_training(layer, rng):
    vectors = []
    for _ in range(2):
        model = Sequential(layer, GRU(F, 4), Last(), Dense(4, 2))
        data = rnnbp.SequenceDataset([np.ones((n, F)) for n in (5, 3, 4, 2)], targets=[0, 1, 0, 1])
        rnnbp.Trainer(model, CrossEntropy(), seed=1).fit(data, epochs=2, batch_size=2, progress=False)
        vectors.append(model.params.vector)
    np.testing.assert_array_equal(*vectors)


def test_online_algorithms_draw_the_masks_of_bptt(rng):
    """Of layers below, between and above the recurrent ones."""
    dropout = VariationalDropout(0.4)
    layers = dropout, GRU(F, 4), Dropout(0.2), dropout, GRU(4, 3), dropout, Last(), dropout, Dense(3, 2)
    model, batch = Sequential(*layers, dtype=np.float64), batch_for(rng)
    expected = total(BPTT(), model, batch)
    for algorithm in (RTRL(), RTRL(every=2), BlockRTRL(2)):
        assert relative_error(total(algorithm, model, batch), expected) < 1e-12


def test_variational_dropout_has_one_mask_for_all_steps_of_a_sequence(rng):
    x = np.ones((6, 50, 20))
    y, _, mask = VariationalDropout(0.3).forward(made(VariationalDropout(0.3)), x, Run(np.full(50, 6), rng))
    np.testing.assert_array_equal(y, np.broadcast_to(y[0], y.shape))
    np.testing.assert_array_equal(y[0], mask)
    np.testing.assert_array_equal(np.unique(y), [0, 1 / 0.7])
    assert abs(np.mean(y == 0) - 0.3) < 0.05
    assert np.unique(y[0], axis=0).shape[0] > 40  # another one for each sequence


def test_variational_dropout_of_vectors_and_in_evaluation(rng):
    layer, x = VariationalDropout(0.5), np.ones((4, 8))
    y, _, _ = layer.forward(made(layer), x, Run(np.ones(4, int), rng))
    assert y.shape == (4, 8)
    assert np.any(y == 0)
    assert layer.forward(made(layer), x, Run(np.ones(4, int)))[0] is x


def test_spans_of_a_stream_keep_their_mask(rng):
    layer, x = VariationalDropout(0.5), np.ones((2, 3, 40))
    first, _, state = layer.forward(made(layer), x, Run(np.full(3, 2), rng))
    second, _, _ = layer.forward(made(layer), x, Run(np.full(3, 2), rng), state)
    np.testing.assert_array_equal(first, second)


def test_zoneout_in_evaluation_is_the_expectation(rng):
    cell, x = LSTMCell(F, 2), rng.standard_normal((5, 1, F))
    layer, params = Zoneout(cell, (0.1, 0.5)), made(LSTMCell(F, 2))
    y, _, _ = layer.forward(params, x, Run(np.array([5])))
    state, rate = np.zeros((1, 4)), np.array([0.1, 0.1, 0.5, 0.5])
    for t in range(5):
        state = rate * state + (1 - rate) * cell.step(params, state, x[t])[0]
        np.testing.assert_allclose(y[t], state[:, :2], rtol=1e-14)


@pytest.mark.parametrize("rate", [0.0, 1.0])
@pytest.mark.parametrize("training", [False, True])
def test_zoneout_at_the_ends_of_its_range(rate, training, rng):
    cell, x = GRUCell(F, 4), rng.standard_normal((5, 2, F))
    params, lengths = made(cell), np.array([5, 3])
    start = rng.standard_normal((2, 4))
    y, _, _ = Zoneout(cell, rate).forward(params, x, Run(lengths, rng if training else None), start)
    plain = Recurrent(cell).forward(params, x, Run(lengths), start)[0]
    real = (np.arange(5)[:, None] < lengths)[:, :, None]
    np.testing.assert_allclose(y, plain if rate == 0 else np.where(real, start, 0), rtol=1e-14)


def test_zoneout_in_training_keeps_each_unit_or_takes_its_next_state(rng):
    cell, x = ElmanCell(F, 40), rng.standard_normal((1, 5, F))
    params, start = made(cell), rng.standard_normal((5, 40))
    y, _, _ = Zoneout(cell, 0.25).forward(params, x, Run(np.ones(5, int), rng), start)
    following = cell.step(params, start, x[0])[0]
    kept = np.isclose(y[0], start)
    np.testing.assert_allclose(y[0][~kept], following[~kept], rtol=1e-12)
    assert abs(kept.mean() - 0.25) < 0.1


@pytest.mark.parametrize("backend", ["loop", "numpy", pytest.param("compiled", marks=pytest.mark.slow)])
def test_recurrent_dropout_masks_what_enters_by_recurrent_weights(backend, rng):
    """And nothing else: c of an LSTM, and h that a GRU carries over, are not dropped."""
    x, mask, params = rng.standard_normal((6, 2, F)), np.array([[2.0, 0, 0, 2], [0, 2, 0, 0]]), made(GRUCell(F, 4))
    state = rng.standard_normal((2, 4))
    with using(backend):
        y, _, after = RecurrentDropout(GRUCell(F, 4), 0.5).forward(
            params, x, Run(np.array([6, 6]), rng), np.append(state, mask, axis=1)
        )
    w_r, w_z, w_n = np.split(params["w_hh"], 3)
    i_r, i_z, i_n = np.split(x @ params["w_ih"].T + params["b_ih"], 3, axis=-1)
    b_r, b_z, b_n = np.split(params["b_hh"], 3)
    for t in range(6):
        h = mask * state
        r, z = sigmoid(i_r[t] + h @ w_r.T + b_r), sigmoid(i_z[t] + h @ w_z.T + b_z)
        n = np.tanh(i_n[t] + r * (h @ w_n.T + b_n))
        state = (1 - z) * n + z * state
        np.testing.assert_allclose(y[t], state, rtol=1e-12)
    np.testing.assert_allclose(after, np.append(state, mask, axis=1), rtol=1e-12)


DECLARED = [
    cls(F, 4)
    for name in cells.__all__
    if isinstance(cls := getattr(cells, name), type) and issubclass(cls, DeclaredCell) and cls(F, 4).is_derived
]


@pytest.mark.parametrize("cell", DECLARED, ids=lambda cell: type(cell).__name__)
def test_every_declared_cell_takes_a_mask_of_ones_without_effect(cell, rng):
    x, params, run = 40 * rng.standard_normal((4, 2, F)), made(cell), Run(np.array([4, 4]), rng)
    if "w_hh" not in cell.shapes():
        with pytest.raises(ValueError, match="cell must have recurrent weights"):
            RecurrentDropout(cell, 0.5)
        return
    state = np.zeros((2, cell.state_size + 4))
    with using("loop"):
        plain, _, after = Recurrent(cell).forward(params, x, run, 1 + state[:, :-4])
        y, _, end = RecurrentDropout(cell, 0.5).forward(params, x, run, 1 + state)
        half = 1 - 0.5 * (np.arange(state.shape[1]) >= cell.state_size) + np.zeros_like(state)
        _, _, masked = RecurrentDropout(cell, 0.5).forward(params, x, run, half)
    np.testing.assert_allclose(y, plain, rtol=1e-13, atol=1e-15)
    np.testing.assert_allclose(end[:, :-4], after, rtol=1e-13, atol=1e-15)
    assert not np.allclose(masked[:, :-4], after)


@pytest.mark.parametrize("cell", DECLARED, ids=lambda cell: type(cell).__name__)
def test_zoneout_of_a_declared_cell_is_that_of_its_steps(cell, rng):
    x, params, run = rng.standard_normal((4, 2, F)), made(cell), Run(np.array([4, 2]))
    start, k = rng.standard_normal((2, cell.state_size)), rng.random((4, 2, cell.state_size))
    layer, by_steps = Zoneout(cell), Recurrent(CarryingCell(cell))
    wide, d_end = layer._weights(params), rng.standard_normal(start.shape)
    given = np.concatenate([x, k], axis=-1)
    results = []
    with using("loop"):
        for one, weights in ((layer._layer, wide), (by_steps, params)):
            y, own, after = one.forward(weights, given, run, start)
            grad = weights.zeros()
            dx, before = one.backward(weights, own, np.cos(y), grad, d_end)
            results.append((y, after, dx[..., :F], before, *(grad[n] for n in grad if n != "w_ih")))
            results[-1] += (grad["w_ih"] if one is by_steps else grad["w_ih"][layer._rows[0], :F],)
    for found, expected in zip(*results, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-13)


def test_recurrent_dropout_draws_a_mask_for_each_sequence(rng):
    layer = RecurrentDropout(LSTMCell(F, 50), 0.2)
    _, _, state = layer.forward(made(layer), np.ones((3, 40, F)), Run(np.full(40, 3), rng))
    mask = state[:, 100:]
    np.testing.assert_allclose(np.unique(mask), [0, 1.25])
    assert abs(np.mean(mask == 0) - 0.2) < 0.05
    y, _, _ = layer.forward(made(layer), np.ones((3, 40, F)), Run(np.full(40, 3)), state)  # in evaluation
    plain = Recurrent(layer.cell).forward(made(layer), np.ones((3, 40, F)), Run(np.full(40, 3)), state[:, :100])[0]
    np.testing.assert_array_equal(y, plain)


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: RecurrentDropout(GRUCell(3, 4), -0.1), "rate must be a number between 0 and 1, got -0.1"),
        (lambda: RecurrentDropout(JordanCell(3, 4, 4)), "cell must be declared by its equation, as LSTMCell .* Jordan"),
        (lambda: VariationalDropout(1), "rate must be below 1, got 1"),
        (lambda: Zoneout(GRUCell(3, 4), 1.5), "rate must be a number between 0 and 1, got 1.5"),
        (lambda: Zoneout(GRUCell(3, 4), (0.1,) * 3), "one for each of the equal parts of the state of 4 units"),
        (lambda: Zoneout(GRU(3, 4)), "cell must be"),
    ],
)
def test_arguments_of_random_layers_are_checked(make, match):
    with pytest.raises(ValueError, match=match):
        make()
