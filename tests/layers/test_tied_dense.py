"""TiedDense: one parameter of two layers, in the gradient, in training, and in files."""

import numpy as np
import pytest
from helpers import relative_error

import rnnbp
from rnnbp import BPTT, LSTM, RTRL, CrossEntropy, Dense, Embedding, Sequential, TiedDense, Trainer, TruncatedBPTT
from rnnbp.gradients import ComplexStep

TOKENS, D = 7, 4


def text(rng, lengths=(6, 4, 3)):
    tokens = [rng.integers(0, TOKENS, n + 1) for n in lengths]
    return rnnbp.SequenceDataset([t[:-1] for t in tokens], targets=[t[1:] for t in tokens])


def tied(dtype=np.float64, activation="linear"):
    return Sequential(Embedding(TOKENS, D), LSTM(D, D), TiedDense(D, TOKENS, activation), dtype=dtype)


@pytest.mark.parametrize("activation", ["linear", "tanh"])
def test_the_gradient_is_the_sum_of_that_of_both_layers(activation, rng):
    model, batch = tied(activation=activation), text(rng).batch()
    assert model.params.size == TOKENS * D + TOKENS + sum(np.prod(s) for s in LSTM(D, D).shapes().values())
    (g,) = BPTT().gradients(model, batch, CrossEntropy())
    (exact,) = ComplexStep().gradients(model, batch, CrossEntropy())
    assert relative_error(g.vector, exact.vector) < 1e-12

    untied = Sequential(Embedding(TOKENS, D), LSTM(D, D), Dense(D, TOKENS, activation), dtype=np.float64)
    for name in model.params:
        untied.params[name] = model.params[name]
    untied.params["2.w"] = model.params["0.w"]
    np.testing.assert_array_equal(untied.forward(batch), model.forward(batch))
    (both,) = BPTT().gradients(untied, batch, CrossEntropy())
    apart = untied.params.like(both.vector)
    np.testing.assert_allclose(model.params.like(g.vector)["0.w"], apart["0.w"] + apart["2.w"], rtol=1e-12)


@pytest.mark.parametrize("algorithm", [BPTT(slots=2), BPTT(slots=2, block=2), TruncatedBPTT(1, 6)])
def test_other_ways_to_the_same_gradient(algorithm, rng):
    model, batch = tied(), text(rng).batch()
    (expected,) = BPTT().gradients(model, batch, CrossEntropy())
    found = np.sum([g.vector for g in algorithm.gradients(model, batch, CrossEntropy())], axis=0)
    assert relative_error(found, expected.vector) < 1e-12


def test_online_algorithms_refuse_tied_layers(rng):
    with pytest.raises(ValueError, match=r"RTRL takes layers with parameters of their own, but layer 2 \(TiedDense\)"):
        next(RTRL().gradients(tied(), text(rng).batch(), CrossEntropy()))


def test_a_tied_model_is_trained_saved_and_run_step_by_step(tmp_path, rng):
    model, data = tied(np.float32), text(rng)
    Trainer(model, CrossEntropy(), optimizer=rnnbp.Adam(0.01)).fit(data, epochs=2, progress=False)
    model.save(tmp_path / "model.npz")
    again = rnnbp.load(tmp_path / "model.npz")
    assert again.layers == model.layers
    tokens = rng.integers(0, TOKENS, (5, 2))
    whole, state = model.forward(tokens), again.start(2)
    np.testing.assert_array_equal(again.forward(tokens), whole)
    for t in range(5):
        y, state = again.step(tokens[t], state)
        np.testing.assert_array_equal(y, whole[t])


def test_freezing_the_shared_matrix_freezes_both_layers(rng):
    model = tied()
    model.freeze("0.w")
    before = model.params["0.w"].copy()
    Trainer(model, CrossEntropy(), optimizer=rnnbp.Adam(0.01)).fit(text(rng), epochs=1, progress=False)
    np.testing.assert_array_equal(model.params["0.w"], before)


def test_a_layer_may_be_tied_to_a_dense_one(rng):
    model = Sequential(Dense(3, 3, "tanh"), LSTM(3, 3), TiedDense(3, 3, tied_to=0), dtype=np.float64)
    data = rnnbp.SequenceDataset([rng.standard_normal((n, 3)) for n in (5, 2)], targets=[rng.integers(0, 3, 5), [0, 2]])
    assert rnnbp.check_gradient(model, data.batch(), CrossEntropy()).ok


@pytest.mark.parametrize(
    ("layers", "match"),
    [
        ([Embedding(7, 4), TiedDense(4, 8)], r"layer 0, Embedding, of which it needs w \(8, 4\), got w \(7, 4\)"),
        ([Embedding(7, 4), LSTM(4, 4), TiedDense(4, 7, tied_to=1)], r"layer 1, LSTM, .* got w_ih \(16, 4\)"),
        ([Embedding(7, 4), TiedDense(4, 7, tied_to=5)], "layer 1: tied_to must be the index of another layer, got 5"),
        ([Embedding(7, 4), TiedDense(4, 7, tied_to=1)], "layer 1: tied_to must be the index of another layer, got 1"),
    ],
)
def test_a_layer_that_does_not_fit_what_it_is_tied_to_is_refused(layers, match):
    with pytest.raises(ValueError, match=match):
        Sequential(*layers)


def test_arguments_are_checked():
    with pytest.raises(ValueError, match="tied_to must be an integer of 0 or more, got -1"):
        TiedDense(4, 7, tied_to=-1)
    with pytest.raises(ValueError, match="Chain takes no TiedDense: tied layers are layers of the model itself"):
        rnnbp.Chain(TiedDense(4, 7))
